"""Counts what one policy does with requests, for one plan and feature; such counts add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from spillover.compare.lane import Answer
from spillover.compare.report import LAYERS, Figures, Layer, Served
from spillover.compare.sums import Credits, Denied, LayerUse, Refused, unit_of
from spillover.model.decision import Verdict
from spillover.model.errors import SpilloverError
from spillover.model.policy import Policy

EXAMPLES_MAX = 3
"""Errors of one kind, and requests that change sides in one group, that are repeated in full."""

Reason = tuple[str, str]


class Count:
    """What the answers of one policy, of one feature, come to."""

    __slots__ = (
        "asked", "denied", "examples", "feature", "forgiven", "granted", "granted_units", "layers", "refused",
        "repeated", "requests", "split",
    )  # fmt: skip

    def __init__(self, feature: str) -> None:
        self.feature = feature
        self.requests = self.granted = self.repeated = self.split = self.asked = self.granted_units = self.forgiven = 0
        self.layers: dict[Layer, list[int]] = {}
        self.denied: Counter[Reason] = Counter()
        self.refused: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def take(self, answer: Answer) -> int:
        """One answer. What it charges in all, in micro-credits."""
        self.requests += 1
        if answer is None:
            self.repeated += 1
            return 0
        if isinstance(answer, SpilloverError):
            self._refuse(answer)
            return 0
        self.asked += answer.units
        if not answer.allowed:
            last = answer.blockers[-1]
            self.denied[last.kind, last.name] += 1
            return 0
        return self._grant(answer)

    def _refuse(self, error: SpilloverError) -> None:
        kind = type(error).__name__
        self.refused[kind] += 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < EXAMPLES_MAX and str(error) not in examples:
            examples.append(str(error))

    def _grant(self, verdict: Verdict) -> int:
        self.granted += 1
        self.granted_units += verdict.granted
        self.split += len(verdict.legs) + bool(verdict.overshoot) > 1
        charged = 0
        for leg in verdict.legs:
            self._layer(leg.layer, leg.units, leg.amount)
            charged += leg.amount
        if verdict.overshoot:
            self._layer("overshoot", verdict.overshoot.units, verdict.overshoot.owed)
            self.forgiven += verdict.overshoot.forgiven
            charged += verdict.overshoot.owed
        return charged

    def _layer(self, layer: Layer, units: int, amount: int) -> None:
        use = self.layers.get(layer)
        if use is None:
            use = self.layers[layer] = [0, 0, 0]
        use[0] += 1
        use[1] += units
        use[2] += amount


def figures_of(counts: Iterable[Count], policy: Policy) -> Figures:
    """Counts of several plans and features as one."""
    every = list(counts)
    denied: Counter[Reason] = Counter()
    refused: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    uses: dict[tuple[str, Layer], list[int]] = {}
    served: dict[str, list[int]] = {}
    for count in every:
        denied.update(count.denied)
        refused.update(count.refused)
        for kind, texts in count.examples.items():
            examples[kind] = (examples.get(kind, []) + texts)[:EXAMPLES_MAX]
        for layer, numbers in count.layers.items():
            _add(uses.setdefault((count.feature, layer), [0, 0, 0]), numbers)
        _add(served.setdefault(count.feature, [0, 0]), (count.asked, count.granted_units))
    paid = {layer: Credits.of(sum(use[2] for (_, at), use in uses.items() if at == layer)) for layer in LAYERS}
    return Figures(
        sum(count.requests for count in every), sum(count.granted for count in every),
        sum(count.repeated for count in every), denied.total(), refused.total(), sum(count.split for count in every),
        Credits.of(sum(amount.micro_credits for amount in paid.values())), paid["credits"], paid["overage"],
        paid["overshoot"], Credits.of(sum(count.forgiven for count in every)),
        tuple(Served(feature, unit_of(policy, feature), *units) for feature, units in sorted(served.items())),
        tuple(
            LayerUse(feature, layer, requests, units, unit_of(policy, feature), Credits.of(micro))
            for (feature, layer), (requests, units, micro) in sorted(uses.items(), key=_in_order)
        ),
        tuple(Denied(*reason, number) for reason, number in sorted(denied.items(), key=_most_first)),
        tuple(Refused(kind, number, tuple(examples[kind])) for kind, number in sorted(refused.items())),
    )  # fmt: skip


def _add(sums: list[int], numbers: Iterable[int]) -> None:
    for place, number in enumerate(numbers):
        sums[place] += number


def _in_order(use: tuple[tuple[str, Layer], list[int]]) -> tuple[str, int]:
    return use[0][0], LAYERS.index(use[0][1])


def _most_first(denied: tuple[Reason, int]) -> tuple[int, Reason]:
    return -denied[1], denied[0]
