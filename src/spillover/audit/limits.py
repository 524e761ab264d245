"""Limits, counted anew from the events alone (invariant 14): what each had room for when an event took from it.

Each kind has one verb: `admit(held, name, at, amount)` answers the room that there was and counts the amount. What is
counted is kept by the name of the limit's cells, so that in the end it can be laid beside the settled state:

    session, fixed, calendar   [start, end, used], in cells NAME:start and NAME:used
    refill                     [tick, max], in cells NAME and NAME:max: when it would be full again
    ever                       [used], in cell NAME:used

`end` is only a hint, up to which `start` is known to be the window's; 0 means that it is not known (any more).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

from spillover.audit.periods import calendar_period, month_period

NUMBER_MAX = 2**53 - 1
TICKS_FROM = 1_577_836_800_000  # 2020-01-01
TICKS_UNTIL = 2_082_758_400_000  # 2036-01-01


class Terms(Protocol):
    """What a window may depend on, of the account's terms in force."""

    @property
    def zone(self) -> str: ...
    @property
    def anchor(self) -> int: ...


class Windows(Protocol):
    """What limits keep for an account."""

    @property
    def windows(self) -> dict[str, list[int]]: ...
    @property
    def terms(self) -> Terms: ...


class Limit:
    """What all kinds share: `requests` (else amounts) are counted, `per` is "", subject, or an attribute."""

    __slots__ = ("max", "name", "per", "requests", "stem")
    tail = ""

    def __init__(self, name: str, stem: str, most: int, per: str, requests: bool) -> None:
        """`stem` begins the names of its cells, and is the whole name of a limit for the whole account."""
        self.name, self.max, self.per, self.requests = name, most, per, requests
        self.stem = stem if per else stem + self.tail

    def of(self, subject: str, attributes: Mapping[str, str]) -> str | None:
        """By what name this limit counts for a request; None where it does not apply."""
        if not self.per:
            return self.stem
        scope = subject if self.per == "subject" else attributes.get(self.per)
        return None if scope is None else f"{self.stem}@{scope}{self.tail}"

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        """The room at this instant, before the amount is counted; 0 or more."""
        raise NotImplementedError


class Session(Limit):
    """Opens at first use and lasts so long."""

    __slots__ = ("length",)
    length: int

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        state = held.windows.get(name)
        if state is None or at >= state[0] + self.length:
            if amount:
                held.windows[name] = [at, 0, amount]
            return self.max
        room = self.max - state[2]
        state[2] += amount
        return room if room > 0 else 0


class Periodic(Limit):
    """Fixed or calendar: a new window begins with the first use in a period that starts later than the window did.

    Later by the shortest form of the period: a zone or billing day that is changed does not open a second window.
    """

    __slots__ = ("anchor", "length", "shortest", "unit", "zone")
    length: int  # of a fixed period; 0 for months and calendars
    shortest: int
    anchor: int | None  # None: the account's own
    unit: str  # of a calendar
    zone: str  # of a calendar; "account": the account's own

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        state = held.windows.get(name)
        if state is None or at >= state[1]:
            start, end = self.period(held.terms, at)
            if state is None or state[0] + self.shortest <= start:
                if amount:
                    held.windows[name] = [start, end, amount]
                return self.max
            state[1] = end if state[0] <= at else self.period(held.terms, state[0])[1]
        room = self.max - state[2]
        state[2] += amount
        return room if room > 0 else 0

    def period(self, terms: Terms, at: int) -> tuple[int, int]:
        """Start and end of the period around an instant."""
        if self.unit:
            return calendar_period(self.unit, terms.zone if self.zone == "account" else self.zone, at)
        anchor = terms.anchor if self.anchor is None else self.anchor
        if not self.length:
            return month_period(anchor, terms.zone, at)
        start = at - (at - anchor) % self.length
        return start, start + self.length


class Refill(Limit):
    """A bucket: units come back evenly, one every `spacing` ticks, `ticks` of which make a millisecond."""

    __slots__ = ("length", "spacing", "ticks")
    length: int
    spacing: int
    ticks: int

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        now = (at - TICKS_FROM) * self.ticks
        full, state = now, held.windows.get(name)
        if state is not None:
            if state[1] != self.max:  # under another maximum a tick was another time: whole units are carried over
                full += missing(*spaced(self.length, state[1]), state[0], at) * self.spacing
            elif state[0] > now:
                full = state[0]
        if amount:
            held.windows[name] = [full + amount * self.spacing, self.max]
        if full == now:
            return self.max
        room = self.max + (now - full) // self.spacing  # a unit that has begun to come back is still missing
        return room if room > 0 else 0


class Ever(Limit):
    """Never resets."""

    __slots__ = ()
    tail = ":used"

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        state = held.windows.get(name)
        used = state[0] if state else 0
        if amount:
            held.windows[name] = [used + amount]
        return self.max - used if used < self.max else 0


def missing(spacing: int, ticks: int, full: int, at: int) -> int:
    """Units that a bucket lacks until it is full again; one that has begun to come back is still missing."""
    lacking = full - (at - TICKS_FROM) * ticks
    return -(-lacking // spacing) if lacking > 0 else 0


def spaced(length: int, most: int) -> tuple[int, int]:
    """(spacing, ticks) of a bucket of `most` units in `length` milliseconds; rounded up where ticks would be too fine.

    Ticks count from 2020 and stay below 2^53 until 2036.
    """
    exact = Fraction(length, most)
    finest = NUMBER_MAX // (TICKS_UNTIL - TICKS_FROM + length)
    if exact.denominator <= finest:
        return exact.numerator, exact.denominator
    return -(-length * finest // most), finest


def cells_of(windows: dict[str, list[int]]) -> dict[str, int]:
    """What limits have counted, as cells; those that are 0 are left out."""
    cells: dict[str, int] = {}
    for name, state in windows.items():
        if len(state) == 3:
            cells[f"{name}:start"], cells[f"{name}:used"] = state[0], state[2]
        elif len(state) == 2:
            cells[name], cells[f"{name}:max"] = state
        else:
            cells[name] = state[0]
    return {name: value for name, value in cells.items() if value}
