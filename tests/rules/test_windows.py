"""Windows, read as a ledger: what is asked when, and who gives it. Edges at -1, 0 and +1 millisecond."""

from __future__ import annotations

from datetime import datetime

import pytest
from msgspec.structs import replace

from spillover.core.decide import decide
from spillover.model.request import Request
from tests.rules.house import DAY, HOUR, START, House, told


def moment(text: str) -> int:
    """Milliseconds from START to a moment."""
    return int(datetime.fromisoformat(text).timestamp() * 1000) - START


def allowance(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


NO = "denied: window w"

CASES = [
    (
        "a session opens at first use and lasts its length",
        "max: 3, every: 5h, starting: first_use",
        [
            (HOUR, 2, "allowance 2"),
            (HOUR + 5 * HOUR - 1, 1, "allowance 1"),
            (HOUR + 5 * HOUR - 1, 1, NO),
            (HOUR + 5 * HOUR, 3, "allowance 3"),
            (HOUR + 10 * HOUR - 1, 1, NO),
            (HOUR + 10 * HOUR, 1, "allowance 1"),
        ],
    ),
    (
        "a request that is denied does not open a session",
        "max: 3, every: 5h, starting: first_use",
        [(0, 4, NO), (HOUR, 3, "allowance 3"), (5 * HOUR, 1, NO), (6 * HOUR, 1, "allowance 1")],
    ),
    (
        "a fixed window starts from the account's billing instant, whoever uses it when",
        "max: 3, every: 7d, starting: billing_day",
        [
            (3 * DAY, 3, "allowance 3"),
            (7 * DAY - 1, 1, NO),
            (7 * DAY, 3, "allowance 3"),
            (7 * DAY + 1, 1, NO),
            (21 * DAY - 1, 3, "allowance 3"),
            (21 * DAY, 3, "allowance 3"),
        ],
    ),
    (
        "a fixed window anchored at an instant",
        'max: 1, every: 1h, starting: "2026-03-02T09:20:00Z"',
        [
            (0, 1, "allowance 1"),
            (20 * 60_000 - 1, 1, NO),
            (20 * 60_000, 1, "allowance 1"),
            (80 * 60_000, 1, "allowance 1"),
        ],
    ),
    (
        "monthly from the billing day keeps the day's time",
        "max: 1, every: month, starting: billing_day",
        [
            (0, 1, "allowance 1"),
            (moment("2026-04-02T08:59:59.999+00:00"), 1, NO),
            (moment("2026-04-02T09:00:00+00:00"), 1, "allowance 1"),
        ],
    ),
    (
        "a day of Paris that loses an hour ends at its own midnight",
        "max: 1, every: day, in: Europe/Paris",
        [
            (moment("2026-03-29T00:00:00+01:00"), 1, "allowance 1"),
            (moment("2026-03-29T23:59:59.999+02:00"), 1, NO),
            (moment("2026-03-30T00:00:00+02:00"), 1, "allowance 1"),
        ],
    ),
    (
        "a day of New York that gains an hour lasts 25 hours",
        "max: 1, every: day, in: America/New_York",
        [
            (moment("2026-11-01T00:00:00-04:00"), 1, "allowance 1"),
            (moment("2026-11-01T00:00:00-04:00") + 24 * HOUR, 1, NO),
            (moment("2026-11-01T23:59:59.999-05:00"), 1, NO),
            (moment("2026-11-02T00:00:00-05:00"), 1, "allowance 1"),
        ],
    ),
    (
        "the hour that autumn repeats is an hour of its own",
        "max: 1, every: hour, in: Europe/Paris",
        [
            (moment("2026-10-25T02:30:00+02:00"), 1, "allowance 1"),
            (moment("2026-10-25T02:59:59.999+02:00"), 1, NO),
            (moment("2026-10-25T02:00:00+01:00"), 1, "allowance 1"),
        ],
    ),
    (
        "a week begins on Monday",
        "max: 1, every: week, in: UTC",
        [(0, 1, "allowance 1"), (7 * DAY - 9 * HOUR - 1, 1, NO), (7 * DAY - 9 * HOUR, 1, "allowance 1")],
    ),
    (
        "a month ends at its own last day",
        "max: 1, every: month, in: Asia/Kolkata",
        [
            (moment("2028-02-29T23:59:59.999+05:30"), 1, "allowance 1"),
            (moment("2028-03-01T00:00:00+05:30"), 1, "allowance 1"),
            (moment("2028-03-31T23:59:59.999+05:30"), 1, NO),
        ],
    ),
    (
        "a bucket refills continuously, one unit each max-th part of its time",
        "max: 3, refill: 1m",
        [
            (0, 3, "allowance 3"),
            (19_999, 1, NO),
            (20_000, 1, "allowance 1"),
            (39_999, 1, NO),
            (59_999, 1, "allowance 1"),
            (60_000, 1, "allowance 1"),
            (60_000, 1, NO),
        ],
    ),
    (
        "a bucket with a third of a millisecond keeps it exactly",
        "max: 3, refill: 1s",
        [
            (0, 3, "allowance 3"),
            (333, 1, NO),
            (334, 1, "allowance 1"),
            (667, 1, "allowance 1"),
            (1000, 1, "allowance 1"),
        ],
    ),
    (
        "a limit for ever never resets",
        "max: 2, ever: true",
        [(0, 2, "allowance 2"), (3000 * DAY, 1, NO)],
    ),
    (
        "a window of requests counts each request once, whatever its units",
        "max: 2, of: requests, every: day, in: UTC",
        [(0, 7, "allowance 7"), (1, 9, "allowance 9"), (2, 1, NO)],
    ),
    (
        "a clock up to a second behind stays in the window that was entered",
        "max: 2, every: day, in: UTC",
        [(15 * HOUR, 1, "allowance 1"), (15 * HOUR - 1000, 1, "allowance 1"), (15 * HOUR - 500, 1, NO)],
    ),
    (
        "a clock more than a second behind is late",
        "max: 2, every: day, in: UTC",
        [(15 * HOUR, 1, "allowance 1"), (15 * HOUR - 1001, 1, "denied: late time")],
    ),
    ("a maximum of nothing gives nothing", "max: 0, every: day, in: UTC", [(0, 1, NO)]),
]


@pytest.mark.parametrize(("guarantee", "window", "story"), CASES, ids=[case[0] for case in CASES])
def test_window(guarantee, window, story):
    house = House(allowance(window))
    assert [(at, units, told(house.ask(units, at))) for at, units, _ in story] == story, guarantee


def test_an_allowance_has_the_room_of_its_tightest_window_and_counts_in_all():
    house = House(
        "waterfall: [{from: allowance, windows: [{name: a, max: 3, every: 1h, starting: first_use},"
        " {name: b, max: 5, every: day, in: UTC}]}, {from: units}]"
    )
    assert told(house.ask(3)) == "allowance 3"
    assert told(house.ask(1)) == "denied: window a, units f"
    assert told(house.ask(3, HOUR)) == "denied: window b, units f"
    assert told(house.ask(2, HOUR)) == "allowance 2"
    assert told(house.ask(1, HOUR)) == "denied: window b, units f"


NEW_MAXIMUM = [
    # window | used under max 6 | new max | later | room
    ("every: day, in: UTC", 6, 12, 0, 6),
    ("every: day, in: UTC", 6, 4, 0, 0),
    ("refill: 1m", 6, 12, 0, 6),
    ("refill: 1m", 6, 7, 0, 1),
    ("refill: 1m", 6, 3, 0, 0),
    ("refill: 1m", 2, 3, 0, 1),
    ("refill: 1m", 6, 7, 10_000, 2),
    ("refill: 1m", 6, 7, 10_001, 2),
    ("refill: 1m", 6, 7, 9_999, 1),
    ("refill: 1m", 6, 3, 60_000, 3),
    ("ever: true", 6, 7, 0, 1),
]


@pytest.mark.parametrize(("window", "used", "most", "later", "room"), NEW_MAXIMUM)
def test_a_new_maximum_keeps_what_was_used_and_leaves_the_room_that_it_leaves(window, used, most, later, room):
    house = House(allowance(f"max: 6, {window}"))
    assert told(house.ask(used)) == f"allowance {used}"
    house.policy = House(allowance(f"max: {most}, {window}")).policy
    assert told(house.ask(room + 1, later)) == NO
    if room:
        assert told(house.ask(room, later)) == f"allowance {room}"
    assert told(house.ask(1, later)) == NO


def test_the_box_of_a_bucket_under_a_new_maximum_holds_only_states_with_the_same_answer():
    house = House(allowance("max: 6, refill: 1m"))
    house.ask(4)
    house.policy = House(allowance("max: 7, refill: 1m")).policy
    for units in (2, 3, 4):
        request = Request(1, "f", {"seconds": units}, "k")
        verdict, box = decide(house.policy, house.profile, house.cells, request, START + 1)
        for cell, low, high, _, _ in box:
            for value in {low, high, (low + high) // 2}:
                other = decide(house.policy, house.profile, house.cells | {cell: value}, request, START + 1)[0]
                assert (other.allowed, other.legs) == (verdict.allowed, verdict.legs), (units, cell, value)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Europe/London"])
def test_a_change_of_zone_opens_no_second_window_within_a_day(zone):
    house = House(allowance("max: 5, every: day, in: account"))
    assert told(house.ask(5)) == "allowance 5"
    house.profile = replace(house.profile, zone=zone)
    assert [told(house.ask(1, hours * HOUR)) for hours in range(11)] == [NO] * 11
    assert told(house.ask(5, 40 * HOUR)) == "allowance 5"


def test_a_change_of_billing_day_opens_no_second_window_within_the_period():
    house = House(allowance("max: 5, every: 7d, starting: billing_day"))
    assert told(house.ask(5)) == "allowance 5"
    house.profile = replace(house.profile, anchor=START + 3 * DAY)
    assert told(house.ask(1, 4 * DAY)) == NO
    assert told(house.ask(5, 10 * DAY)) == "allowance 5"


def test_windows_per_subject_are_each_their_own():
    house = House(allowance("max: 1, every: day, in: UTC, per: subject"))
    assert [told(house.ask(1, subject=who)) for who in ("a", "b", "a", "")] == [
        "allowance 1",
        "allowance 1",
        NO,
        "allowance 1",
    ]


def test_a_limit_per_attribute_denies_without_it_unless_told_to_skip():
    house = House(allowance("max: 1, every: day, in: UTC, per: team"))
    assert told(house.ask(1)) == "denied: attribute team"
    assert told(house.ask(1, team="x")) == "allowance 1"
    house = House(allowance("max: 1, every: day, in: UTC, per: team, when_missing: skip"))
    assert told(house.ask(9)) == "allowance 9"
