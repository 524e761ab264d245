"""Counts the answers of a replay while it is fed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spillover.engine.answers import Decision
from spillover.engine.items import Answer
from spillover.model.errors import SpilloverError
from spillover.model.policy import Policy
from spillover.replay.requests import Entry
from spillover.replay.summary import Credits, Denied, LayerUse, Refused, unit_of

EXAMPLES_MAX = 3
"""Refused requests of one kind that a summary repeats."""


class Tally:
    """What the answers come to so far."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.requests = self.granted = self.granted_before = self.split = 0
        self.group_seconds: list[float] = []
        self._denied: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._layers: dict[tuple[str, str], list[int]] = {}

    def take(self, entries: Sequence[Entry], answers: Sequence[Answer], seconds: float) -> None:
        """One group's answers, which took so long together."""
        self.requests += len(entries)
        self.group_seconds.append(seconds)
        for entry, answer in zip(entries, answers, strict=True):
            if isinstance(answer, SpilloverError):
                self._refuse(entry, answer)
            elif answer.allowed:
                self._grant(answer)
            elif answer.denial is not None:
                last = answer.denial.blockers[-1]
                self._denied[last.kind, last.name] += 1

    def denied_before(self, count: int) -> None:
        """Requests that an earlier run has asked, and that came to nothing: late by now."""
        self.requests += count
        if count:
            self._denied["late", "time"] += count

    def _refuse(self, entry: Entry, error: SpilloverError) -> None:
        name = type(error).__name__
        self._refused[name] += 1
        examples = self._examples.setdefault(name, [])
        if len(examples) < EXAMPLES_MAX:
            examples.append(f"{self._file}:{entry.line}: {error}")

    def _grant(self, decision: Decision) -> None:
        if decision.replayed:
            self.granted_before += 1
        else:
            self.granted += 1
        self.split += len(decision.legs) > 1
        for leg in decision.legs:
            use = self._layers.setdefault((decision.feature, leg.layer), [0, 0, 0])
            use[0] += 1
            use[1] += leg.units
            use[2] += leg.amount

    def denied(self) -> tuple[Denied, ...]:
        """Denials by reason, the most frequent first."""
        return tuple(Denied(*reason, count) for reason, count in self._denied.most_common())

    def refused(self) -> tuple[Refused, ...]:
        """Errors by their kind, the most frequent first."""
        return tuple(Refused(name, n, tuple(self._examples[name])) for name, n in self._refused.most_common())

    def layers(self, policy: Policy) -> tuple[LayerUse, ...]:
        """What each layer gave, by feature, in the order of a waterfall."""
        order = ("allowance", "units", "credits", "overage")
        found = sorted(self._layers.items(), key=lambda use: (use[0][0], order.index(use[0][1])))
        return tuple(
            LayerUse(feature, layer, requests, units, unit_of(policy, feature), Credits.of(micro))
            for (feature, layer), (requests, units, micro) in found
        )
