"""Holds: opened on an estimate, extended, ended once, expired by themselves, committed late (law 9)."""

from __future__ import annotations

import pytest

from spillover.model.errors import UnknownName
from tests.rules.story import Case, Teller, rules_of, tell

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

ENDS = [
    Case(
        "to commit just what was held gives nothing back",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | commit h 4 | allowance 4
          | use 2 | denied: window w, credits credits
          | use 1 | allowance 1
        """,
    ),
    Case(
        "to commit less gives the rest back",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | commit h 3 | allowance 3
          | use 3 | denied: window w, credits credits
          | use 2 | allowance 2
        """,
    ),
    Case(
        "to commit less gives back from the last leg to the first",
        RULE,
        """
        0 | credit 50
          | hold 7 key=h | allowance 5 + credits 2 (10 from 1)
          | commit h 4 | allowance 4
          | left | 50
          | use 1 | allowance 1
        """,
    ),
    Case(
        "of a leg the last lot gets back first",
        PAID,
        """
        0 | credit 7
          | credit 20
          | hold 3 key=h | credits 3 (15 from 1, 2)
          | commit h 2 | credits 2 (10 from 1, 2)
          | use 4 | denied: credits credits
          | use 3 | credits 3 (15 from 2)
        """,
    ),
    Case(
        "to commit more draws the rest from the layers, where the opening stopped",
        RULE,
        """
        0 | credit 50
          | hold 4 key=h | allowance 4
          | commit h 7 | allowance 4 + allowance 1 + credits 2 (10 from 1)
          | left | 40
        """,
    ),
    Case(
        "to commit more than there is is overshoot",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | commit h 7 | allowance 4 + allowance 1 + overshoot 2 (10, 10 forgiven)
        """,
    ),
    Case(
        "to commit less than the policy's minimum bills what was used",
        RULE,
        """
        0 | hold 1 key=h | allowance 2
          | commit h 1 | allowance 1
          | use 4 | allowance 4
        """,
    ),
    Case(
        "to commit no use at all gives everything back",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | commit h seconds=0 | free
          | use 5 | allowance 5
        """,
    ),
    Case(
        "no use at all may be written as one number",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | commit h 0 | free
          | use 5 | allowance 5
        """,
    ),
    Case(
        "the total is metered again, never the difference (law 8)",
        TOKENS % "",
        """
        0 | hold input=1 key=h | allowance 1
          | commit h input=2 | allowance 1 + allowance 2
          | hold input=3 key=i | allowance 4
          | commit i input=2 | allowance 3
        """,
    ),
    Case(
        "to release gives everything back",
        RULE,
        """
        0 | credit 50
          | hold 7 key=h | allowance 5 + credits 2 (10 from 1)
          | release h | released
          | left | 50
          | use 5 | allowance 5
          | books | grant +50 promotion > lot/1
        """,
    ),
    Case(
        "a hold ends once: the same end has the same answer, another is an error",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | commit h 3 | allowance 3
          | commit h 3 | allowance 3 again
          | commit h 4 | HoldEnded
          | release h | HoldEnded
          | extend h 5 | HoldEnded
          | hold 4 key=i | denied: window w, credits credits
        """,
    ),
    Case(
        "a hold that was released is not committed",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | release h | released
          | release h | released again
          | commit h 4 | HoldEnded
          | use 5 | allowance 5
        """,
    ),
    Case(
        "a hold that never was does not end",
        RULE,
        """
        0 | commit h 1 | UnknownName
          | release h | UnknownName
          | extend h 1 | UnknownName
          | use 1 key=k | allowance 1
          | commit k 1 | UnknownName
        """,
    ),
    Case(
        "usage that nobody reported exactly is marked as an estimate",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | commit h 3 estimated=yes | allowance 3 estimated
        """,
    ),
    Case(
        "a hold goes by the plan of its opening to its end",
        f"plans: {{p: {{rules: [{{for: [f], {RULE}}}]}}, q: {{rules: [{{for: [g], {PAID}}}]}}}}",
        """
        0 | credit 50
          | hold 4 key=h | allowance 4
          | plan q
          | use 1 | denied: plan q
          | extend h 5 | allowance 1
          | commit h 6 | allowance 5 + credits 1 (5 from 1)
        """,
    ),
    Case(
        "what is drawn further goes by the customer's consent of now",
        "waterfall: [{from: credits, consent: remembered}]",
        """
        0 | credit 50
          | hold 2 key=h | credits 2 (10 from 1)
          | put consent=no
          | extend h 3 | denied: consent credits
          | commit h 3 | credits 2 (10 from 1) + overshoot 1 (5, 5 forgiven)
        """,
    ),
    Case(
        "a suspended account's holds end, and are not extended",
        RULE,
        """
        0 | hold 4 key=h | allowance 4
          | put state=suspended
          | extend h 5 | denied: state suspended
          | commit h 2 | allowance 2
        """,
    ),
    Case(
        "what a suspended account's hold used further is recorded, and no layer pays it",
        PAID,
        """
        0 | credit 50
          | hold 2 key=h | credits 2 (10 from 1)
          | put state=suspended
          | commit h 3 | credits 2 (10 from 1) + overshoot 1 (5, 5 forgiven)
        """,
    ),
]

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
]


@rules_of(OPENING)
def test_opening(case):
    tell(case)


@rules_of(ENDS)
def test_end(case):
    tell(case)


@rules_of(EXTENDING)
def test_extending(case):
    tell(case)


@rules_of(EXPIRY)
def test_expiry(case):
    tell(case)


def test_a_hold_of_another_account_is_unknown():
    with Teller(RULE) as teller:
        assert teller.do("0", "hold 4 key=h") == "allowance 4"
        teller.access.accounts.put("other", "p")
        for end in (teller.access.holds.commit, teller.access.holds.extend):
            with pytest.raises(UnknownName):
                end("other", "h", 1)
        with pytest.raises(UnknownName):
            teller.access.holds.release("other", "h")
        assert teller.do("", "open") == "h"
