"""A figure: samples taken in turn with those of a limit or a peer, compared pair by pair, beside its aim.

Nothing here asserts. A missed aim is a line of the report that says by how much.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")

Unit = Literal["/s", "us", "ms", "B"]
"""Per second, microseconds, milliseconds, bytes."""


class Aim(NamedTuple):
    """A bound for a figure's median, or for the median of its ratio to what stands beside it."""

    of: Literal["value", "ratio"]
    bound: float
    sense: Literal["at least", "at most"]


class Figure(NamedTuple):
    """`samples` of one thing, and of what it is compared with, taken in the same rounds; both in `unit`."""

    name: str
    unit: Unit
    samples: Sequence[float]
    beside: str = ""
    others: Sequence[float] = ()
    aims: tuple[Aim, ...] = ()
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Pair by pair: what this is of what stands beside it."""
        return [mine / other for mine, other in zip(self.samples, self.others, strict=True)] if self.others else []

    def missed(self, aim: Aim) -> float:
        """By which part of the bound the median misses it; 0 or less if it is met."""
        found = median(self.ratios if aim.of == "ratio" else self.samples)
        return (aim.bound - found if aim.sense == "at least" else found - aim.bound) / aim.bound


class Group(NamedTuple):
    """Figures of one measurement; `about` says what was done and what exactly stands beside it."""

    title: str
    figures: Sequence[Figure]
    about: str


def in_turn(rounds: int, contestants: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Each contestant once per round, in order (A B A B ...), so that what else the machine does falls on all alike."""
    found: dict[str, list[T]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            gc.collect()
            found[name].append(run())
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
