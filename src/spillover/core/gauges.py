"""A limit at one instant, read from its cells: how much room it has, and how using it is written as a box.

Three encodings (design, section 5). A `Counter` keeps the start of its window and what was used in it, as two cells.
A `Bucket` keeps one theoretical arrival time in ticks. An `Ever` keeps what was used, for good.

Each `write(add, least, pinned, operations)` appends the conditions under which the limit plays the same part (room for
at least `least`, or, when it is what blocks, exactly the room it has) together with the change by `add` <= `least`.
With `least` 0 any state will do, also one that is over a maximum that was lowered.
"""

from __future__ import annotations

from collections.abc import Mapping

from spillover.core.instants import period
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.policy import Limit

TICKS_FROM = 1_577_836_800_000
"""Ticks of a bucket count from 2020-01-01, so that ten years from today stay far below 2^53."""


class Counter:
    """A session, fixed or calendar window: used so far since `start`; `fresh` if this request would open a new one."""

    __slots__ = (
        "end",
        "fresh",
        "limit",
        "room",
        "scope",
        "start",
        "start_cell",
        "start_value",
        "used_cell",
        "used_value",
    )

    def __init__(self, limit: Limit, scope: str, profile: Profile, cells: Mapping[str, int], now: int) -> None:
        self.limit, self.scope = limit, scope
        stem = f"{limit.cell}@{scope}" if limit.per else limit.cell
        self.start_cell, self.used_cell = stem + ":start", stem + ":used"
        self.start_value = self.start = cells.get(self.start_cell, 0)
        self.used_value = cells.get(self.used_cell, 0)
        window = limit.window
        if window.kind == "session":
            self.end = self.start + window.length
            self.fresh = now >= self.end or not self.start
            if self.fresh:
                self.start, self.end = now, now + window.length
        else:
            opened, self.end = period(window, profile, now)
            # A start ahead of `now` was entered by a clock that is ahead within the tolerance: the later window counts.
            self.fresh = self.start < opened
            if self.fresh:
                self.start = opened
            elif self.start > opened:
                self.end = period(window, profile, self.start)[1]
        room = limit.max if self.fresh else limit.max - self.used_value
        self.room: int = max(room, 0)

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See the head of this file."""
        if self.fresh:
            # Any earlier start is over as well. What was used then is set to what is used now: a pin with an add.
            if add:
                operations.append((self.start_cell, 0, self.start_value, self.start, 0))
                operations.append((self.used_cell, self.used_value, self.used_value, None, add - self.used_value))
            else:
                operations.append((self.start_cell, 0, self.start_value, None, 0))
            return
        operations.append((self.start_cell, self.start_value, self.start_value, None, 0))
        if pinned:
            operations.append((self.used_cell, self.used_value, self.used_value, None, add))
        elif least:
            operations.append((self.used_cell, 0, self.limit.max - least, None, add))

    def opens_at(self) -> int:
        """The first instant at which this window has been left; milliseconds."""
        return self.end


class Bucket:
    """A token bucket as a theoretical arrival time: the instant, in ticks, at which it is full again."""

    __slots__ = ("cell", "limit", "now", "room", "scope", "value")

    def __init__(self, limit: Limit, scope: str, profile: Profile, cells: Mapping[str, int], now: int) -> None:
        self.limit, self.scope = limit, scope
        self.cell = f"{limit.cell}@{scope}" if limit.per else limit.cell
        self.value = cells.get(self.cell, 0)
        self.now = (now - TICKS_FROM) * limit.ticks
        room = limit.max + (self.now - max(self.value, self.now)) // limit.spacing
        self.room: int = max(room, 0)

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See the head of this file. Pinned: all values between two whole units leave the same room."""
        if not (least or pinned):
            return
        limit = self.limit
        high = self.now + (limit.max - least) * limit.spacing
        low = 0
        if pinned:
            high = self.now + (limit.max - self.room) * limit.spacing if self.room else AMOUNT_MAX
            if self.room < limit.max:
                low = self.now + (limit.max - self.room - 1) * limit.spacing + 1
        operations.append((self.cell, max(low, 0), high, self.now if add else None, add * limit.spacing))

    def opens_at(self) -> int:
        """The first instant at which one unit more is there; milliseconds."""
        limit = self.limit
        tick = self.value - (limit.max - self.room - 1) * limit.spacing
        return TICKS_FROM - (-tick // limit.ticks)


class Ever:
    """A limit that never resets."""

    __slots__ = ("cell", "limit", "room", "scope", "value")

    def __init__(self, limit: Limit, scope: str, profile: Profile, cells: Mapping[str, int], now: int) -> None:
        self.limit, self.scope = limit, scope
        self.cell = f"{limit.cell}@{scope}:used" if limit.per else limit.cell + ":used"
        self.value = cells.get(self.cell, 0)
        self.room: int = max(limit.max - self.value, 0)

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See the head of this file."""
        if pinned:
            operations.append((self.cell, self.value, self.value, None, add))
        elif least:
            operations.append((self.cell, 0, self.limit.max - least, None, add))

    def opens_at(self) -> int | None:
        """Never."""
        return None


Gauge = Counter | Bucket | Ever


def gauge(limit: Limit, scope: str, profile: Profile, cells: Mapping[str, int], now: int) -> Gauge:
    """The limit as it stands at `now`, for the account or for one `scope` value."""
    kind = limit.window.kind
    if kind == "refill":
        return Bucket(limit, scope, profile, cells, now)
    if kind == "ever":
        return Ever(limit, scope, profile, cells, now)
    return Counter(limit, scope, profile, cells, now)


def gauge_cells(limit: Limit, scope: str) -> tuple[str, ...]:
    """The names of the cells that the limit reads."""
    stem = f"{limit.cell}@{scope}" if limit.per else limit.cell
    kind = limit.window.kind
    if kind == "refill":
        return (stem,)
    if kind == "ever":
        return (stem + ":used",)
    return (stem + ":start", stem + ":used")
