"""A limit at one instant, read from its cells: how much room it has, and how using it is written as a box.

Encodings (design, section 5). A `Counter` keeps the start of its window and what was used in it, as two cells. A
`Bucket` keeps a theoretical arrival time in ticks, and the maximum it was written under. An `Ever` keeps what was used,
for good. `Sliding` and `Members` (distinct subjects) have files of their own.

`write(add, least, pinned, operations)` appends the conditions under which the limit plays the same part (room for at
least `least`, or, when it is what blocks, exactly the room it has) together with the change by `add` <= `least`. With
`least` 0 any state will do, also one that is over a maximum that was lowered. `record(add, operations)` counts without
bound. `mark(count, before)` tells where `count` was counted, after `before` of the same commit, so that it can be given
back (core.giving_back). `opens`: how many scope values a use brings to life (law 14); then their first cell is pinned
at 0, and where one is alive it stays above 0 in the box.
"""

from __future__ import annotations

from collections.abc import Mapping

from spillover.core.instants import period
from spillover.core.members import Members
from spillover.core.scopes import TICKS_FROM, bucket_scale, in_force, stem_of
from spillover.core.sliding import Sliding, sliding_cells
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.hold import Mark
from spillover.model.policy import Limit

SHORTEST = {"hour": 1_800_000, "day": 72_000_000, "week": 590_400_000, "month": 2_404_800_000}
"""How soon after the start of a calendar window another can begin: its shortest form, less what zones differ by within
a region. A zone or billing day that is changed in the middle of a window does not open a second one."""


class Counter:
    """A session, fixed or calendar window: used so far since `start`; `fresh` if this request would open a new one.

    With `late`, usage may belong to the window before the one that stands (law 13): then `standing` is what its start
    is pinned to, and the other cells are those of the window before.
    """

    __slots__ = (
        "end", "ended", "fresh", "known", "late", "limit", "opens", "past", "room", "scope", "standing", "start",
        "start_cell", "start_value", "stem", "used_cell", "used_value",
    )  # fmt: skip

    def __init__(
        self, limit: Limit, scope: str, profile: Profile, cells: Mapping[str, int], now: int, late: bool = False
    ) -> None:
        self.limit, self.scope, self.late = limit, scope, late
        self.stem = stem = stem_of(limit, scope) if limit.per else limit.cell
        self.start_cell, self.used_cell = stem + ":start", stem + ":used"
        self.start_value = self.start = start = cells.get(self.start_cell, 0)
        self.used_value = cells.get(self.used_cell, 0)
        self.standing: int | None = None
        self.ended: int | None = None
        self.known = True
        self.opens = 1 if limit.per and not start else 0
        if late:
            self.past = (cells.get(stem + ":past", 0), cells.get(stem + ":past-used", 0))
        window = limit.window
        if window.kind == "session":
            opened, self.end, shortest = now, start + window.length, window.length
        else:
            opened, self.end = period(window, profile, now)
            shortest = SHORTEST[window.unit] if window.unit else window.length
        self.fresh = not start or start + shortest <= opened
        if self.fresh:
            self.start = opened
            if window.kind == "session":
                self.end = now + window.length
        elif start > opened and not (late and self._is_before(opened, shortest, now)) and window.kind != "session":
            # A start ahead of `now` was entered by a clock that is ahead within the tolerance: the later window counts.
            self.end = period(window, profile, start)[1]
        room = limit.max if self.fresh else limit.max - self.used_value
        self.room: int = room if room > 0 and self.known else 0

    def _is_before(self, opened: int, shortest: int, now: int) -> bool:
        """Whether the usage belongs to the window before the standing one; then that is what is read and written."""
        past, window = self.past[0], self.limit.window
        same = opened < past + shortest
        if window.kind != "session" and now >= self.start_value:
            return False  # not late: a zone or billing day has changed, which opens no second window
        # A session that would reach into the standing one is the standing one.
        if not (opened + shortest <= self.start_value or (same and window.kind == "session")):
            if window.kind == "session":
                self.ended = opened - shortest
            return False
        # What is older than the window before is not known any more.
        self._before(same, known=opened >= past if window.kind == "session" else opened + shortest > past)
        if self.fresh:
            self.start = opened
            self.end = opened + shortest if window.kind == "session" else self.end
        return True

    def _before(self, same: bool, *, known: bool) -> None:
        """The window before the standing one: the one that is kept (`same`), or a new one later than that."""
        self.standing = self.start_value
        self.start_cell, self.used_cell = self.stem + ":past", self.stem + ":past-used"
        self.start_value, self.used_value = self.past
        self.start = self.start_value
        self.known = known
        self.fresh = not same

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See the head of this file."""
        if self.standing is not None:
            operations.append((self.stem + ":start", self.standing, self.standing, None, 0))
        if self.ended is not None:
            operations.append((self.stem + ":past", 0, self.ended, None, 0))
        if self.fresh:
            # Any earlier start is over as well. What was used then is set to what is used now: a pin with an add.
            self._open(add, operations)
            return
        operations.append((self.start_cell, self.start_value, self.start_value, None, 0))
        if pinned:
            operations.append((self.used_cell, self.used_value, self.used_value, None, add))
        elif least:
            operations.append((self.used_cell, 0, self.limit.max - least, None, add))

    def _open(self, add: int, operations: list[Operation]) -> None:
        value, used = self.start_value, self.used_value
        low = 1 if self.limit.per and value else 0
        if not add:
            operations.append((self.start_cell, low, value, None, 0))
            return
        if self.late and self.standing is None and value:
            # What stood becomes the window before, so it is pinned whole.
            low = value
            past, past_used = self.past
            operations.append((self.stem + ":past", past, past, None, value - past))
            operations.append((self.stem + ":past-used", past_used, past_used, None, used - past_used))
        operations.append((self.start_cell, low, value, self.start, 0))
        operations.append((self.used_cell, used, used, None, add - used))

    def record(self, add: int, operations: list[Operation]) -> None:
        """See the head of this file."""
        if not self.known:
            self.write(0, 0, False, operations)
            return
        if self.fresh:
            self.write(add, add, False, operations)
            return
        if self.standing is not None:
            operations.append((self.stem + ":start", self.standing, self.standing, None, 0))
        if self.ended is not None:
            operations.append((self.stem + ":past", 0, self.ended, None, 0))
        operations.append((self.start_cell, self.start_value, self.start_value, None, 0))
        operations.append((self.used_cell, 0, AMOUNT_MAX - add, None, add))

    def mark(self, count: int, before: int) -> Mark:
        """See the head of this file."""
        return Mark(self.limit.cell, count, self.scope, self.start)


class Bucket:
    """A token bucket as a theoretical arrival time: the instant, in ticks, at which it is full again.

    How long a tick is depends on the maximum, so the maximum that the time was written under stands beside it: under
    a new one, what is missing in the bucket is carried over in whole units (law 12).
    """

    __slots__ = ("cell", "full", "limit", "marked", "max_cell", "max_value", "now", "opens", "room", "scope", "value")

    def __init__(self, limit: Limit, scope: str, cells: Mapping[str, int], now: int) -> None:
        self.limit, self.scope = limit, scope
        self.marked = False
        self.cell = stem_of(limit, scope)
        self.max_cell = self.cell + ":max"
        self.value, self.max_value = cells.get(self.cell, 0), cells.get(self.max_cell, 0)
        self.now = (now - TICKS_FROM) * limit.ticks
        self.full: int = self.value if self._same_maximum() else self._carried_over(now)
        room = limit.max + (self.now - max(self.full, self.now)) // limit.spacing
        self.room: int = max(room, 0)
        self.opens = 1 if limit.per and not self.max_value else 0

    def _same_maximum(self) -> bool:
        return self.max_value in (0, self.limit.max)

    def _carried_over(self, now: int) -> int:
        spacing, ticks = bucket_scale(self.limit.window.length, self.max_value)
        missing = -(((now - TICKS_FROM) * ticks - self.value) // spacing)
        return min(self.now + max(missing, 0) * self.limit.spacing, AMOUNT_MAX)

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See the head of this file. Pinned: all values between two whole units leave the same room."""
        limit = self.limit
        if not (least or pinned):
            return
        self._write_maximum(add, operations)
        if not self._same_maximum():
            self._set(add, operations)
            return
        high = self.now + (limit.max - least) * limit.spacing
        low = 0
        if add and self.marked:
            low, high = (0, self.now) if self.value <= self.now else (self.value, self.value)
        elif pinned:
            high = self.now + (limit.max - self.room) * limit.spacing if self.room else AMOUNT_MAX
            if self.room < limit.max:
                low = self.now + (limit.max - self.room - 1) * limit.spacing + 1
        operations.append((self.cell, max(low, 0), high, self.now if add else None, add * limit.spacing))

    def _write_maximum(self, add: int, operations: list[Operation]) -> None:
        written = self.limit.max - self.max_value if add else 0
        operations.append((self.max_cell, self.max_value, self.max_value, None, written))

    def _set(self, add: int, operations: list[Operation]) -> None:
        # A cell holds no more than 2^53 - 1: a bucket that is lowered far below what is missing stays at that.
        full = min(max(self.full, self.now) + add * self.limit.spacing, AMOUNT_MAX)
        operations.append((self.cell, self.value, self.value, None, full - self.value if add else 0))

    def record(self, add: int, operations: list[Operation]) -> None:
        """See the head of this file."""
        if not add:
            return
        self._write_maximum(add, operations)
        spent = add * self.limit.spacing
        if not self._same_maximum() or max(self.value, self.now) + spent > AMOUNT_MAX:
            self._set(add, operations)
            return
        operations.append((self.cell, 0, AMOUNT_MAX - spent, self.now, spent))

    def mark(self, count: int, before: int) -> Mark:
        """See the head of this file."""
        back = min(max(self.full, self.now) + (before + count) * self.limit.spacing, AMOUNT_MAX)
        return Mark(self.limit.cell, count, self.scope, back, self.limit.max)


class Shut:
    """A bucket of 0, as `limits.set` may make it: it never gives anything, whatever its cells hold."""

    __slots__ = ("limit", "opens", "room", "scope")

    def __init__(self, limit: Limit, scope: str) -> None:
        self.limit, self.scope, self.room, self.opens = limit, scope, 0, 0

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See the head of this file."""

    def record(self, add: int, operations: list[Operation]) -> None:
        """See the head of this file."""

    def mark(self, count: int, before: int) -> Mark:
        """See the head of this file."""
        return Mark(self.limit.cell, 0, self.scope)


class Ever:
    """A limit that never resets."""

    __slots__ = ("cell", "limit", "opens", "room", "scope", "value")

    def __init__(self, limit: Limit, scope: str, cells: Mapping[str, int]) -> None:
        self.limit, self.scope = limit, scope
        self.cell = stem_of(limit, scope) + ":used"
        self.value = cells.get(self.cell, 0)
        self.room: int = max(limit.max - self.value, 0)
        self.opens = 1 if limit.per and not self.value else 0

    def write(self, add: int, least: int, pinned: bool, operations: list[Operation]) -> None:
        """See the head of this file."""
        if pinned:
            operations.append((self.cell, self.value, self.value, None, add))
        elif least:
            operations.append(self._between(self.limit.max - least, add))

    def _between(self, high: int, add: int) -> Operation:
        # For a scope value that a use brings to life, or that lives, the box keeps it so.
        if self.limit.per and add:
            return (self.cell, 0, 0, None, add) if self.opens else (self.cell, 1, high, None, add)
        return (self.cell, 0, high, None, add)

    def record(self, add: int, operations: list[Operation]) -> None:
        """See the head of this file."""
        if add:
            operations.append(self._between(AMOUNT_MAX - add, add))

    def mark(self, count: int, before: int) -> Mark:
        """See the head of this file."""
        return Mark(self.limit.cell, count, self.scope)


Gauge = Counter | Bucket | Shut | Ever | Sliding | Members


def gauge(
    limit: Limit, scope: str, profile: Profile, cells: Mapping[str, int], now: int, subject: str = "",
    late: bool = False,
) -> Gauge:  # fmt: skip
    """The limit as it stands at `now`, for the account or for one `scope` value.

    `subject` is who is counted where distinct subjects are. `late`: usage may belong to the window before (law 13).
    """
    if profile.overrides:
        limit = in_force(limit, scope, profile, now)
    kind = limit.window.kind
    if kind == "refill":
        return Bucket(limit, scope, cells, now) if limit.max else Shut(limit, scope)
    if kind == "sliding":
        return Sliding(limit, scope, cells, now)
    if limit.of == "subjects":
        inner = Ever(limit, scope, cells) if kind == "ever" else Counter(limit, scope, profile, cells, now)
        return Members(inner, subject, cells)
    if kind == "ever":
        return Ever(limit, scope, cells)
    return Counter(limit, scope, profile, cells, now, late)


def gauge_cells(limit: Limit, scope: str, subject: str = "", late: bool = False) -> tuple[str, ...]:
    """The names of the cells that the limit reads."""
    stem = stem_of(limit, scope)
    kind = limit.window.kind
    if kind == "refill":
        return (stem, stem + ":max")
    if kind == "sliding":
        return sliding_cells(limit, scope)
    names = (stem + ":used",) if kind == "ever" else (stem + ":start", stem + ":used")
    if limit.of == "subjects":
        return (*names, Members.cell_of(stem, subject))
    if late and kind != "ever":
        return (*names, stem + ":past", stem + ":past-used")
    return names
