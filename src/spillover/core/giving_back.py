"""Where a draw was counted, there it is given back, as far as that place still exists (design, law 9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spillover.core import sliding
from spillover.core.scopes import TICKS_FROM, bucket_scale, stem_of
from spillover.core.waterfall import OWED
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.hold import Mark
from spillover.model.policy import Limit

Back = tuple[Mark, int]
"""So much of a mark's count is given back."""


class Returns:
    """What is given back at one instant, collected by place, so that no cell is named twice."""

    def __init__(self, limits: Iterable[Limit], cells: Mapping[str, int], now: int, late: bool) -> None:
        self._limits = {limit.cell: limit for limit in (*limits, OWED)}
        self._cells, self._now, self._late = cells, now, late
        self._backs: dict[tuple[str, str, int, int], int] = {}

    def add(self, mark: Mark, count: int) -> None:
        """Give back `count` of a mark."""
        if count > 0:
            place = (mark.limit, mark.scope, mark.since, mark.max)
            self._backs[place] = self._backs.get(place, 0) + count

    def write(self, operations: list[Operation]) -> int:
        """All of it, each cell once; how many scope values this frees (law 14)."""
        by_stem: dict[tuple[str, str], list[Back]] = {}
        for (cell, scope, since, most), count in self._backs.items():
            by_stem.setdefault((cell, scope), []).append((Mark(cell, count, scope, since, most), count))
        freed = 0
        for (cell, scope), backs in by_stem.items():
            limit = self._limits[cell]
            kind = limit.window.kind
            stem = stem_of(limit, scope)
            if kind == "ever":
                freed += self._ever(limit, stem, backs, operations)
            elif kind == "refill":
                self._bucket(limit, stem, backs, operations)
            elif kind == "sliding":
                self._slots(limit, stem, backs, operations)
            else:
                self._counter(stem, backs, operations)
        return freed

    def _ever(self, limit: Limit, stem: str, backs: list[Back], operations: list[Operation]) -> int:
        name, count = stem + ":used", sum(count for _, count in backs)
        used = self._cells.get(name, 0)
        if not limit.per:
            operations.append((name, 0, AMOUNT_MAX, count, -count))
            return 0
        if used > count:  # and stays above 0 in the box, for a scope value lives as long as it counts something
            operations.append((name, count + 1, AMOUNT_MAX, None, -count))
            return 0
        operations.append((name, 1, count, count, -count) if used else (name, 0, 0, None, 0))
        return 1 if used else 0

    def _counter(self, stem: str, backs: list[Back], operations: list[Operation]) -> None:
        start, past = self._cells.get(stem + ":start", 0), self._cells.get(stem + ":past", 0)
        pinned = {":start": (start, ":used")} | ({":past": (past, ":past-used")} if self._late else {})
        for cell, (value, used) in pinned.items():
            count = sum(count for mark, count in backs if mark.since == value)
            operations.append((stem + cell, value, value, None, 0))
            if count:
                operations.append((stem + used, 0, AMOUNT_MAX, count, -count))

    def _bucket(self, limit: Limit, stem: str, backs: list[Back], operations: list[Operation]) -> None:
        most = self._cells.get(stem + ":max", 0)
        operations.append((stem + ":max", most, most, None, 0))
        back = 0
        if most:
            spacing, ticks = bucket_scale(limit.window.length, most)
            now = (self._now - TICKS_FROM) * ticks
            for mark, count in backs:
                if mark.max == most:
                    back += max(min(count * spacing, mark.since - now), 0)
            if back:
                operations.append((stem, 0, AMOUNT_MAX, now + back, -back))

    def _slots(self, limit: Limit, stem: str, backs: list[Back], operations: list[Operation]) -> None:
        head, size = self._cells.get(stem + ":head", 0), sliding.ring(limit)
        operations.append((stem + ":head", head, head, None, 0))
        for mark, count in backs:
            if head - size < mark.since <= head:
                operations.append((f"{stem}:{mark.since % size}", 0, AMOUNT_MAX, count, -count))
