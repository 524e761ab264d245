"""Spending limits (law 5): how much the paid layers of a request took together, and what the box must promise."""

from __future__ import annotations

from spillover.core.gauges import Gauge
from spillover.model.commit import Operation


class Spending:
    """The spending limits of a request; each is written once, for all paid layers."""

    __slots__ = ("gauges", "least", "pinned", "taken")

    def __init__(self, gauges: list[Gauge]) -> None:
        self.gauges = gauges
        self.taken = 0
        self.least = [0] * len(gauges)
        self.pinned: set[int] = set()

    def promise(self, blocking: int, amount: int, more: int) -> None:
        """What a layer that takes `amount` needs of each limit: `more` (a unit's more) before the one that blocks."""
        for index in range(len(self.gauges)):
            if index == blocking:
                self.pinned.add(index)
            need = self.taken + (more if index < blocking else amount)
            self.least[index] = max(self.least[index], need)

    def write(self, operations: list[Operation]) -> int:
        """Each limit once, for all paid layers together; how many scope values that brings to life."""
        opened = 0
        for index, limit in enumerate(self.gauges):
            limit.write(self.taken, max(self.least[index], self.taken), index in self.pinned, operations)
            opened += limit.opens if self.taken else 0
        return opened
