"""One limit as one request meets it: whom it concerns, its maximum now, where a use would count, what room there is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from spillover.model.account import Profile
from spillover.model.decision import Blocker, Blocking
from spillover.model.policy import Limit, Rule
from tests.oracle.history import FOREVER, Account, Counted, Poured, Uses
from tests.oracle.periods import period_of

TOLERANCE = 1_000
"""By how much clocks may differ, in milliseconds."""


class Asker(NamedTuple):
    """Who asks, and when."""

    account: Account
    subject: str
    attributes: dict[str, str]
    now: int
    late: int  # law 13: how far back usage may lie


class Place(NamedTuple):
    """Where a use counts: in which window (None: in none that is remembered), and whether there can be room in it."""

    window: int | None
    open: bool = True


def limits_of(rule: Rule) -> Iterator[Limit]:
    """All limits of a rule: ceilings, windows of allowances in layer order, spending limits, caps, forgiveness."""
    yield from rule.ceilings
    for layer in rule.waterfall:
        yield from layer.windows
    yield from rule.spending
    for layer in rule.waterfall:
        if layer.cap is not None:
            yield layer.cap
    if rule.overshoot is not None:
        yield rule.overshoot


def fits(only: tuple[tuple[str, tuple[str, ...]], ...], attributes: dict[str, str]) -> bool:
    return all(attributes.get(name) in values for name, values in only)


def scope_of(limit: Limit, asker: Asker) -> str | None:
    """For whom the limit counts: "" the whole account, else the subject or the attribute's value; None: unknown."""
    if limit.per == "":
        return ""
    if limit.per == "subject":
        return asker.subject
    return asker.attributes.get(limit.per)


def maximum(limit: Limit, scope: str, profile: Profile, now: int) -> int:
    """What the limit allows now: an override for just this value, else one for all, else the policy; the last of
    several counts."""
    most = limit.max
    for value in (None, scope):
        for override in profile.overrides:
            if override.limit == limit.title and override.scope == value and now < override.until:
                most = override.max
    return most


def slot_length(limit: Limit) -> int:
    return ceil(Fraction(limit.window.length, limit.window.slots))


class Meter:
    """See the head of this file. Law 12: usage is known by the limit's cell, whatever plan it was counted under."""

    def __init__(self, limit: Limit, asker: Asker) -> None:
        scope = scope_of(limit, asker)
        assert scope is not None
        self.limit, self.asker, self.scope = limit, asker, scope
        self.uses: Uses = asker.account.uses[limit.cell, scope if limit.per else None]
        self.max = maximum(limit, scope, asker.account.profile, asker.now)
        kind = limit.window.kind
        self.unit = Fraction(0)
        if kind == "refill" and self.max:
            self.unit = Fraction(limit.spacing, limit.ticks)
            if self.max != limit.max:
                self.unit = Fraction(limit.window.length, self.max)
        self.place = Place(FOREVER) if kind in {"ever", "refill"} else self._place()

    # Which window

    @property
    def remembers(self) -> bool:
        """Law 13: whether late usage may belong to the window before the standing one. Subjects count in the newest."""
        return self.asker.late > TOLERANCE and self.limit.of != "subjects"

    def _place(self) -> Place:
        window, now, opened = self.limit.window, self.asker.now, self.uses.windows
        if window.kind == "sliding":
            slot = now // slot_length(self.limit)
            head = max(opened, default=slot)
            remembered = slot >= head - window.slots - 1
            return Place(slot if remembered else None, slot >= head - 1)
        number = None if window.kind == "session" else period_of(window, self.asker.account.profile)(now)
        if not opened:
            return Place(now if number is None else number)
        standing = max(opened)
        before = max((one for one in opened if one != standing), default=None)
        remembers = self.remembers
        if number is None:
            return self._session(before, standing, remembers)
        if number >= standing:
            return Place(number)
        if not remembers:  # time does not run backwards: it counts in the newer period, where there was a boundary
            return Place(standing)
        return Place(number) if before is None or number >= before else Place(None, open=False)

    def _session(self, before: int | None, standing: int, remembers: bool) -> Place:
        """Opens at the first use that the session before it lacks."""
        now, length = self.asker.now, self.limit.window.length
        if now >= standing + length:
            return Place(now)
        if now >= standing or not remembers:
            return Place(standing)
        if before is not None and before <= now < before + length:
            return Place(before)
        if now + length > standing:  # it would reach into the standing one
            return Place(standing)
        return Place(now) if before is None or now >= before + length else Place(None, open=False)

    # What room

    @property
    def used(self) -> int:
        """What was counted in the window in which a use counts now."""
        window = self.place.window
        if window is None:
            return 0
        if self.limit.window.kind == "sliding":  # the slot, as many before it as the window has, and what is ahead
            return sum(count for slot, count in self.uses.windows.items() if slot >= window - self.limit.window.slots)
        return self.uses.windows.get(window, 0)

    @property
    def room(self) -> int:
        """What the limit leaves now, in its own count."""
        if not self.place.open:
            return 0
        if self.limit.window.kind == "refill":
            return max(0, self._in_bucket())
        return max(0, self.max - self.used)

    def _in_bucket(self) -> int:
        """Whole units in the bucket."""
        if not self.max:
            return 0
        full = self.uses.full_at(self.asker.now, self.max, self.unit)
        lacking = max(Fraction(0), full - self.asker.now)
        return floor((self.max * self.unit - lacking) / self.unit)

    @property
    def is_member(self) -> bool:
        """Whether the subject was counted in this window already."""
        window = self.place.window
        return window is not None and self.asker.subject in self.uses.members[window]

    # What it says and remembers

    def blocker(self, kind: Blocking, need: int, room: int | None = None) -> Blocker:
        """This limit stands in the way: it has `room` where `need` was asked for."""
        room = self.room if room is None else room
        return Blocker(kind, self.limit.name, room, need - room, self.limit.per, self.scope)

    def would_live(self) -> Iterator[str]:
        """Law 14: the values that a use brings to life here, if it counts anything."""
        if self.place.window is None or (self.limit.window.kind == "refill" and not self.max):
            return
        if self.limit.per and not self.uses.lives:
            yield "scope"
        if self.limit.of == "subjects" and self.asker.subject not in self.uses.met:
            yield self.asker.subject + "!"

    def count(self, amount: int) -> Counted | None:
        """It happened. None where nothing is remembered of it."""
        limit, now, window = self.limit, self.asker.now, self.place.window
        if not amount or window is None:
            return None
        if limit.window.kind == "refill":
            if not self.max:
                return None
            self.uses.pours.append(Poured(now, amount, self.max, self.unit))
            full = self.uses.full_at(now, self.max, self.unit)
            counted = Counted(self.uses, limit.of, "refill", 0, amount, full, self.max, self.unit)
            return counted._replace(counts=limit.counts, place=(limit.cell, self.scope))
        if limit.of == "subjects":
            self.uses.members[window].add(self.asker.subject)
            self.uses.met.add(self.asker.subject)
        self.uses.count(window, amount)
        counted = Counted(self.uses, limit.of, limit.window.kind, window, amount, slots=limit.window.slots)
        return counted._replace(counts=limit.counts, remembers=self.remembers, place=(limit.cell, self.scope))


def give_back(counted: Counted, amount: int, now: int) -> None:
    """Law 9: so much of what was counted did not happen. What belongs to a closed window is dropped: one in which no
    use can count any more."""
    uses = counted.uses
    if not amount:
        return
    if counted.kind == "refill":
        # Only what had not refilled meanwhile; nothing if its maximum has changed.
        if uses.pours and [pour for pour in uses.pours if pour.back is None][-1].most == counted.most:
            back = min(amount * counted.unit, max(Fraction(0), counted.back_at - now))
            if back:
                uses.pours.append(Poured(now, 0, counted.most, counted.unit, back))
        return
    if counted.window not in uses.windows:
        return
    if counted.kind == "sliding":
        same = counted.window >= uses.newest - counted.slots - 1
    else:
        same = counted.window in sorted(uses.windows)[-2 if counted.remembers else -1 :]
    if same:
        uses.windows[counted.window] -= min(amount, uses.windows[counted.window])


def session_end(uses: Uses, length: int) -> int:
    """When the session that stands is over."""
    return uses.newest + length


def next_period(limit: Limit, profile: Profile, now: int) -> int:
    """The first instant of the next period, found by trying."""
    period = period_of(limit.window, profile)
    step = 500
    while period(now + step) == period(now):
        step *= 2
    return bisect_left(range(now, now + step + 1), True, key=lambda at: period(at) != period(now)) + now
