"""Another maximum for one account (`limits.set`): for all, a subject or an attribute value, until an instant."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell


def w(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


DAY = w("max: 3, every: day, in: UTC")
PLANS = f"plans: {{p: {{rules: [{{for: [f], {DAY}}}]}}, q: {{rules: [{{for: [f], %s}}]}}}}"
PER_SUBJECT = "ceilings: [{name: c, max: 1, every: day, in: UTC, per: subject}], waterfall: [{from: overage}]"
PER_TEAM = "ceilings: [{name: c, max: 1, every: day, in: UTC, per: team}], waterfall: [{from: overage}]"

SET = [
    Case(
        "a boost is in force until its instant, and not from it on",
        w("max: 1, ever: true"),
        """
        0       | use 1 | allowance 1
                | set w 5 until=1h
        1h -1ms | use 1 | allowance 1
        1h      | use 1 | denied: window w
        1h +1ms | use 1 | denied: window w
                | set w 3 until=2h
                | use 1 | allowance 1
        """,
    ),
    Case(
        "a boost without an end is for good",
        DAY,
        """
        0    | set w 5 | f/w: none -> 5
             | use 5 | allowance 5
        900d | use 5 | allowance 5
             | use 1 | denied: window w
        """,
    ),
    Case(
        "a lower maximum than was used gives nothing, and takes nothing back",
        DAY,
        """
        0        | use 3 | allowance 3
                 | set w 2 | f/w: none -> 2
                 | use 1 | denied: window w
        15h      | use 2 | allowance 2
                 | use 1 | denied: window w
        """,
    ),
    Case(
        "a maximum of nothing closes a window",
        DAY,
        """
        0 | set w 0 | f/w: none -> 0
          | use 1 | denied: window w
        """,
    ),
    Case(
        "a boost for one subject is for no other",
        PER_SUBJECT,
        """
        0 | use 1 by=ada | overage 1 (5)
          | set c 3 scope=ada
          | use 2 by=ada | overage 2 (10)
          | use 1 by=ada | denied: ceiling c
          | use 2 by=bob | denied: ceiling c
        """,
    ),
    Case(
        "a boost for one attribute value is for no other",
        PER_TEAM,
        """
        0 | set c 3 scope=red
          | use 3 team=red | overage 3 (15)
          | use 2 team=blue | denied: ceiling c
        """,
    ),
    Case(
        "a boost for all values is for each of them",
        PER_TEAM,
        """
        0 | set c 3 | f/c: none -> 3
          | use 3 team=red | overage 3 (15)
          | use 3 team=blue | overage 3 (15)
          | use 1 team=blue | denied: ceiling c
        """,
    ),
    Case(
        "the boost for just this value goes before one for all, whichever came last",
        PER_TEAM,
        """
        0 | set c 2 scope=red
          | set c 5
          | use 3 team=red | denied: ceiling c
          | use 2 team=red | overage 2 (10)
          | use 5 team=blue | overage 5 (25)
        """,
    ),
    Case(
        "when the boost for one value ends, the one for all is in force for it",
        PER_TEAM,
        """
        0       | set c 5
                | set c 2 scope=red until=1h
        1h -1ms | use 3 team=red | denied: ceiling c
        1h      | use 3 team=red | overage 3 (15)
        """,
    ),
    Case(
        "of equal boosts the last is in force",
        DAY,
        """
        0 | set w 9 | f/w: none -> 9
          | set w 4 | f/w: 9 -> 4
          | use 5 | denied: window w
          | use 4 | allowance 4
        """,
    ),
    Case(
        "a boost of a bucket refills it faster",
        w("max: 1, refill: 1m"),
        """
        0        | use 1 | allowance 1
                 | set w 6 | f/w: none -> 6
                 | use 5 | allowance 5
                 | use 1 | denied: window w
        10s -1ms | use 1 | denied: window w
        10s      | use 1 | allowance 1
        10s +1ms | use 1 | denied: window w
        """,
    ),
    Case(
        "a boost of a spending limit is in credits",
        "waterfall: [{from: overage}], spending: [{name: s, max: 5, every: day, in: UTC}]",
        """
        0 | use 2 | denied: spending s
          | set s 10.0
          | use 2 | overage 2 (10)
          | use 1 | denied: spending s
        """,
    ),
    Case(
        "a boost of an overage cap lets the line advance more",
        "waterfall: [{from: overage, cap: {max: 5, ever: true}}]",
        """
        0 | use 2 | denied: cap overage_cap
          | set overage_cap 10.0
          | use 2 | overage 2 (10)
        """,
    ),
    Case(
        "a boost of a ceiling on seats lets more subjects in",
        "ceilings: [{name: seats, max: 1, of: subjects, ever: true}], waterfall: [{from: overage}]",
        """
        0 | use 1 by=ada | overage 1 (5)
          | use 1 by=bob | denied: ceiling seats
          | set seats 2 | f/seats: none -> 2
          | use 1 by=bob | overage 1 (5)
          | use 1 by=cat | denied: ceiling seats
        """,
    ),
    Case(
        "a boost is ordered once for its key; another order under it is an error",
        DAY,
        """
        0 | set w 5 key=k | f/w: none -> 5
          | set w 5 key=k | f/w: none -> 5
          | set w 6 key=k | KeyReused
          | use 6 | denied: window w
          | use 5 | allowance 5
        """,
    ),
    Case(
        "a boost of a limit that there is not, or for a value where it counts none, is an error",
        DAY,
        """
        0 | set x 5 | UnknownName
          | set w 5 scope=ada | InvalidInput
          | set w 5 of=g | UnknownName
          | use 4 | denied: window w
        """,
    ),
    Case(
        "a boost stays with the limit when the plan changes to one with the same limit",
        PLANS % w("max: 4, every: day, in: UTC"),
        """
        0 | set w 6
          | plan q
          | use 7 | denied: window w
          | use 6 | allowance 6
        """,
    ),
    Case(
        "a scheduled plan's limits can be set from its instant on",
        PLANS % w("max: 4, ever: true").replace("name: w", "name: v"),
        """
        0  | plan q when=1h
        1h | set v 6
           | use 6 | allowance 6
        """,
    ),
    Case(
        "a boost of a limit that features share is for all of them",
        "plans: {p: {rules: [{name: both, for: [f, g], " + w("max: 1, ever: true") + "}]}}",
        """
        0 | set w 3 | both/w: none -> 3
          | use 2 | allowance 2
          | use of=g | allowance 1
          | use of=g | denied: window w
        """,
    ),
    Case(
        "a boost of what is forgiven forgives more",
        "waterfall: [{from: credits}], overshoot: {forgive: 5, every: day, in: UTC}",
        """
        0 | set overshoot 10.0
          | record 3 | overshoot 3 (15, 10 forgiven, 5 owed)
        """,
    ),
    Case(
        "a boost of a window of credits is in credits",
        w("max: 5, of: credits, ever: true"),
        """
        0 | set w 12.5 | f/w: none -> 12500000
          | use 3 | denied: window w
          | use 2 | allowance 2
        """,
    ),
]


@rules_of(SET)
def test_limits_set(case):
    tell(case)
