"""Which period an instant lies in, by the clock on the wall; exact halves. The oracle's own, naive and slow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from math import floor
from zoneinfo import ZoneInfo

from spillover.model.account import Profile
from spillover.model.policy import Window

HOUR = 3_600_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def half_up(value: Fraction) -> int:
    """The nearest integer; a half goes up (law 8)."""
    return floor(value + Fraction(1, 2))


@lru_cache(maxsize=1_000_000)
def local(at: int, zone: str) -> datetime:
    """What the clock on the wall in that zone shows at this instant."""
    return (EPOCH + at * MILLISECOND).astimezone(ZoneInfo(zone))


def calendar_period(at: int, unit: str, zone: str) -> int:
    """A number that two instants share if, and only if, they lie in the same hour, day, week or month of the clock."""
    shown = local(at, zone)
    if unit == "hour":  # the instant at which the clock showed, or would have shown, the full hour
        return at - (at + (shown.utcoffset() or timedelta()) // MILLISECOND) % HOUR
    if unit == "day":
        return shown.toordinal()
    if unit == "week":
        return (shown.date() - timedelta(days=shown.weekday())).toordinal()
    return shown.year * 12 + shown.month


@lru_cache(maxsize=100_000)
def month_start(anchor: int, zone: str, months: int) -> int:
    """The anchor's day and time of day, so many months later; a day that the month lacks is its last day."""
    first = local(anchor, zone)
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    day = min(first.day, (following - timedelta(days=1)).day)
    start = first.replace(year=year, month=month + 1, day=day, fold=0)
    return (start.astimezone(UTC) - EPOCH) // MILLISECOND


def fixed_period(at: int, window: Window, anchor: int, zone: str) -> int:
    """The number of the period that the instant lies in; the one that begins at the anchor is number 0."""
    if window.unit != "month":
        return (at - anchor) // window.length
    shown, first = local(at, zone), local(anchor, zone)
    months = (shown.year - first.year) * 12 + shown.month - first.month + 1
    while month_start(anchor, zone, months) > at:
        months -= 1
    return months


def period_of(window: Window, profile: Profile) -> Callable[[int], int]:
    """The numbering of a calendar or fixed window's periods: it never falls as time goes on."""
    zone = profile.zone if window.zone in {"", "account"} else window.zone
    if window.kind == "calendar":
        return lambda at: calendar_period(at, window.unit, zone)
    anchor = profile.anchor if window.anchor is None else window.anchor
    return lambda at: fixed_period(at, window, anchor, zone)
