"""What plans give: once or each period, to the period's end, with what rolls over."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell


def gives(*gifts: str, rule: str = "waterfall: [{from: units}, {from: credits}]") -> str:
    return (
        f"plans: {{p: {{gives: [{', '.join(gifts)}], rules: [{{for: [f, g], name: both, {rule}}}]}},"
        f" q: {{rules: [{{for: [f, g], name: both, {rule}}}]}}}}"
    )


MONTH = "every: month, in: UTC"

CASES = [
    Case(
        "a gift once is there when the account comes to the plan, and lives as long as it says",
        gives("{credits: 20, once: true, expires: 14d}"),
        """
        0        | left | 20
        14d -1ms | use 1 | credits 1 (5 from 1)
        14d      | use 1 | denied: units f, credits credits
        """,
    ),
    Case(
        "a gift once without an end lives for ever",
        gives("{credits: 20, once: true}"),
        """
        0    | left | 20
        900d | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "a gift once is given once, though the account comes again",
        gives("{credits: 20, once: true}"),
        """
        0  | use 4 | credits 4 (20 from 1)
           | plan q
           | plan p
        1d | tend
           | left | 0
        """,
    ),
    Case(
        "a gift of a plan comes when the account changes to it",
        gives("{credits: 20, once: true}"),
        """
        0 | put q
          | left | nothing
          | plan p
          | left | 20
        """,
    ),
    Case(
        "a gift of a scheduled plan comes with the plan",
        gives("{credits: 20, once: true}"),
        """
        0       | put q
                | plan p when=1h
        1h -1ms | tend
                | use 1 | denied: units f, credits credits
        1h      | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "a gift each month is there at once, and lives to the month's end",
        gives(f"{{credits: 20, {MONTH}}}"),
        """
        0                      | use 1 | credits 1 (5 from 1)
        2026-04-01T00:00Z -1ms | use 1 | credits 1 (5 from 1)
                               | left | 10
        2026-04-01T00:00Z      | use 1 | credits 1 (5 from 2)
                               | left | 15
        """,
    ),
    Case(
        "what is left of a month's gift expires with it",
        gives(f"{{credits: 20, {MONTH}}}"),
        """
        2026-03-31T23:00Z | use 1 | credits 1 (5 from 1)
                          | books | grant +20 promotion > lot/1; debit -5 lot/1 > revenue/f
        2026-04-01T00:00Z | tend
                          | left | 20
                          | books | grant +20 promotion > lot/2; expire -15 lot/1 > expired
        """,
    ),
    Case(
        "a gift each day of a zone comes at its midnight",
        gives("{credits: 5, every: day, in: Asia/Kolkata}"),
        """
        2026-05-01T12:00+05:30      | use 1 | credits 1 (5 from 1)
        2026-05-02T00:00+05:30 -1ms | use 1 | denied: units f, credits credits
        2026-05-02T00:00+05:30      | use 1 | credits 1 (5 from 2)
        2026-05-02T00:00+05:30 +1ms | use 1 | denied: units f, credits credits
        """,
    ),
    Case(
        "a gift from the billing day on the 31st comes on the last day of shorter months",
        gives("{credits: 5, every: month, starting: billing_day}"),
        """
        2026-03-31T12:00Z      | put billing=2026-01-31T12:00Z
                               | use 1 | credits 1 (5 from 1)
        2026-04-30T12:00Z -1ms | use 1 | denied: units f, credits credits
        2026-04-30T12:00Z      | use 1 | credits 1 (5 from 2)
        2026-05-31T12:00Z -1ms | use 1 | denied: units f, credits credits
        2026-05-31T12:00Z      | use 1 | credits 1 (5 from 3)
        """,
    ),
    Case(
        "a gift of units is of its feature",
        gives(f"{{units: 3, for: f, {MONTH}}}"),
        """
        0 | use of=g | denied: units g, credits credits
          | use 3 | units 3 (from 1)
        """,
    ),
    Case(
        "a gift with a scope pays for nothing else",
        gives(f"{{credits: 20, {MONTH}, only: {{feature: [g]}}}}"),
        """
        0 | use 1 | denied: units f, credits credits
          | use of=g | credits 1 (1 from 1)
        """,
    ),
    Case(
        "a gift that is paid by the subscription goes from purchases, and burns after promotional ones",
        gives(f"{{name: a, credits: 5, kind: paid, {MONTH}}}", f"{{name: b, credits: 5, {MONTH}}}"),
        """
        0 | books | grant +5 purchases > lot/1; grant +5 promotion > lot/2
          | use 2 | credits 2 (10 from 2, 1)
        """,
    ),
    Case(
        "a gift's priority is its lot's",
        gives(f"{{name: a, credits: 5, priority: 200, {MONTH}}}"),
        """
        0 | credit 5
          | use 2 | credits 2 (10 from 2, 1)
        """,
    ),
    Case(
        "an account that leaves the plan keeps what it was given to its end, and gets no more",
        gives(f"{{credits: 20, {MONTH}}}"),
        """
        0                      | plan q
        2026-04-01T00:00Z -1ms | use 1 | credits 1 (5 from 1)
        2026-04-01T00:00Z      | use 1 | denied: units f, credits credits
        """,
    ),
    Case(
        "a closed account is given nothing",
        gives(f"{{credits: 20, {MONTH}}}"),
        """
        0                 | books | grant +20 promotion > lot/1
                          | put state=closed
        2026-04-01T00:00Z | books | state_change state: active -> closed; expire -20 lot/1 > expired
        2026-04-01T00:01Z | put state=active
                          | left | 20
                          | books | grant +20 promotion > lot/2; state_change state: closed -> active
        """,
    ),
    Case(
        "periods in which nobody saw to it are made up for, and have expired",
        gives(f"{{credits: 20, {MONTH}}}"),
        """
        0                 | use 1 | credits 1 (5 from 1)
        2026-06-15T00:00Z | tend
                          | left | 20
                          | use 1 | credits 1 (5 from 4)
        """,
    ),
    Case(
        "a gift of a period is given once in it, though the account leaves and comes again",
        gives(f"{{credits: 20, {MONTH}}}"),
        """
        0                 | use 4 | credits 4 (20 from 1)
                          | plan q
        1d                | plan p
                          | left | 0
        2026-04-01T00:00Z | use 1 | credits 1 (5 from 2)
        """,
    ),
]

ROLLOVER = gives(f"{{credits: 20, {MONTH}, rollover: {{max: 8, expires: 10d}}}}")

ROLLS = [
    Case(
        "of what is left at the period's end at most the cap goes on, and the rest expires",
        ROLLOVER,
        """
        0                 | use 1 | credits 1 (5 from 1)
                          | books
        2026-04-01T00:00Z | settle
                          | left | 28
                          | books | grant +20 promotion > lot/3; rollover -8 lot/1 > rollover; \
rollover +8 rollover > lot/2; expire -7 lot/1 > expired
        """,
    ),
    Case(
        "what is less than the cap goes on whole, and nothing expires",
        ROLLOVER,
        """
        0                 | use 3 | credits 3 (15 from 1)
                          | books
        2026-04-01T00:00Z | settle
                          | left | 25
                          | books | grant +20 promotion > lot/3; rollover -5 lot/1 > rollover; \
rollover +5 rollover > lot/2
        """,
    ),
    Case(
        "of nothing nothing goes on",
        ROLLOVER,
        """
        0                 | use 4 | credits 4 (20 from 1)
        2026-04-01T00:00Z | tend
                          | left | 20
        """,
    ),
    Case(
        "what rolled over burns before the new gift, which ends later",
        ROLLOVER,
        """
        0                 | left | 20
        2026-04-01T00:00Z | use 2 | credits 2 (10 from 2, 3)
        """,
    ),
    Case(
        "what rolled over lives as long more as it says, and does not roll over again",
        ROLLOVER,
        """
        0                      | left | 20
        2026-04-01T00:00Z      | settle
        2026-04-11T00:00Z -1ms | left | 28
        2026-04-11T00:00Z      | left | 20
                               | use 5 | denied: units f, credits credits
                               | use 4 | credits 4 (20 from 3)
        2026-05-01T00:00Z      | tend
                               | left | 20
        """,
    ),
    Case(
        "what rolled over is told as available as soon as it can be spent",
        ROLLOVER,
        """
        0                 | use 3 | credits 3 (15 from 1)
        2026-04-01T00:00Z | tend
                          | left | 25
                          | use 5 | credits 5 (25 from 2, 3)
        """,
    ),
    Case(
        "units roll over as credits do",
        gives(f"{{units: 4, for: f, {MONTH}, rollover: {{max: 1, expires: 10d}}}}"),
        """
        0                 | use 1 | units 1 (from 1)
        2026-04-01T00:00Z | settle
                          | left f | 5
        """,
    ),
    Case(
        "what a hold keeps at the period's end rolls over nowhere",
        ROLLOVER,
        """
        2026-03-31T23:59Z | hold 4 key=h | credits 4 (20 from 1)
        2026-04-01T00:00Z | tend
                          | release h | released; expire 20 of 1
                          | left | 20
        """,
    ),
    Case(
        "a refund to a gift that has rolled over is posted, and posted as expired",
        ROLLOVER,
        """
        0                 | use 3 key=k | credits 3 (15 from 1)
        2026-04-01T00:00Z | books
                          | refund k | 3 units: +15 to 1, 15 expired
                          | left | 25
                          | books | refund +15 revenue/f > lot/1; expire -15 lot/1 > expired
        """,
    ),
]


@rules_of(CASES)
def test_gift(case):
    tell(case)


@rules_of(ROLLS)
def test_rollover(case):
    tell(case)
