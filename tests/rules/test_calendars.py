"""Windows by the clock of a zone and by the billing day: across changes of the clock, month ends and leap years."""

from __future__ import annotations

import pytest

from tests.rules.house import House, told
from tests.rules.story import Case, rules_of, tell
from tests.rules.teller import moment

# sentence | window | first instant | the last millisecond before the next window, and the first of it

EDGES = [
    ("a day that loses an hour in New York lasts 23 hours", "day, in: America/New_York",
     "2026-03-08T00:00-05:00", "2026-03-08T00:00-05:00 23h"),
    ("a day that gains an hour in Paris lasts 25 hours", "day, in: Europe/Paris",
     "2026-10-25T00:00+02:00", "2026-10-25T00:00+02:00 25h"),
    ("a day that gains half an hour on Lord Howe lasts 24 and a half", "day, in: Australia/Lord_Howe",
     "2026-04-05T00:00+11:00", "2026-04-05T00:00+11:00 24h 30m"),
    ("a day that loses half an hour on Lord Howe lasts 23 and a half", "day, in: Australia/Lord_Howe",
     "2026-10-04T00:00+10:30", "2026-10-04T00:00+10:30 23h 30m"),
    ("the day before a midnight that the clock leaves out ends where the clock jumps", "day, in: America/Santiago",
     "2026-09-05T00:00-04:00", "2026-09-06T01:00-03:00"),
    ("a day whose midnight the clock leaves out lasts 23 hours", "day, in: America/Santiago",
     "2026-09-06T01:00-03:00", "2026-09-07T00:00-03:00"),
    ("a day that begins with a midnight that comes twice begins at the first", "day, in: America/Havana",
     "2026-10-31T00:00-04:00", "2026-11-01T00:00-04:00"),
    ("a day that has its midnight twice lasts 25 hours", "day, in: America/Havana",
     "2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00"),
    ("a day whose last hour comes twice ends after the second", "day, in: Africa/Cairo",
     "2026-10-29T00:00+03:00", "2026-10-30T00:00+02:00"),
    ("a day of Kolkata begins at half past six in the evening of UTC", "day, in: Asia/Kolkata",
     "2026-05-01T18:30Z", "2026-05-02T18:30Z"),
    ("a day of Kathmandu begins at a quarter past six in the evening of UTC", "day, in: Asia/Kathmandu",
     "2026-05-01T18:15Z", "2026-05-02T18:15Z"),
    ("a day of Chatham that gains an hour lasts 25 hours, on quarters of an hour", "day, in: Pacific/Chatham",
     "2026-04-05T00:00+13:45", "2026-04-06T00:00+12:45"),
    ("an hour of Saint John's begins at half past of UTC", "hour, in: America/St_Johns",
     "2026-05-01T10:30Z", "2026-05-01T11:30Z"),
    ("the hour before one that spring leaves out is an hour long", "hour, in: Europe/Paris",
     "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
    ("the hour after one that spring leaves out is an hour long", "hour, in: Europe/Paris",
     "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"),
    ("the second of two equal hours in autumn is an hour long", "hour, in: America/New_York",
     "2026-11-01T01:00-05:00", "2026-11-01T02:00-05:00"),
    ("the half hour that Lord Howe repeats is a window of its own", "hour, in: Australia/Lord_Howe",
     "2026-04-05T01:30+10:30", "2026-04-05T02:00+10:30"),
    ("a week with a short Sunday lasts 167 hours", "week, in: Europe/Paris",
     "2026-03-23T00:00+01:00", "2026-03-23T00:00+01:00 167h"),
    ("a week with a long Sunday lasts 169 hours", "week, in: America/New_York",
     "2026-10-26T00:00-04:00", "2026-10-26T00:00-04:00 169h"),
    ("a week begins on Monday, also over the year's end", "week, in: Asia/Tokyo",
     "2026-12-28T00:00+09:00", "2027-01-04T00:00+09:00"),
    ("a month with a change of the clock ends at its own midnight", "month, in: America/New_York",
     "2026-03-01T00:00-05:00", "2026-04-01T00:00-04:00"),
    ("a month that gains an hour ends at its own midnight", "month, in: Europe/Paris",
     "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
    ("February has 28 days", "month, in: Asia/Kolkata", "2026-02-01T00:00+05:30", "2026-03-01T00:00+05:30"),
    ("February has 29 days in a leap year", "month, in: Pacific/Auckland",
     "2028-02-01T00:00+13:00", "2028-02-01T00:00+13:00 29d"),
    ("April has 30 days", "month, in: Australia/Adelaide", "2026-04-01T00:00+10:30", "2026-05-01T00:00+09:30"),
    ("December ends with the year", "month, in: UTC", "2026-12-01T00:00Z", "2027-01-01T00:00Z"),
    ("the 29th of February is a day", "day, in: Europe/London", "2028-02-29T00:00Z", "2028-03-01T00:00Z"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "window", "first", "following"), EDGES, ids=[edge[0] for edge in EDGES])
def test_calendar(sentence, window, first, following):
    rule = f"waterfall: [{{from: allowance, windows: [{{name: w, max: 1, every: {window}}}]}}]"
    tell(
        Case(
            sentence,
            rule,
            f"""
            {first} -1ms | use 1 | allowance 1
            {first} | use 1 | allowance 1
            {first} +1ms | use 1 | denied: window w
            {following} -1ms | use 1 | denied: window w
            {following} | use 1 | allowance 1
            {following} +1ms | use 1 | denied: window w
            """,
        )
    )


# sentence | window | billing day | zone | instants at which periods begin

BILLING = [
    ("a billing day on the 31st is the last day of shorter months, and the 31st again after", "month",
     "2026-01-31T12:00Z", "UTC",
     ["2026-02-28T12:00Z", "2026-03-31T12:00Z", "2026-04-30T12:00Z", "2026-05-31T12:00Z", "2026-06-30T12:00Z"]),
    ("a billing day on the 30th is the 28th of February, and the 30th of March after", "month",
     "2026-01-30T00:00Z", "UTC", ["2026-02-28T00:00Z", "2026-03-30T00:00Z", "2026-04-30T00:00Z"]),
    ("a billing day on the 29th is the 28th of February", "month",
     "2026-01-29T23:59:59.999Z", "UTC", ["2026-02-28T23:59:59.999Z", "2026-03-29T23:59:59.999Z"]),
    ("a billing day on the 29th is the 29th of February in a leap year", "month",
     "2028-01-29T06:00Z", "UTC", ["2028-02-29T06:00Z", "2028-03-29T06:00Z"]),
    ("a billing day on the 30th is the 29th of February in a leap year", "month",
     "2028-01-30T06:00Z", "UTC", ["2028-02-29T06:00Z", "2028-03-30T06:00Z"]),
    ("a billing day on the 31st is the 29th of February in a leap year", "month",
     "2028-01-31T06:00Z", "UTC", ["2028-02-29T06:00Z", "2028-03-31T06:00Z"]),
    ("a billing day on the 29th of February comes every month, and on the 28th a year later", "month",
     "2028-02-29T00:00Z", "UTC", ["2028-03-29T00:00Z", "2029-01-29T00:00Z", "2029-02-28T00:00Z", "2029-03-29T00:00Z"]),
    ("a billing day keeps its time on the clock of the account's zone", "month",
     "2026-01-31T12:00+01:00", "Europe/Paris", ["2026-02-28T12:00+01:00", "2026-03-31T12:00+02:00"]),
    ("a billing day on the 31st is told by the calendar of the account's zone", "month",
     "2026-01-31T20:00Z", "Asia/Kolkata", ["2026-02-28T20:00Z", "2026-03-31T20:00Z"]),  # 1 February, 01:30
    ("weeks from the billing day are of 168 hours, whatever the clock does", "7d",
     "2026-03-24T00:00+01:00", "Europe/Paris", ["2026-03-31T01:00+02:00", "2026-04-07T01:00+02:00"]),
    ("periods run back from a billing day that is to come", "7d",
     "2026-12-04T12:00Z", "UTC", ["2026-11-20T12:00Z", "2026-11-27T12:00Z", "2026-12-04T12:00Z"]),
    ("months run back from a billing day that is to come", "month",
     "2027-03-31T12:00Z", "UTC", ["2026-11-30T12:00Z", "2026-12-31T12:00Z", "2027-02-28T12:00Z", "2027-03-31T12:00Z"]),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "every", "day", "zone", "starts"), BILLING, ids=[case[0] for case in BILLING])
def test_billing_day(sentence, every, day, zone, starts):
    window = f"name: w, max: 1, every: {every}, starting: billing_day"
    lines = [f"{starts[0]} -3h | put zone={zone} billing={day}"]
    for start in starts:
        lines += [
            f"{start} -1ms | use 1 | {'allowance 1' if start == starts[0] else _before(starts, start)}",
            f"{start} | use 1 | allowance 1",
            f"{start} +1ms | use 1 | denied: window w",
        ]
    tell(Case(sentence, f"waterfall: [{{from: allowance, windows: [{{{window}}}]}}]", "\n".join(lines)))


def _before(starts: list[str], start: str) -> str:
    """What is answered just before a period: it is denied where the period before is the one that was used."""
    gap = moment(start) - moment(starts[starts.index(start) - 1])
    return "denied: window w" if gap < 32 * 86_400_000 else "allowance 1"


CASES = [
    Case(
        "a month from an instant that the policy says begins on its day, for every account",
        "waterfall: [{from: allowance, windows: [{name: w, max: 1, every: month, starting: 2026-01-31T00:00:00Z}]}]",
        """
        2026-04-29T00:00Z      | put billing=2026-04-11T00:00Z
        2026-04-30T00:00Z -1ms | use 1 | allowance 1
        2026-04-30T00:00Z      | use 1 | allowance 1
        2026-04-30T00:00Z +1ms | use 1 | denied: window w
        2026-05-31T00:00Z -1ms | use 1 | denied: window w
        2026-05-31T00:00Z      | use 1 | allowance 1
        """,
    ),
    Case(
        "days of the account's own zone follow the zone that it is put in",
        "waterfall: [{from: allowance, windows: [{name: w, max: 1, every: day, in: account}]}]",
        """
        2026-05-01T00:00+05:30      | put zone=Asia/Kolkata
        2026-05-01T00:00+05:30 +1ms | use 1 | allowance 1
        2026-05-02T00:00+05:30 -1ms | use 1 | denied: window w
        2026-05-02T00:00+05:30      | use 1 | allowance 1
        """,
    ),
    Case(
        "a session that spans a change of the clock lasts its hours all the same",
        "waterfall: [{from: allowance, windows: [{name: w, max: 1, every: 5h, starting: first_use}]}]",
        """
        2026-03-29T01:30+01:00      | use 1 | allowance 1
        2026-03-29T07:30+02:00 -1ms | use 1 | denied: window w
        2026-03-29T07:30+02:00      | use 1 | allowance 1
        2026-03-29T07:30+02:00 +1ms | use 1 | denied: window w
        """,
    ),
    Case(
        "all windows of an allowance must have room, each by its own clock",
        "waterfall: [{from: allowance, windows: [{name: paris, max: 1, every: day, in: Europe/Paris},"
        " {name: tokyo, max: 1, every: day, in: Asia/Tokyo}]}]",
        """
        2026-05-01T16:00+02:00 | use 1 | allowance 1
        2026-05-01T17:00+02:00 | use 1 | denied: window paris
        2026-05-02T00:00+02:00 | use 1 | allowance 1
        2026-05-02T16:59:59.999+02:00 | use 1 | denied: window paris
        2026-05-02T17:00+02:00 | use 1 | denied: window paris
        2026-05-03T00:00+02:00 | use 1 | allowance 1
        """,
    ),
]


@rules_of(CASES)
def test_calendar_of_accounts(case):
    tell(case)


def test_a_clock_a_second_behind_midnight_stays_in_the_day_that_was_entered():
    midnight = moment("2026-03-29T00:00+01:00") - moment("0h")
    house = House("waterfall: [{from: allowance, windows: [{name: w, max: 2, every: day, in: Europe/Paris}]}]")
    for at, answer in ((0, "allowance 1"), (-1, "allowance 1"), (-1000, "denied: window w"), (1, "denied: window w")):
        assert told(house.ask(1, midnight + at)) == answer
