"""What was counted is forgotten (`windows.reset`); the window ends when it would have ended."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell


def w(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


DAY = w("max: 3, every: day, in: UTC")
PER_SUBJECT = "ceilings: [{name: c, max: 1, every: day, in: UTC, per: subject}], waterfall: [{from: overage}]"
PER_TEAM = "ceilings: [{name: c, max: 1, every: day, in: UTC, per: team}], waterfall: [{from: overage}]"

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
    Case(
        "a limit that features share is reset for all of them",
        "plans: {p: {rules: [{name: both, for: [f, g], " + w("max: 2, ever: true") + "}]}}",
        """
        0 | use 2 | allowance 2
          | reset w of=g | both/w: 2 -> 0
          | use 1 | allowance 1
          | use of=g | allowance 1
          | use 1 | denied: window w
        """,
    ),
]


@rules_of(RESET)
def test_windows_reset(case):
    tell(case)
