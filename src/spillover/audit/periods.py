"""Periods, reckoned from the clock on the wall: which hour, day, week or month an instant lies in (invariant 14).

Written apart from the rules: here a wall time becomes an instant by the two offsets around it, there by `fold`.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

HOUR, DAY = 3_600_000, 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001  (a time on the wall has no zone until one is applied)
_MS = timedelta(milliseconds=1)


def calendar_period(unit: str, zone: str, at: int) -> tuple[int, int]:
    """Start and end, in milliseconds, of the clock's hour, day, week or month around `at`."""
    shown = at + offset(zone, at)
    if unit == "hour":
        start = at - shown % HOUR
        return start, start + HOUR
    today = shown // DAY
    if unit == "day":
        first, after = today, today + 1
    elif unit == "week":
        first = today - (today + 3) % 7  # day 0 was a Thursday
        after = first + 7
    else:
        day = date.fromordinal(date(1970, 1, 1).toordinal() + today)
        first = today - day.day + 1
        after = first + monthrange(day.year, day.month)[1]
    return instant(zone, first * DAY), instant(zone, after * DAY)


def month_period(anchor: int, zone: str, at: int) -> tuple[int, int]:
    """Start and end of the month around `at`, counted from the anchor's day and time of day."""
    months = _months(at + offset(zone, at)) - _months(anchor + offset(zone, anchor))
    while month_start(anchor, zone, months) > at:
        months -= 1
    while month_start(anchor, zone, months + 1) <= at:
        months += 1
    return month_start(anchor, zone, months), month_start(anchor, zone, months + 1)


@lru_cache(maxsize=4096)
def month_start(anchor: int, zone: str, months: int) -> int:
    """The anchor's wall time so many months on; a day that the month lacks is its last."""
    wall = _NAIVE + (anchor + offset(zone, anchor)) * _MS
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    day = min(wall.day, monthrange(year, month + 1)[1])
    return instant(zone, (wall.replace(year=year, month=month + 1, day=day) - _NAIVE) // _MS)


@lru_cache(maxsize=16384)
def instant(zone: str, wall: int) -> int:
    """The first instant at which the clock shows this wall time; where it is skipped, as if the clock had not moved."""
    before, after = offset(zone, wall - 36 * HOUR), offset(zone, wall + 36 * HOUR)
    for shift in (before, after):
        if offset(zone, wall - shift) == shift:
            return wall - shift
    return wall - before


def offset(zone: str, at: int) -> int:
    """By how many milliseconds the zone's clock is ahead of UTC at an instant."""
    return _offset(zone, at // 900_000)  # zones move at full quarters of an hour


@lru_cache(maxsize=65536)
def _offset(zone: str, quarter: int) -> int:
    moment = (_EPOCH + quarter * 900_000 * _MS).astimezone(ZoneInfo(zone))
    return (moment.utcoffset() or timedelta()) // _MS


def _months(wall: int) -> int:
    moment = _NAIVE + wall * _MS
    return moment.year * 12 + moment.month - 1
