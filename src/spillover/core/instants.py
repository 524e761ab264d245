"""When a window began and when it ends: periods from an anchor, and the clock's own hours, days, weeks, months."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from spillover.model.account import Profile
from spillover.model.policy import Window

ZONES_OF_A_MACHINE = ("localtime", "posixrules", "Factory")
"""Names of zones that are another one on every machine."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def period(window: Window, profile: Profile, now: int) -> tuple[int, int]:
    """The fixed or calendar window that holds `now`: its start and its end, in milliseconds, end excluded."""
    if window.kind == "calendar":
        return _calendar(window.unit, profile.zone if window.zone == "account" else window.zone, now)
    anchor = profile.anchor if window.anchor is None else window.anchor
    if window.unit == "month":
        zone = profile.zone if window.zone in ("", "account") else window.zone
        return _months(anchor, zone, now)
    start = now - (now - anchor) % window.length
    return start, start + window.length


def to_instant(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware moment."""
    return (moment - EPOCH) // MILLISECOND


def to_moment(instant: int, zone: str = "UTC") -> datetime:
    """The moment of an instant on the clock of a zone."""
    return (EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone))


def is_zone(name: str) -> bool:
    """Whether this is a time zone of the IANA list, the same on every machine."""
    if name in ZONES_OF_A_MACHINE or name.startswith(("posix/", "right/")):
        return False
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        return False
    return True


def _calendar(unit: str, zone: str, now: int) -> tuple[int, int]:
    # Windows are asked for again and again within the same hour, so the answer is kept by the hour (a pure function:
    # keeping it changes cost, never meaning). Zones shift at full quarters at the finest.
    start, end = _calendar_at(unit, zone, now // 900_000)
    return start, end


@lru_cache(maxsize=4096)
def _calendar_at(unit: str, zone: str, quarter: int) -> tuple[int, int]:
    local = to_moment(quarter * 900_000, zone)
    if unit == "hour":
        return _hour(local)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "day":
        following = day + timedelta(days=1)
    elif unit == "week":
        day -= timedelta(days=day.weekday())
        following = day + timedelta(days=7)
    else:
        day = day.replace(day=1)
        following = (day + timedelta(days=32)).replace(day=1)
    # Arithmetic on an aware moment moves the wall clock; turning it into an instant applies the zone's offset then.
    return to_instant(day), to_instant(following)


def _hour(local: datetime) -> tuple[int, int]:
    # Counted as elapsed time from the clock's last full hour, so the repeated hour of autumn is an hour of its own.
    start = to_instant(local) - local.minute * 60_000 - local.second * 1000
    return start, start + 3_600_000


@lru_cache(maxsize=4096)
def _month_start(anchor: int, zone: str, months: int) -> int:
    first = to_moment(anchor, zone)
    index = first.year * 12 + first.month - 1 + months
    year, month = divmod(index, 12)
    day = min(first.day, calendar.monthrange(year, month + 1)[1])
    return to_instant(first.replace(year=year, month=month + 1, day=day, fold=0))


def _months(anchor: int, zone: str, now: int) -> tuple[int, int]:
    first, here = to_moment(anchor, zone), to_moment(now, zone)
    months = (here.year - first.year) * 12 + here.month - first.month
    while _month_start(anchor, zone, months) > now:  # at most once: the anchor's day is later in this month
        months -= 1
    while _month_start(anchor, zone, months + 1) <= now:  # at most once, at a change of offset
        months += 1
    return _month_start(anchor, zone, months), _month_start(anchor, zone, months + 1)
