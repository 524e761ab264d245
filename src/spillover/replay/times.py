"""When a row happened, in milliseconds: an instant, a number from an epoch, or a time within a session.

Times within a session are placed by a stated rule: a session starts after the epoch by the hash of its name, evenly
over the span that the map gives; a nested conversation counts from the next marker row of the conversation around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from spillover.core.instants import to_instant
from spillover.policy.windows import show_length
from spillover.replay.expressions import Cells, Unfit, condition_of, dealt, fits
from spillover.replay.rows import Fault, Row

SPAN_MILLISECONDS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_SCALE = {"s": Decimal(1000), "ms": Decimal(1), "us": Decimal("0.001")}


def span_of(written: str) -> int:
    """Milliseconds of a time such as 30d."""
    return int(written[:-1]) * SPAN_MILLISECONDS[written[-1]]


def instant_of(written: str) -> int:
    """Milliseconds since 1970 of an instant with its offset. Raises ValueError."""
    moment = datetime.fromisoformat(written.upper())
    if moment.tzinfo is None:
        raise ValueError(written)
    return to_instant(moment)


def milliseconds(column: str, found: str, unit: str) -> int:
    """Milliseconds that a number of s, ms or us in a column counts, rounded down. Raises Unfit."""
    if unit == "s" and found.isascii() and found.isdigit() and len(found) < 13:
        return int(found) * 1000
    if not _NUMBER.fullmatch(found):
        raise Unfit(column, repr(found), f"a number of {unit}")
    return int((Decimal(found) * _SCALE[unit]).to_integral_value(ROUND_FLOOR))


class TimeRule:
    """How a map says that rows tell their time."""

    def __init__(self, written: Mapping[str, Any]) -> None:
        self.column: str = written["column"]
        self.unit: str = written.get("unit", "rfc3339")
        self.epoch = instant_of(written["epoch"]) if "epoch" in written else 0
        session = written.get("session", {})
        self.sessions: tuple[str, ...] = tuple(session.get("of", ()))
        self.within = span_of(session["within"]) if session else 0
        self.nested: Mapping[str, Any] | None = written.get("nested")

    def columns(self) -> set[str]:
        """The columns that tell the time."""
        found = {self.column, *self.sessions}
        if self.nested:
            found |= {self.nested["parent"], self.nested["conversation"], *self.nested["marker"]}
        return found - {"#"}

    def at(self, cells: Cells, later: int) -> int:
        """The instant of a row, `later` milliseconds after what its own cell says."""
        return self.instant(self.column, cells, later)

    def instant(self, column: str, cells: Cells, later: int) -> int:
        """The instant that another column tells in the same way."""
        found = cells.get(column, "")
        if self.unit == "rfc3339":
            try:
                return instant_of(found) + later
            except (ValueError, OverflowError):
                raise Unfit(column, repr(found), "an instant such as 2026-01-01T00:00:00Z") from None
        if self.sessions:
            later += dealt("session", (cells.get(name, "") for name in self.sessions), self.within)
        return self.epoch + later + milliseconds(column, found, self.unit)

    def elapsed(self, cells: Cells) -> int:
        """Milliseconds that a number counts, rounded down."""
        return milliseconds(self.column, cells.get(self.column, ""), self.unit)

    def placed(self, rows: Iterable[Row | Fault]) -> Iterator[tuple[Row | Fault, int]]:
        """The rows, each with how much later it happened than its own cell says; nested ones after their marker."""
        if not self.nested:
            for row in rows:
                yield row, 0
            return
        parent, conversation = self.nested["parent"], self.nested["conversation"]
        marker = condition_of(self.nested["marker"])
        waiting: dict[str, list[Row]] = {}
        for row in rows:
            if isinstance(row, Fault):
                yield row, 0
                continue
            if outer := row.cells.get(parent, ""):
                waiting.setdefault(outer, []).append(row)
                continue
            if fits(marker, row.cells):
                yield from self._released(waiting.pop(row.cells.get(conversation, ""), []), row)
            yield row, 0
        for outer, rest in waiting.items():
            for row in rest:
                yield Fault(row.line, parent, f"rows inside {outer!r}", "a marker row of it later in the trace"), 0

    def _released(self, nested: list[Row], marker: Row) -> Iterator[tuple[Row | Fault, int]]:
        try:
            later = self.elapsed(marker.cells) if nested else 0
        except Unfit as unfit:
            for row in nested:
                found = f"{unfit.found} in its marker on line {marker.line}"
                yield Fault(row.line, unfit.column, found, unfit.expected), 0
            return
        for row in nested:
            yield row, later

    def assumption(self) -> str:
        """What this makes up because the trace does not tell it; "" if nothing."""
        if not self.sessions:
            return ""
        inside = "; nested conversations count from the next marker row of the one around them" if self.nested else ""
        return (
            f"times: each session ({', '.join(self.sessions)}) starts by its hash within"
            f" {show_length(self.within)} of the epoch{inside}"
        )
