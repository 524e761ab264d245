"""The audit's own reckoning beside the engine's, where both can be asked directly; and what nobody may import."""

from __future__ import annotations

import ast
from fractions import Fraction
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spillover.audit import buckets, limits, periods, policies, prices, rings
from spillover.audit.held import Held
from spillover.core.apply import apply
from spillover.core.gauges import bucket_scale, gauge
from spillover.core.instants import period
from spillover.core.price import affordable, charged
from spillover.model.account import Profile
from spillover.model.policy import Limit, Window

FROM, UNTIL = 1_577_836_800_000, 2_082_758_400_000
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
instants = st.integers(FROM, UNTIL - 1)


def profile(zone: str, anchor: int = 0) -> Profile:
    return Profile(1, 1, "plus", anchor, zone)


@given(st.sampled_from(ZONES), st.sampled_from(("hour", "day", "week", "month")), instants)
@example("America/Havana", "day", 1_772_946_000_000)
@example("Atlantic/Azores", "day", 1_792_886_400_000)
@example("Australia/Lord_Howe", "hour", 1_775_314_800_000)
def test_calendar_periods_are_the_engines(zone: str, unit: str, at: int) -> None:
    window = Window("calendar", unit=unit, zone=zone)  # type: ignore[arg-type]
    assert periods.calendar_period(unit, zone, at) == period(window, profile(zone), at)


@pytest.mark.parametrize("unit", ["hour", "day", "week", "month"])
def test_calendar_periods_are_the_engines_around_every_change_of_the_clocks(unit: str) -> None:
    for zone in ZONES[::5]:
        window = Window("calendar", unit=unit, zone=zone)  # type: ignore[arg-type]
        for at in changes(zone):
            for near in (-90, -31, -1, 0, 1, 29, 61, 24 * 60):
                moment = at + near * 60_000
                wanted = period(window, profile(zone), moment)
                assert periods.calendar_period(unit, zone, moment) == wanted, (zone, moment)


def changes(zone: str, since: int = 1_767_225_600_000, days: int = 400) -> list[int]:
    """The instants at which a zone's clock moves, within so many days."""
    found = []
    for day in range(days):
        low, high = since + day * 86_400_000, since + (day + 1) * 86_400_000
        if periods.offset(zone, low) == periods.offset(zone, high):
            continue
        while high - low > 900_000:
            middle = (low + high) // 1_800_000 * 900_000
            low, high = (low, middle) if periods.offset(zone, middle) == periods.offset(zone, high) else (middle, high)
        found.append(high)
    return found


@given(st.sampled_from(ZONES), instants, instants)
def test_months_from_an_anchor_are_the_engines(zone: str, anchor: int, at: int) -> None:
    window = Window("fixed", unit="month")
    assert periods.month_period(anchor, zone, at) == period(window, profile(zone, anchor), at)


@given(st.integers(0, 10**9), st.integers(1, 10**7), st.sampled_from(((1, 1), (6, 5), (1, 3), (1, 2), (7, 3))))
def test_charges_are_the_engines(units: int, price: int, times: tuple[int, int]) -> None:
    assert prices.charge(units, price, times) == charged(units, price, times)
    assert prices.units_for(units, price, times) == affordable(units, price, times)
    exact = Fraction(price) * Fraction(*times)
    assert abs(prices.charge(units, price, times) - units * exact) <= Fraction(1, 2)


@given(st.integers(1, 3653 * 86_400).map(lambda seconds: seconds * 1000), st.integers(1, 10**12))
def test_buckets_are_the_engines(length: int, most: int) -> None:
    assert buckets.spaced(length, most) == bucket_scale(length, most)


@given(st.integers(1, 20), st.sampled_from((7_000, 60_000, 100_001)), st.lists(st.integers(0, 30_000), max_size=40))
def test_a_bucket_admits_at_most_max_and_what_comes_back(most: int, length: int, gaps: list[int]) -> None:
    bucket = buckets.Refill("b", "b", most, "", False)
    bucket.length = length
    bucket.spacing, bucket.ticks = buckets.spaced(length, most)

    held, at, took = Held(profile("UTC")), FROM, []
    for gap in gaps:
        at += gap
        room = bucket.admit(held, "b", at, 0)
        bucket.admit(held, "b", at, room)
        took.append((at, room))
    for first in range(len(took)):
        for last in range(first, len(took)):
            total = sum(room for _, room in took[first : last + 1])
            assert total <= most + Fraction(most, length) * (took[last][0] - took[first][0])


WINDOWS = {
    "session": Window("session", 90_000, label="session-90s"),
    "fixed": Window("fixed", 60_000, anchor=7_000, label="fixed-1m-7000"),
    "calendar": Window("calendar", unit="hour", zone="Europe/Paris", label="hour-Europe/Paris"),
    "sliding": Window("sliding", 10_000, slots=3, label="sliding-10s-3"),
    "wide": Window("sliding", 7_200_000, slots=24, label="sliding-2h-24"),
    "bucket": Window("refill", 60_000, label="refill-1m"),
    "ever": Window("ever", label="ever"),
}
WRITTEN = {
    "session": {"every": "90s", "starting": "first_use"},
    "fixed": {"every": "1m", "starting": "1970-01-01T00:00:07Z"},
    "calendar": {"every": "hour", "in": "Europe/Paris"},
    "sliding": {"sliding": "10s", "slots": 3},
    "wide": {"sliding": "2h", "slots": 24},
    "bucket": {"refill": "1m"},
    "ever": {"ever": True},
}
uses = st.tuples(
    st.sampled_from((0, 1, 900, 4_000, 30_000, 70_000, 3_000_000)), st.integers(0, 9_000_000), st.integers(0, 4)
)


@pytest.mark.parametrize("per", ["", "subject"])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", WINDOWS)
@given(st.lists(uses, max_size=40))
def test_limits_are_counted_alike(kind: str, late: bool, per: str, used: list[tuple[int, int, int]]) -> None:
    feature = prices.Feature("video", {"count": "seconds"})
    mine = policies.Limits("video", [feature]).read({"name": "w", "max": 7, "per": per, **WRITTEN[kind]})
    spacing, ticks = bucket_scale(60_000, 7)
    theirs = Limit("w", 7, WINDOWS[kind], mine.cell, per=per, spacing=spacing, ticks=ticks)
    assert mine.cell == f"video/w/{WINDOWS[kind].label}"
    held, cells, newest = Held(profile("UTC")), dict[str, int](), FROM
    held.late = late
    for gap, back, amount in used:
        newest += gap
        at = max(newest - (back if late else back % 1000), FROM)
        there = gauge(theirs, "a:b@c" if per else "", profile("UTC"), cells, at, late=late)
        add, operations = min(amount, there.room), []
        there.write(add, add, False, operations)
        room = mine.admit(held, mine.named("a:b@c" if per else "", 2), at, add)
        assert room == there.room
        changed = apply(cells, operations)
        assert changed is not None
        cells.update(changed)
    kept = {name: value for name, value in held.cells().items() if name not in ("t", "scopes")}
    assert kept == {name: value for name, value in cells.items() if value}
    assert held.scopes == (1 if per and kept else 0)


@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(1, 4)), max_size=40))
def test_a_sliding_window_admits_at_most_its_maximum_in_any_interval(used: list[tuple[int, int]]) -> None:
    window = rings.Sliding("w", "w", 7)
    window.slot, window.slots = 3_334, 3
    held, at, took = Held(profile("UTC")), FROM, []
    for gap, wish in used:
        at += gap
        given_ = min(wish, window.admit(held, "w", at, 0))
        window.admit(held, "w", at, given_)
        took.append((at, given_))
    for first, _ in took:
        assert sum(amount for when, amount in took if first <= when < first + 10_000) <= 7


def test_the_audit_imports_nothing_that_it_audits() -> None:
    allowed = ("spillover.audit", "spillover.model", "spillover.sql", "spillover.sqlite", "spillover.postgres")
    folder = Path(limits.__file__).parent
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert not name.startswith("spillover") or name.startswith(allowed), f"{file.name} imports {name}"
