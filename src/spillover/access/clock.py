"""Time as an argument: the system's clock, and one that an application's tests can turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from spillover.core.instants import to_instant, to_moment
from spillover.model.errors import InvalidInput, shown

Clock = Callable[[], int]
"""Gives the present instant in milliseconds since 1970."""


def system_clock() -> int:
    """The machine's wall clock."""
    return time.time_ns() // 1_000_000


class TurnableClock:
    """A clock that stands still until it is turned.

    >>> clock = TurnableClock("2026-01-01T00:00:00Z")
    >>> clock.turn(hours=5)
    >>> clock.moment.isoformat()
    '2026-01-01T05:00:00+00:00'
    """

    def __init__(self, start: str | datetime) -> None:
        try:
            moment: object = datetime.fromisoformat(start) if isinstance(start, str) else start
        except ValueError:
            moment = None
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            raise InvalidInput("clock", shown(start), 'a moment with its zone, such as "2026-01-01T00:00:00Z"')
        self._now = to_instant(moment)

    def __call__(self) -> int:
        return self._now

    @property
    def moment(self) -> datetime:
        """The present, in UTC."""
        return to_moment(self._now)

    def turn(self, **by: float) -> None:
        """Forward (or back) by days, hours, minutes, seconds or milliseconds."""
        self._now += timedelta(**by) // timedelta(milliseconds=1)

    def set(self, to: int) -> None:
        """To an instant in milliseconds since 1970."""
        self._now = to
