"""The part of a map that makes a row a hold: the estimate it is opened on, and when and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast

from spillover.core.intake import HOLD_MAX, HOLD_MIN, TIME_MAX
from spillover.replay.expressions import Cells, Count, Unfit, columns_of, count_of, text_of
from spillover.replay.times import TimeRule, milliseconds, span_of

OUTCOMES = ("commit", "release", "nothing")
"""How a row's hold may end; with `nothing` it never does, and expires."""


class End(NamedTuple):
    """The end of a row's hold, at its own instant. `usage` is the true one of a commit."""

    at: int
    verb: Literal["commit", "release"]
    usage: dict[str, int]


class EndRule:
    """How a map says that rows end."""

    def __init__(self, written: Mapping[str, Any], time: TimeRule) -> None:
        ends = written["ends"]
        self._time = time
        self.column: str = ends["column"] if "column" in ends else ends["lasting"]
        self._unit: str | None = None if "column" in ends else ends.get("unit", "s")
        self._when_empty: int | None = ends.get("when_empty")
        self._written = written
        self._outcome = text_of(written["outcome"]) if "outcome" in written else None
        self.lasts = span_of(written["lasts"]) if "lasts" in written else None
        self.estimate: dict[str, Count] | None = (
            {name: count_of(value) for name, value in written["estimate"].items()} if "estimate" in written else None
        )

    def columns(self) -> set[str]:
        """The columns that this reads."""
        found = {self.column}
        for expression in (self._written.get("outcome", {}), *self._written.get("estimate", {}).values()):
            found |= columns_of(expression)
        return found - {"#"}

    def outcome(self, cells: Cells) -> str:
        """How a row ended: one of OUTCOMES. Raises Unfit."""
        found = self._outcome(cells) if self._outcome else "commit"
        if found not in OUTCOMES:
            raise Unfit("hold.outcome", repr(found), f"one of {', '.join(OUTCOMES)}")
        return found

    def at(self, cells: Cells, start: int, later: int) -> int | None:
        """When a row that started then ended; None where its cell is empty: it never did. Raises Unfit."""
        found = cells.get(self.column, "")
        if not found and self._when_empty is None:
            return None
        if self._unit is None:
            ends = self._time.instant(self.column, cells, later)
        else:
            ends = start + milliseconds(self.column, found or str(self._when_empty), self._unit)
        if not start <= ends < TIME_MAX:
            raise Unfit(self.column, repr(found), "an end that is not before its start, and before the year 2036")
        return ends

    def end(self, cells: Cells, start: int, later: int, usage: Callable[[], dict[str, int]]) -> End | None:
        """The end of a row that started then; None for one that never ended. Raises Unfit, and what `usage` raises."""
        outcome = self.outcome(cells)
        at = self.at(cells, start, later) if outcome != "nothing" else None
        if at is None:
            return None
        return End(at, cast(Literal["commit", "release"], outcome), usage() if outcome == "commit" else {})

    def assumptions(self) -> Iterator[str]:
        """What this makes up because the trace does not tell it, in sentences."""
        if self._when_empty is not None:
            yield f"ends: a row without {self.column} lasted {self._when_empty} {self._unit}"


def lasts_fit(lasts: int) -> bool:
    """Whether a hold may last so many milliseconds."""
    return HOLD_MIN <= lasts <= HOLD_MAX
