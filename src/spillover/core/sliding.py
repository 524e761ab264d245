"""A sliding window: what was used in any interval of its length, to within one slot (decision record 0005).

A ring of n + 2 slots. At slot k the window is every slot from k - n on; a head that is ahead of k, as clocks differ,
counts as well. All slack of a box goes to the current slot, the others are bounded above by what they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from spillover.core.scopes import stem_of
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.hold import Mark
from spillover.model.policy import Limit


def slot_length(limit: Limit) -> int:
    """Milliseconds of one slot."""
    return -(-limit.window.length // limit.window.slots)


def ring(limit: Limit) -> int:
    """How many slots the ring has."""
    return limit.window.slots + 2


class Sliding:
    """See the head of this file, and core.gauges for what all gauges share."""

    __slots__ = ("behind", "head", "head_cell", "limit", "opens", "room", "scope", "slot", "stem", "values")

    def __init__(self, limit: Limit, scope: str, cells: Mapping[str, int], now: int) -> None:
        self.limit, self.scope = limit, scope
        self.stem = stem = stem_of(limit, scope)
        self.head_cell = stem + ":head"
        self.head = cells.get(self.head_cell, 0)
        self.slot = now // slot_length(limit)
        self.behind = self.slot < self.head - 1  # what is older than the ring cannot be looked at any more
        size = ring(limit)
        self.values = [cells.get(f"{stem}:{index}", 0) for index in range(size)]
        used = sum(self.values[index] for index in range(size) if self._counts(index))
        self.room: int = 0 if self.behind else max(limit.max - used, 0)
        self.opens = 1 if limit.per and not self.head else 0

    def _number(self, index: int) -> int:
        """The newest slot number up to the head that lies at this place of the ring."""
        return self.head - (self.head - index) % ring(self.limit)

    def _counts(self, index: int) -> bool:
        return self._number(index) >= self.slot - self.limit.window.slots

    def _is_cleared(self, index: int) -> bool:
        """Whether the head moves over this place, so that what lies there is over."""
        return self.slot > self.head and not self._kept(index)

    def _kept(self, index: int) -> bool:
        return self._number(index) > self.slot - ring(self.limit)

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See core.gauges."""
        if not (least or pinned or add):
            return
        moves = bool(add) and self.slot > self.head
        operations.append((self.head_cell, self.head, self.head, self.slot if moves else None, 0))
        if self.behind:
            return
        slack = self.limit.max - least - sum(v for i, v in enumerate(self.values) if self._counts(i))
        current = self.slot % ring(self.limit)
        for index, value in enumerate(self.values):
            name = f"{self.stem}:{index}"
            if self._is_cleared(index):
                operations.append((name, value, value, None, (add if index == current else 0) - value if add else 0))
            elif not self._counts(index):
                continue
            elif index == current:
                low, high = (value, value) if pinned else (0, value + slack)
                operations.append((name, low, high, None, add))
            else:
                operations.append((name, value if pinned else 0, value, None, 0))

    def record(self, add: int, operations: list[Operation]) -> None:
        """See core.gauges."""
        if not add or self.slot <= self.head - ring(self.limit):
            return
        moves = self.slot > self.head
        operations.append((self.head_cell, self.head, self.head, self.slot if moves else None, 0))
        current = self.slot % ring(self.limit)
        for index, value in enumerate(self.values):
            name = f"{self.stem}:{index}"
            if self._is_cleared(index):
                operations.append((name, value, value, None, (add if index == current else 0) - value))
            elif index == current:
                operations.append((name, 0, AMOUNT_MAX - add, None, add))

    def mark(self, count: int, before: int) -> Mark:
        """See core.gauges."""
        return Mark(self.limit.cell, count, self.scope, self.slot)


def turns(limit: Limit, head: int, now: int) -> list[int]:
    """The instants from `now` on at which a slot leaves the window."""
    length = slot_length(limit)
    last = max(head, now // length) + ring(limit) + 1
    return [slot * length for slot in range(now // length + 1, last + 1)]


def sliding_cells(limit: Limit, scope: str) -> tuple[str, ...]:
    """The names of the cells that the window reads."""
    stem = stem_of(limit, scope)
    return (stem + ":head", *(f"{stem}:{index}" for index in range(ring(limit))))
