"""A hold ends once: committed with less, as much or more than was held, or released (law 9)."""

from __future__ import annotations

import pytest

from spillover.model.errors import UnknownName
from tests.rules.story import Case, rules_of, tell
from tests.rules.teller import Teller

W5 = "{from: allowance, windows: [{name: w, max: 5, ever: true}]}"
TERMS = "hold: {default: {seconds: 4}, at_least: {seconds: 2}, for: 10m}"
RULE = f"waterfall: [{W5}, {{from: credits}}], {TERMS}"
PAID = "waterfall: [{from: credits}]"
TOKENS = (
    'features: {f: {count: cost, price: {input: "1.25", output: 10, per: 1M}}}\n'
    "plans: {p: {rules: [{for: [f], waterfall: [{from: allowance, windows: [{name: w, max: 1, ever: true}]}]%s}]}}"
)


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
    Case(
        "what is used further is counted in the windows of the hold's end",
        f"waterfall: [{{from: allowance, windows: [{{name: w, max: 3, every: day, in: UTC}}]}}], {TERMS}",
        """
        15h -1ms | hold 3 key=h | allowance 3
        15h      | commit h 5 | allowance 3 + allowance 2
                 | use 2 | denied: window w
                 | use 1 | allowance 1
        """,
    ),
]


@rules_of(ENDS)
def test_end(case):
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
