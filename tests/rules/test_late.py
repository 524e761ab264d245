"""Usage with its own time is counted in the window that it belongs to, within the horizon (law 13)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell


def late(horizon: str, rule: str) -> str:
    return f"late: {horizon}\nplans: {{p: {{rules: [{{for: [f], {rule}}}]}}}}"


def w(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


CASES = [
    Case(
        "usage as old as the horizon allows is counted; a millisecond older is refused as late",
        late("2h", w("max: 9, ever: true")),
        """
        5h | use 1 | allowance 1
           | use 1 at=3h-1ms | denied: late time
           | use 1 at=3h | allowance 1
           | use 1 at=3h+1ms | allowance 1
        """,
    ),
    Case(
        "without a horizon it is the second by which clocks may differ",
        w("max: 9, ever: true"),
        """
        5h | use 1 | allowance 1
           | use 1 at=5h-1001ms | denied: late time
           | use 1 at=5h-1000ms | allowance 1
           | use 1 at=5h-999ms | allowance 1
        """,
    ),
    Case(
        "the horizon is counted from the newest that the account has seen, not from now",
        late("2h", w("max: 9, ever: true")),
        """
        0   | use 1 | allowance 1
        9h  | use 1 at=0h-2h | allowance 1
            | use 1 at=1h | allowance 1
            | use 1 at=0h-1h-1ms | denied: late time
        """,
    ),
    Case(
        "what is recorded too late is refused as late too",
        late("2h", w("max: 9, ever: true")),
        """
        5h | use 1 | allowance 1
           | record 1 at=3h-1ms | denied: late time
           | record 1 at=3h | allowance 1
        """,
    ),
    Case(
        "usage of the day before is counted in the day before, and not in the day that stands",
        late("2h", w("max: 3, every: day, in: UTC")),
        """
        14h      | use 2 | allowance 2
        15h      | use 1 | allowance 1
                 | use 2 at=15h-1ms | denied: window w
                 | use 1 at=15h-1ms | allowance 1
                 | use 1 at=15h-1ms | denied: window w
                 | use 2 at=15h | allowance 2
                 | use 1 | denied: window w
        """,
    ),
    Case(
        "usage of a fixed window before is counted there",
        late("1d", w("max: 2, every: 7d, starting: billing_day")),
        """
        0  | use 1 | allowance 1
        7d | use 2 | allowance 2
           | use 2 at=7d-1ms | denied: window w
           | use 1 at=7d-1ms | allowance 1
           | use 1 at=7d-1ms | denied: window w
        """,
    ),
    Case(
        "a period in between, in which nobody used anything, becomes the window before",
        late("5h", w("max: 2, every: hour, in: UTC")),
        """
        0      | use 1 | allowance 1
        3h     | use 1 | allowance 1
               | use 1 at=30m | allowance 1
               | use 2 at=1h30m | allowance 2
               | use 1 at=1h30m | denied: window w
               | use 1 | allowance 1
        """,
    ),
    Case(
        "a period older than the window before finds no room",
        late("5h", w("max: 2, every: hour, in: UTC")),
        """
        0      | use 1 | allowance 1
        3h     | use 1 | allowance 1
               | use 1 at=1h30m | allowance 1
               | use 1 at=30m | denied: window w
               | use 1 at=2h | allowance 1
               | use 1 at=1h30m | denied: window w
        """,
    ),
    Case(
        "a late use within the session that stands is counted in it",
        late("2h", w("max: 2, every: 5h, starting: first_use")),
        """
        0  | use 1 | allowance 1
        2h | use 1 at=1h | allowance 1
           | use 1 | denied: window w
        """,
    ),
    Case(
        "a late session that would reach into the one that stands is the one that stands",
        late("3h", w("max: 2, every: 1h, starting: first_use")),
        """
        3h | use 1 | allowance 1
           | use 1 at=2h+1ms | allowance 1
           | use 1 | denied: window w
           | use 1 at=2h+1ms | denied: window w
        """,
    ),
    Case(
        "a late session that ends where the standing one began is one of its own",
        late("3h", w("max: 2, every: 1h, starting: first_use")),
        """
        3h | use 1 | allowance 1
           | use 2 at=2h | allowance 2
           | use 1 at=2h | denied: window w
           | use 1 | allowance 1
        """,
    ),
    Case(
        "late usage counts in a ceiling of its own time",
        late("2h", "ceilings: [{name: c, max: 2, every: hour, in: UTC}], waterfall: [{from: overage}]"),
        """
        0  | use 1 | overage 1 (5)
        1h | use 2 | overage 2 (10)
           | use 1 at=30m | overage 1 (5)
           | use 1 at=30m | denied: ceiling c
        """,
    ),
    Case(
        "late usage spends in the spending limit of its own time",
        late("2h", "waterfall: [{from: overage}], spending: [{name: s, max: 5, every: hour, in: UTC}]"),
        """
        30m | use of=f 1 at=30m | overage 1 (5)
        1h  | use 1 | overage 1 (5)
            | use 1 at=59m | denied: spending s
        """,
    ),
    Case(
        "late usage draws on lots that were in effect at its time",
        late("2h", "waterfall: [{from: credits}]"),
        """
        0  | credit 50 effective=1h
        2h | use 1 at=1h-1ms | denied: credits credits
           | use 1 at=1h | credits 1 (5 from 1)
        """,
    ),
    Case(
        "the end of a hold in the window before is given back there",
        late("2h", w("max: 2, every: hour, in: UTC")),
        """
        0  | hold 2 key=h lasts=2h | allowance 2
        1h | use 2 | allowance 2
           | use 1 at=30m | denied: window w
           | commit h 1 | allowance 1
           | use 1 | denied: window w
           | use 1 at=30m | allowance 1
        """,
    ),
    Case(
        "a subject that is late in the day before is counted there, and keeps its seat of today",
        late(
            "2h", "ceilings: [{name: seats, max: 2, of: subjects, every: day, in: UTC}], waterfall: [{from: overage}]"
        ),
        """
        15h | use 1 by=ada | overage 1 (5)
            | use 1 by=ada at=14h | overage 1 (5)
            | use 1 by=ada | overage 1 (5)
            | use 1 by=bob | overage 1 (5)
            | use 1 by=cat | denied: ceiling seats
        """,
    ),
    Case(
        "a subject that had a seat in the day before has it for late usage too",
        late(
            "2h", "ceilings: [{name: seats, max: 1, of: subjects, every: day, in: UTC}], waterfall: [{from: overage}]"
        ),
        """
        14h | use 1 by=ada | overage 1 (5)
        15h | use 1 by=ada | overage 1 (5)
            | use 1 by=ada at=14h | overage 1 (5)
            | use 1 by=bob at=14h | denied: ceiling seats
            | use 1 by=bob | denied: ceiling seats
        """,
    ),
]


@rules_of(CASES)
def test_late(case):
    tell(case)
