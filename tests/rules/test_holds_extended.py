"""Holds that are extended, that expire by themselves, and that are committed after they had expired (law 9)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

W5 = "{from: allowance, windows: [{name: w, max: 5, ever: true}]}"
TERMS = "hold: {default: {seconds: 4}, at_least: {seconds: 2}, for: 10m}"
RULE = f"waterfall: [{W5}, {{from: credits}}], {TERMS}"
PAID = "waterfall: [{from: credits}]"
TOKENS = (
    'features: {f: {count: cost, price: {input: "1.25", output: 10, per: 1M}}}\n'
    "plans: {p: {rules: [{for: [f], waterfall: [{from: allowance, windows: [{name: w, max: 1, ever: true}]}]%s}]}}"
)


EXTENDING = [
    Case(
        "to extend draws what the new estimate needs more",
        RULE,
        """
        0 | credit 50
          | hold 2 key=h | allowance 2
          | extend h 4 | allowance 2
          | extend h 7 | allowance 1 + credits 2 (10 from 1)
          | commit h 7 | allowance 5 + credits 2 (10 from 1)
        """,
    ),
    Case(
        "to extend is exact: a denial leaves the hold as it was",
        RULE,
        """
        0  | hold 4 key=h | allowance 4
           | due h | 600s
        1m | extend h 6 | denied: window w, credits credits
           | due h | 540s
           | commit h 4 | allowance 4
        """,
    ),
    Case(
        "an estimate that is lower gives nothing back before the end",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | extend h 3 | free
          | use 2 | denied: window w, credits credits
          | commit h 3 | allowance 3
        """,
    ),
    Case(
        "to extend makes a hold due as long from now as the policy or the caller says",
        RULE,
        """
        0  | hold 2 key=h | allowance 2
        4m | extend h 3 | allowance 1
           | due h | 600s
           | extend h lasts=20m | free
           | due h | 1200s
        """,
    ),
    Case(
        "to extend never makes a hold due earlier; it moves by a millisecond at least",
        RULE,
        """
        0 | hold 2 key=h | allowance 2
          | extend h lasts=1m | free
          | due h | 600.001s
        """,
    ),
    Case(
        "a hold is one request, however often it is extended",
        "ceilings: [{name: r, max: 2, of: requests, ever: true}],"
        " waterfall: [{from: allowance, windows: [{name: w, max: 2, of: requests, ever: true}]}]",
        """
        0 | hold 1 key=h | allowance 1
          | extend h 2 | allowance 1
          | extend h 9 | allowance 7
          | commit h 20
          | use 1 | allowance 1
          | use 1 | denied: ceiling r
        """,
    ),
    Case(
        "a ceiling on units counts what a hold is extended by",
        "ceilings: [{name: c, max: 5, ever: true}], waterfall: [{from: overage}]",
        """
        0 | hold 3 key=h | overage 3 (15)
          | extend h 6 | denied: ceiling c
          | extend h 5 | overage 2 (10)
          | use 1 | denied: ceiling c
          | commit h 4 | overage 4 (20)
          | use 1 | overage 1 (5)
        """,
    ),
    Case(
        "the total of an extension is metered again, never the difference (law 8)",
        TOKENS % "",
        """
        0 | hold input=1 key=h | allowance 1
          | extend h input=2 | allowance 2
          | commit h input=2 | allowance 3
        """,
    ),
]


EXPIRY = [
    Case(
        "a hold expires a second after it was due, and not before",
        PAID,
        """
        0        | credit 10
                 | hold 2 key=h lasts=1m | credits 2 (10 from 1)
        61s -1ms | tend
                 | open | h
        61s      | tend
                 | open | none
                 | left | 10
        """,
    ),
    Case(
        "until then it is committed in time",
        PAID,
        """
        0        | credit 10
                 | hold 2 key=h lasts=1m | credits 2 (10 from 1)
        61s -1ms | tend
                 | commit h 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "no denial is answered while a due hold keeps what it needs",
        PAID,
        """
        0        | credit 10
                 | hold 2 key=h lasts=1m | credits 2 (10 from 1)
        61s -1ms | use 2 | denied: credits credits
        61s      | use 2 | credits 2 (10 from 1)
                 | open | none
        """,
    ),
    Case(
        "a denied hold is decided after the holds that are due have expired",
        "ceilings: [{name: c, max: 1, of: open_holds}], waterfall: [{from: overage}]",
        """
        0        | hold 1 key=h lasts=1m | overage 1 (5)
        61s -1ms | hold 1 key=i | denied: ceiling c
        61s      | hold 1 key=i | overage 1 (5)
                 | open | i
        """,
    ),
    Case(
        "a hold that was extended is due later",
        PAID,
        """
        0        | credit 10
                 | hold 2 key=h lasts=1m | credits 2 (10 from 1)
        30s      | extend h lasts=1m
        91s -1ms | tend
                 | open | h
        91s      | tend
                 | open | none
        """,
    ),
    Case(
        "a commit after expiry bills what was used, once, drawn now and marked late",
        PAID,
        """
        0   | credit 10
            | hold 2 key=h lasts=1m | credits 2 (10 from 1)
        61s | tend
            | left | 10
            | commit h 1 | late: credits 1 (5 from 1)
            | commit h 1 | late: credits 1 (5 from 1) again
            | commit h 2 | HoldEnded
            | release h | HoldEnded
            | left | 5
        """,
    ),
    Case(
        "what a late commit finds no payer for is overshoot",
        PAID,
        """
        0   | credit 10
            | hold 2 key=h lasts=1m | credits 2 (10 from 1)
        61s | use 1 | credits 1 (5 from 1)
            | tend
            | commit h 2 | late: credits 1 (5 from 1) + overshoot 1 (5, 5 forgiven)
        """,
    ),
    Case(
        "a late commit counts in ceilings again",
        "ceilings: [{name: c, max: 5, ever: true}], waterfall: [{from: overage}]",
        """
        0   | hold 5 key=h lasts=1m | overage 5 (25)
        61s | use 2 | overage 2 (10)
            | commit h 3 | late: overage 3 (15)
            | use 1 | denied: ceiling c
        """,
    ),
    Case(
        "an expired hold is not extended, and to release it changes nothing",
        PAID,
        """
        0   | credit 10
            | hold 2 key=h lasts=1m | credits 2 (10 from 1)
        61s | tend
            | extend h 3 | HoldEnded
            | release h | expired again
            | left | 10
        """,
    ),
    Case(
        "an extension is denied only after the holds that are due have expired",
        PAID,
        """
        0   | credit 10
            | hold 1 key=h lasts=1m | credits 1 (5 from 1)
            | hold 1 key=i lasts=5m | credits 1 (5 from 1)
        61s -1ms | extend i 2 | denied: credits credits
        61s | extend i 2 | credits 1 (5 from 1)
            | open | i
        """,
    ),
    Case(
        "a check answers as the request would be, with holds that are due out of the way",
        PAID,
        """
        0        | credit 10
                 | hold 2 key=h lasts=1m | credits 2 (10 from 1)
        61s -1ms | check 2 | denied: credits credits
        61s      | check 2 | credits 2 (10 from 1)
                 | use 2 | credits 2 (10 from 1)
        """,
    ),
]


@rules_of(EXTENDING)
def test_extending(case):
    tell(case)


@rules_of(EXPIRY)
def test_expiry(case):
    tell(case)
