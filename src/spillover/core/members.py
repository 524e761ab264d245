"""Distinct subjects: a window counts each subject once (decision record 0005).

A cell for each subject holds the start of the window in which it was last counted (1 for a limit that never resets), so
the names hold no time, and a subject that comes again in the same window costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from spillover.core.scopes import stem_of, written
from spillover.model.commit import Operation
from spillover.model.hold import Mark
from spillover.model.policy import Limit


class Inner(Protocol):
    """The counter of subjects: of a window, or for ever."""

    limit: Limit
    scope: str
    room: int
    opens: int

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None: ...
    def record(self, add: int, operations: list[Operation]) -> None: ...


class Members:
    """See the head of this file, and core.gauges for what all gauges share. `need` is 0 for one that was counted."""

    __slots__ = ("inner", "limit", "member", "need", "opens", "present", "room", "scope", "value")

    def __init__(self, inner: Inner, subject: str, cells: Mapping[str, int]) -> None:
        self.inner, self.limit, self.scope = inner, inner.limit, inner.scope
        self.member = self.cell_of(stem_of(inner.limit, inner.scope), subject)
        self.value = cells.get(self.member, 0)
        self.present: int = getattr(inner, "start", 1)
        self.need = 0 if self.value == self.present and not getattr(inner, "fresh", False) else 1
        self.room: int = inner.room
        self.opens = (inner.opens + (0 if self.value else 1)) if self.need else 0

    @staticmethod
    def cell_of(stem: str, subject: str) -> str:
        """The name of the cell of one subject."""
        return f"{stem}={written(subject)}"

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See core.gauges; `add` and `least` are `need` or 0."""
        self._member(add, operations)
        if self.need:
            self.inner.write(add, least, pinned, operations)
        else:
            self.inner.write(0, 0, False, operations)

    def record(self, add: int, operations: list[Operation]) -> None:
        """See core.gauges."""
        self._member(add, operations)
        self.inner.record(add, operations)

    def _member(self, add: int, operations: list[Operation]) -> None:
        operations.append((self.member, self.value, self.value, None, self.present - self.value if add else 0))

    def mark(self, count: int, before: int) -> Mark:
        """See core.gauges; a subject is never given back."""
        return Mark(self.limit.cell, 0, self.scope)
