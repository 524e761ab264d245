"""Holds that are opened: on an estimate, a default, a minimum; for how long (law 9)."""

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


OPENING = [
    Case(
        "a hold without an estimate is opened on the policy's default",
        RULE,
        """
        0 | hold key=h | allowance 4
          | use 2 | denied: window w, credits credits
          | use 1 | allowance 1
        """,
    ),
    Case(
        "an estimate below the policy's minimum is raised to it",
        RULE,
        """
        0 | hold 1 key=h | allowance 2
          | hold 2 key=i | allowance 2
          | use 2 | denied: window w, credits credits
        """,
    ),
    Case(
        "a minimum raises each of its counts, and leaves the others",
        TOKENS % ", hold: {at_least: {output: 3}}",
        """
        0 | hold input=4 key=h | allowance 35
          | hold input=4 output=5 key=i | allowance 55
        """,
    ),
    Case(
        "a hold without an estimate, where the policy has no default, is an error",
        PAID,
        """
        0 | hold key=h | InvalidInput
          | open | none
        """,
    ),
    Case(
        "a hold lasts as long as the policy says, as the caller says, or fifteen minutes",
        "plans: {p: {rules: [{for: [f], " + RULE + "}, {for: [g], waterfall: [{from: overage}]}]}}",
        """
        0 | hold 2 key=a | allowance 2
          | due a | 600s
          | hold 2 key=b lasts=1m | allowance 2
          | due b | 60s
          | hold of=g key=c | overage 1 (1)
          | due c | 900s
        """,
    ),
    Case(
        "what a hold keeps is held, not spent, until it ends",
        PAID,
        """
        0 | credit 50
          | hold 2 key=h | credits 2 (10 from 1)
          | left | 40, 10 held
          | books | grant +50 promotion > lot/1
          | commit h 2 | credits 2 (10 from 1)
          | left | 40
          | books | debit -10 lot/1 > revenue/f
        """,
    ),
    Case(
        "a hold that finds too little is denied and holds nothing",
        PAID,
        """
        0 | credit 9
          | hold 2 key=h | denied: credits credits
          | open | none
          | commit h 1 | UnknownName
          | left | 9
        """,
    ),
    Case(
        "a hold in mode partial keeps what there is",
        PAID,
        """
        0 | credit 12
          | hold 5 key=h mode=partial | credits 2 (10 from 1) of 5
          | commit h 2 | credits 2 (10 from 1)
          | left | 2
        """,
    ),
    Case(
        "the same hold under its key is the same hold; another request under it is an error",
        PAID,
        """
        0 | credit 50
          | hold 2 key=h | credits 2 (10 from 1)
          | hold 2 key=h | credits 2 (10 from 1) again
          | hold 3 key=h | KeyReused
          | use 2 key=h | KeyReused
          | left | 40, 10 held
        """,
    ),
]


@rules_of(OPENING)
def test_opening(case):
    tell(case)
