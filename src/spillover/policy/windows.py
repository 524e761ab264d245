"""The window of a limit: over which time it counts, and the label by which its cells know it (design, law 12)."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast, get_args

from spillover.core.instants import ZONES_OF_A_MACHINE, is_zone, to_instant
from spillover.model.policy import Window
from spillover.policy.findings import Findings, Path, show_value

_MILLISECONDS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}

LENGTH_MAX = 3653 * _MILLISECONDS["d"]
"""The longest window: ten years, in milliseconds. The shortest is the tolerance of a second (design, section 5)."""

ANCHOR_UNTIL = 7_258_118_400_000
"""Fixed windows start from an instant before 2200-01-01, in milliseconds since 1970."""

ClockUnit = Literal["hour", "day", "week", "month"]

SLOTS = 12
"""In how many slots a sliding window is counted, unless it says so itself."""

SLOT_MIN = 1000
"""The shortest slot, in milliseconds: the tolerance (design, section 5)."""

_FORMS = ("every", "sliding", "refill", "ever")
_CLOCK_UNITS = get_args(ClockUnit)
_EVER = Window("ever", label="ever")


def compile_window(limit: Mapping[str, Any], path: Path, findings: Findings) -> Window:
    """The window of a limit that has the schema's form; after a mistake any window, as the policy will be refused."""
    written = [form for form in _FORMS if form in limit]
    if len(written) != 1:
        found = " and ".join(written) or "no window"
        findings.add(path, found, "one window: every with starting or in, or sliding, or refill, or ever")
        return _EVER
    for key, form in (("starting", "every"), ("in", "every"), ("slots", "sliding")):
        if key in limit and form not in limit:
            findings.add((*path, key), f"{key} beside {written[0]}", f"{key} only beside {form}")
    if "every" in limit:
        return _every(limit, path, findings)
    if "sliding" in limit:
        return _sliding(limit, path, findings)
    if "refill" in limit:
        length = read_length(limit["refill"], (*path, "refill"), findings)
        return Window("refill", length, label=f"refill-{show_length(length)}")
    return _EVER


def show_length(length: int) -> str:
    """Whole seconds, in milliseconds, in the largest unit up to a day that they are whole in: 18000000 -> "5h"."""
    unit = next(unit for unit in "dhms" if length % _MILLISECONDS[unit] == 0)
    return f"{length // _MILLISECONDS[unit]}{unit}"


def read_length(written: str, path: Path, findings: Findings, longest: int = LENGTH_MAX) -> int:
    """Milliseconds of a time such as "5h", from a second to `longest`; a mistake where it is longer."""
    length = int(written[:-1]) * _MILLISECONDS[written[-1]]
    if length > longest:
        years = " (ten years)" if longest == LENGTH_MAX else ""
        shown = "24h" if longest == _MILLISECONDS["d"] else show_length(longest)
        findings.add(path, show_value(written), f"a time from 1s to {shown}{years}")
        return longest
    return length


def _sliding(limit: Mapping[str, Any], path: Path, findings: Findings) -> Window:
    slots = int(limit.get("slots", SLOTS))
    length = read_length(limit["sliding"], (*path, "sliding"), findings)
    if length < slots * SLOT_MIN:
        found = f"{show_value(limit['sliding'])} in {slots} slots"
        expected = f"at least a second for each slot: slots of at most {length // SLOT_MIN}, or a longer time"
        findings.add((*path, "sliding"), found, expected)
    label = f"sliding-{show_length(length)}" + ("" if slots == SLOTS else f"-{slots}")
    return Window("sliding", length, slots=slots, label=label)


def _every(limit: Mapping[str, Any], path: Path, findings: Findings) -> Window:
    every = limit["every"]
    if ("starting" in limit) == ("in" in limit):
        found = "starting and in beside every" if "in" in limit else "every alone"
        findings.add((*path, "every"), found, "starting (first_use, billing_day, an instant) or in (a time zone)")
        return _EVER
    if "in" in limit:
        return _calendar(every, limit["in"], path, findings)
    starting: str = limit["starting"]
    if every == "month" and starting != "first_use":
        anchor, label = _anchor(starting, (*path, "starting"), findings, 0)
        return Window("fixed", unit="month", anchor=anchor, label=f"fixed-month{label}")
    if every in _CLOCK_UNITS:
        expected = f"a time such as 5h or 30d with starting: {starting}, or {every} with in"
        findings.add((*path, "every"), show_value(every), expected)
        return _EVER
    length = read_length(every, (*path, "every"), findings)
    if starting == "first_use":
        return Window("session", length, label=f"session-{show_length(length)}")
    anchor, label = _anchor(starting, (*path, "starting"), findings, length)
    return Window("fixed", length, anchor=anchor, label=f"fixed-{show_length(length)}{label}")


def _calendar(every: str, zone: str, path: Path, findings: Findings) -> Window:
    if every not in _CLOCK_UNITS:
        findings.add((*path, "every"), show_value(every), "hour, day, week or month beside in")
        return _EVER
    if zone != "account" and not is_zone(zone):
        near = difflib.get_close_matches(zone, zoneinfo.available_timezones().difference(ZONES_OF_A_MACHINE), n=1)
        expected = f"a time zone such as {near[0] if near else 'Europe/Paris'}, or account"
        findings.add((*path, "in"), show_value(zone), expected)
    return Window("calendar", unit=cast(ClockUnit, every), zone=zone, label=f"{every}-{zone}")


def _anchor(starting: str, path: Path, findings: Findings, length: int) -> tuple[int | None, str]:
    """The instant that periods start from (None: the account's billing instant) and what the label says of it.

    Instants that are whole periods apart make the same windows, so they have the same label.
    """
    if starting == "billing_day":
        return None, ""
    try:
        instant = to_instant(datetime.fromisoformat(starting.upper()))
    except (OverflowError, ValueError):
        instant = -1
    if not 0 <= instant < ANCHOR_UNTIL:
        findings.add(path, show_value(starting), "an instant from 1970 to 2199, such as 2026-01-01T00:00:00Z")
        return 0, ""
    return instant, f"-{instant % length if length else instant}"
