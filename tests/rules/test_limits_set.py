"""Another maximum for one account (`limits.set`), and what was counted forgotten (`windows.reset`)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell


def w(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


DAY = w("max: 3, every: day, in: UTC")
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
        f"plans: {{p: {{rules: [{{for: [f], {DAY}}}]}}, q: {{rules: [{{for: [f], {w('max: 4, every: day, in: UTC')}}}]}}}}",
        """
        0 | set w 6
          | plan q
          | use 7 | denied: window w
          | use 6 | allowance 6
        """,
    ),
    Case(
        "a scheduled plan's limits can be set from its instant on",
        f"plans: {{p: {{rules: [{{for: [f], {DAY}}}]}}, q: {{rules: [{{for: [f], {w('max: 4, ever: true').replace('w,', 'v,')}}}]}}}}",
        """
        0  | plan q when=1h
        1h | set v 6
           | use 6 | allowance 6
        """,
    ),
]

RESET = [
    Case(
        "a session that is reset has all its room, and ends when it would have ended",
        w("max: 2, every: 5h, starting: first_use"),
        """
        0        | use 2 | allowance 2
        1h       | reset w | f/w: 2 -> 0
                 | use 3 | denied: window w
                 | use 2 | allowance 2
        5h -1ms  | use 1 | denied: window w
        5h       | use 2 | allowance 2
        """,
    ),
    Case(
        "a fixed window that is reset ends when it would have ended",
        w("max: 2, every: 7d, starting: billing_day"),
        """
        0        | use 2 | allowance 2
        3d       | reset w | f/w: 2 -> 0
                 | use 2 | allowance 2
        7d -1ms  | use 1 | denied: window w
        7d       | use 2 | allowance 2
        """,
    ),
    Case(
        "a calendar window that is reset ends when it would have ended",
        DAY,
        """
        0        | use 3 | allowance 3
                 | reset w | f/w: 3 -> 0
                 | use 3 | allowance 3
        15h -1ms | use 1 | denied: window w
        15h      | use 3 | allowance 3
        """,
    ),
    Case(
        "a bucket that is reset is full",
        w("max: 6, refill: 1m"),
        """
        0        | use 4 | allowance 4
        10s      | reset w | f/w: 3 -> 0
                 | use 7 | denied: window w
                 | use 6 | allowance 6
        20s -1ms | use 1 | denied: window w
        20s      | use 1 | allowance 1
        """,
    ),
    Case(
        "a window for ever that is reset begins again",
        w("max: 2, ever: true"),
        """
        0 | use 2 | allowance 2
          | reset w | f/w: 2 -> 0
          | use 2 | allowance 2
          | use 1 | denied: window w
        """,
    ),
    Case(
        "to reset the allowance is to reset every window of it, and no ceiling",
        "ceilings: [{name: c, max: 4, ever: true}], waterfall: [{from: allowance, windows:"
        " [{name: a, max: 2, ever: true}, {name: b, max: 2, every: day, in: UTC}]}]",
        """
        0 | use 2 | allowance 2
          | reset | f/a: 2 -> 0; f/b: 2 -> 0
          | use 2 | allowance 2
          | reset
          | use 1 | denied: ceiling c
          | reset c | f/c: 4 -> 0
          | use 1 | allowance 1
        """,
    ),
    Case(
        "a limit per value is reset for the value that is named, and has to have one",
        PER_TEAM,
        """
        0 | use 1 team=red | overage 1 (5)
          | use 1 team=blue | overage 1 (5)
          | reset c | InvalidInput
          | reset c scope=red
          | use 1 team=blue | denied: ceiling c
          | use 1 team=red | overage 1 (5)
        """,
    ),
    Case(
        "a limit per subject is reset for one subject",
        PER_SUBJECT,
        """
        0 | use 1 by=ada | overage 1 (5)
          | use 1 by=bob | overage 1 (5)
          | reset c scope=ada
          | use 1 by=bob | denied: ceiling c
          | use 1 by=ada | overage 1 (5)
          | reset c scope=cat | UnknownName
        """,
    ),
    Case(
        "what is reset gives no lot back",
        "waterfall: [{from: credits}], spending: [{name: s, max: 5, ever: true}]",
        """
        0 | credit 20 | lot 1
          | use 1 | credits 1 (5 from 1)
          | use 1 | denied: spending s
          | reset s
          | left | 15
          | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "seats and open holds are not reset but raised",
        "ceilings: [{name: seats, max: 1, of: subjects, ever: true}, {name: h, max: 1, of: open_holds}],"
        " waterfall: [{from: overage}]",
        """
        0 | reset seats | InvalidInput
          | reset h | InvalidInput
        """,
    ),
    Case(
        "boosts and resets stand in the statement, and to reset what is empty does not",
        DAY,
        """
        0 | set w 5
          | use 4
          | reset w
          | reset w | nothing
          | books | override f/w:  -> 5; window_reset f/w: 4 -> 0
        """,
    ),
]


@rules_of(SET)
def test_limits_set(case):
    tell(case)


@rules_of(RESET)
def test_windows_reset(case):
    tell(case)
