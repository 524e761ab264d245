"""Counts the answers of a replay while it is fed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spillover.compare.sums import Credits, Denied, LayerUse, Refused, unit_of
from spillover.engine.answers import Decision, Ending
from spillover.engine.items import Answer
from spillover.model.errors import HoldEnded, SpilloverError
from spillover.model.leg import Leg
from spillover.model.policy import Policy
from spillover.replay.held import HoldTally
from spillover.replay.steps import Step
from spillover.replay.summary import HoldUse

EXAMPLES_MAX = 3
"""Refused requests of one kind that a summary repeats."""


class Tally:
    """What the answers come to so far."""

    def __init__(self, file: str, *, holds: bool = False) -> None:
        self._file = file
        self.requests = self.granted = self.granted_before = self.split = self.answered = 0
        self._holds = HoldTally() if holds else None
        self.group_seconds: list[float] = []
        self._denied: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._layers: dict[tuple[str, str], list[int]] = {}

    def take(self, steps: Sequence[Step], answers: Sequence[Answer], seconds: float) -> None:
        """One group's answers, which took so long together."""
        self.answered += len(steps)
        self.group_seconds.append(seconds)
        for step, answer in zip(steps, answers, strict=True):
            self.requests += step.kind == "start"
            if isinstance(answer, Ending):
                self._end(step, answer)
            elif isinstance(answer, HoldEnded) and step.kind == "expire":
                self._hold_tally.expired += 1  # before, and then it was committed late
            elif isinstance(answer, SpilloverError):
                self._refuse(step, answer)
            elif answer.allowed:
                self._grant(step, answer)
            elif answer.denial is not None:
                last = answer.denial.blockers[-1]
                self._denied[last.kind, last.name] += 1

    def holds(self) -> HoldUse | None:
        """What became of the holds; None where rows are none."""
        return self._holds.use() if self._holds else None

    @property
    def _hold_tally(self) -> HoldTally:
        assert self._holds is not None, "only a hold ends"
        return self._holds

    def _end(self, step: Step, ending: Ending) -> None:
        self._hold_tally.ended(step, ending)
        self._draw(ending.feature, ending.legs)

    def denied_before(self, count: int) -> None:
        """Requests that an earlier run has asked, and that came to nothing: late by now."""
        self.requests += count
        if count:
            self._denied["late", "time"] += count

    def _refuse(self, step: Step, error: SpilloverError) -> None:
        name = type(error).__name__
        self._refused[name] += 1
        examples = self._examples.setdefault(name, [])
        if len(examples) < EXAMPLES_MAX:
            examples.append(f"{self._file}:{step.entry.line}: {error}")

    def _grant(self, step: Step, decision: Decision) -> None:
        if decision.replayed:
            self.granted_before += 1
        else:
            self.granted += 1
        self.split += len(decision.legs) > 1
        if decision.due:
            self._hold_tally.opened(step, decision)  # who pays is told by its end
        else:
            self._draw(decision.feature, decision.legs)

    def _draw(self, feature: str, legs: Sequence[Leg]) -> None:
        for layer in {leg.layer for leg in legs}:  # a commit of more than was held may draw on one layer twice
            self._layers.setdefault((feature, layer), [0, 0, 0])[0] += 1
        for leg in legs:
            use = self._layers[feature, leg.layer]
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
