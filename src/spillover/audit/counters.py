"""Windows with a start: sessions, fixed periods, and the clock's own. Where usage may come late, the one before too."""

from __future__ import annotations

from collections.abc import Set

from spillover.audit.limits import Kind, Limit, Numbers, Terms, Windows
from spillover.audit.periods import calendar_period, month_period


class Window(Kind):
    """[start, end, used, start and used of the window before]. `end` is only a hint, up to which `start` is known to
    be the window's; 0 means that it is not known (any more)."""

    @staticmethod
    def cells(name: str, state: Numbers) -> dict[str, int]:
        start, _, used, past, past_used = state
        return {f"{name}:start": start, f"{name}:used": used, f"{name}:past": past, f"{name}:past-used": past_used}

    @staticmethod
    def counted(state: Numbers) -> int:
        return state[2]

    @classmethod
    def forget(cls, name: str, state: Numbers, cells: Set[str]) -> None:
        for at, cell in zip((0, 2, 3, 4), cls.cells(name, state), strict=True):
            if cell in cells:
                state[at] = 0
        state[1] = 0


class Counter(Limit):
    """A window with a start: a session, or a period. `timely`: late usage counts in the window that stands."""

    __slots__ = ("timely",)

    def __init__(self, name: str, cell: str, most: int, per: str = "", of: str = "units") -> None:
        super().__init__(name, cell, most, per, of)
        self.timely = of == "subjects"

    def standing(self, held: Windows, name: str, at: int) -> int:
        """The start of the window that counts at this instant; 0 where a use would open a new one."""
        raise NotImplementedError

    def _open(self, held: Windows, name: str, start: int, end: int, amount: int) -> None:
        state = held.windows.get(name)
        if state is None:
            held.keep(name, Window, [start, end, amount, 0, 0])
            if self.per:
                held.born(1)
            return
        if held.late and not self.timely:
            state[3:] = state[0], state[2]
        state[:3] = start, end, amount

    def _before(self, state: Numbers, start: int, reach: int, amount: int) -> int:
        """Room of the window before the standing one, for a use in a window that starts at `start` or, as far as
        `reach` behind the start of one that is kept, in that one."""
        if start < state[3]:
            return 0
        if state[3] and start < state[3] + reach:
            room = self.max - state[4]
            state[4] += amount
            return room if room > 0 else 0
        if amount:
            state[3:] = start, amount
        return self.max

    def take_back(self, held: Windows, name: str, at: int, amount: int, since: int) -> None:
        state = held.windows.get(name)
        if state is None:
            return
        if state[0] == since:
            state[2] = max(state[2] - amount, 0)
        elif held.late and state[3] == since:
            state[4] = max(state[4] - amount, 0)


class Session(Counter):
    """Opens at first use and lasts so long."""

    __slots__ = ("length",)
    length: int

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        state = held.windows.get(name)
        if state is None or at >= state[0] + self.length:
            if amount:
                self._open(held, name, at, 0, amount)
            return self.max
        if at < state[0] and held.late and not self.timely and self._is_before(state, at):
            return self._before(state, at, self.length, amount)
        room = self.max - state[2]
        state[2] += amount
        return room if room > 0 else 0

    def standing(self, held: Windows, name: str, at: int) -> int:
        state = held.windows.get(name)
        return state[0] if state is not None and at < state[0] + self.length else 0

    def _is_before(self, state: Numbers, at: int) -> bool:
        """Not where a session that this use opens would reach into the standing one."""
        return at < state[3] + self.length or at + self.length <= state[0]

    def since(self, held: Windows, name: str, at: int, later: int) -> int:
        state = held.windows[name]
        before = at < state[0] and held.late and not self.timely and self._is_before(state, at)
        return state[3] if before else state[0]


class Periodic(Counter):
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
                    self._open(held, name, start, end, amount)
                return self.max
            state[1] = end if state[0] <= at else self.period(held.terms, state[0])[1]
        if at < state[0] and held.late and not self.timely:
            start = self.period(held.terms, at)[0]
            if start + self.shortest <= state[0]:
                return self._period_before(state, start, amount)
        room = self.max - state[2]
        state[2] += amount
        return room if room > 0 else 0

    def standing(self, held: Windows, name: str, at: int) -> int:
        state = held.windows.get(name)
        fresh = state is None or state[0] + self.shortest <= self.period(held.terms, at)[0]
        return 0 if state is None or fresh else state[0]

    def _period_before(self, state: Numbers, start: int, amount: int) -> int:
        # A period that starts a little sooner than the one that is kept is that one, in another zone.
        if state[3] and start <= state[3] < start + self.shortest:
            start = state[3]
        return self._before(state, start, self.shortest, amount)

    def since(self, held: Windows, name: str, at: int, later: int) -> int:
        state = held.windows[name]
        before = at < state[0] and held.late and self.period(held.terms, at)[0] + self.shortest <= state[0]
        return state[3] if before else state[0]

    def period(self, terms: Terms, at: int) -> tuple[int, int]:
        """Start and end of the period around an instant."""
        if self.unit:
            return calendar_period(self.unit, terms.zone if self.zone == "account" else self.zone, at)
        anchor = terms.anchor if self.anchor is None else self.anchor
        if not self.length:
            return month_period(anchor, terms.zone, at)
        start = at - (at - anchor) % self.length
        return start, start + self.length
