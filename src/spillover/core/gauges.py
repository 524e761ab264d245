"""A limit at one instant, read from its cells: how much room it has, and how using it is written as a box.

Three encodings (design, section 5). A `Counter` keeps the start of its window and what was used in it, as two cells.
A `Bucket` keeps a theoretical arrival time in ticks, and the maximum it was written under. An `Ever` keeps what was
used, for good.

Each `write(add, least, pinned, operations)` appends the conditions under which the limit plays the same part (room for
at least `least`, or, when it is what blocks, exactly the room it has) together with the change by `add` <= `least`.
With `least` 0 any state will do, also one that is over a maximum that was lowered.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from spillover.core.instants import period
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.policy import Limit

TICKS_FROM, TICKS_UNTIL = 1_577_836_800_000, 2_082_758_400_000
"""Ticks of a bucket count from 2020-01-01 and stay below 2^53 until 2036-01-01, in milliseconds since 1970."""

SHORTEST = {"hour": 1_800_000, "day": 72_000_000, "week": 590_400_000, "month": 2_404_800_000}
"""How soon after the start of a calendar window another can begin: its shortest form, less what zones differ by within
a region. A zone or billing day that is changed in the middle of a window does not open a second one."""


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
            shortest = SHORTEST[window.unit] if window.unit else window.length
            self.fresh = not self.start or self.start + shortest <= opened
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


class Bucket:
    """A token bucket as a theoretical arrival time: the instant, in ticks, at which it is full again.

    How long a tick is depends on the maximum, so the maximum that the time was written under stands beside it: under
    a new one, what is missing in the bucket is carried over in whole units (law 12).
    """

    __slots__ = ("cell", "full", "limit", "max_cell", "max_value", "now", "room", "scope", "value")

    def __init__(self, limit: Limit, scope: str, profile: Profile, cells: Mapping[str, int], now: int) -> None:
        self.limit, self.scope = limit, scope
        self.cell = f"{limit.cell}@{scope}" if limit.per else limit.cell
        self.max_cell = self.cell + ":max"
        self.value, self.max_value = cells.get(self.cell, 0), cells.get(self.max_cell, 0)
        self.now = (now - TICKS_FROM) * limit.ticks
        self.full: int = self.value if self._same_maximum() else self._carried_over(now)
        room = limit.max + (self.now - max(self.full, self.now)) // limit.spacing
        self.room: int = max(room, 0)

    def _same_maximum(self) -> bool:
        return self.max_value in (0, self.limit.max)

    def _carried_over(self, now: int) -> int:
        spacing, ticks = bucket_scale(self.limit.window.length, self.max_value)
        missing = -(((now - TICKS_FROM) * ticks - self.value) // spacing)
        return self.now + max(missing, 0) * self.limit.spacing

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See the head of this file. Pinned: all values between two whole units leave the same room."""
        limit = self.limit
        if not (least or pinned):
            return
        written = limit.max - self.max_value if add else 0
        operations.append((self.max_cell, self.max_value, self.max_value, None, written))
        if not self._same_maximum():
            written = max(self.full, self.now) + add * limit.spacing - self.value if add else 0
            operations.append((self.cell, self.value, self.value, None, written))
            return
        high = self.now + (limit.max - least) * limit.spacing
        low = 0
        if pinned:
            high = self.now + (limit.max - self.room) * limit.spacing if self.room else AMOUNT_MAX
            if self.room < limit.max:
                low = self.now + (limit.max - self.room - 1) * limit.spacing + 1
        operations.append((self.cell, max(low, 0), high, self.now if add else None, add * limit.spacing))


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


Gauge = Counter | Bucket | Ever


def bucket_scale(length: int, most: int) -> tuple[int, int]:
    """(spacing, ticks): units `spacing` ticks apart, `ticks` of them in a millisecond, so that `most` take `length` ms.

    Exact where the fraction is fine enough for ticks to stay below 2^53, else rounded up, which is slower.
    """
    exact = Fraction(length, most)
    ticks_max = AMOUNT_MAX // (TICKS_UNTIL - TICKS_FROM + length)
    if exact.denominator <= ticks_max:
        return exact.numerator, exact.denominator
    return -(-length * ticks_max // most), ticks_max


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
        return (stem, stem + ":max")
    if kind == "ever":
        return (stem + ":used",)
    return (stem + ":start", stem + ":used")
