"""Forgiveness is bounded in each period; beyond it overshoot is owed, and new credits pay it first (law 7)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

DAY = "every: day, in: UTC"
W3 = f"{{from: allowance, windows: [{{name: w, max: 3, {DAY}}}]}}"
BOUNDED = "waterfall: [{from: credits}], overshoot: {forgive: 10, every: day, in: UTC}"

OWING = [
    Case(
        "overshoot is forgiven within the plan's bound, and owed beyond it",
        BOUNDED,
        """
        0 | record 3 | overshoot 3 (15, 10 forgiven, 5 owed)
          | books | debit +15 overshoot > revenue/f; overshoot_refund -10 forgiven > overshoot; \
owed +5 owed > overshoot
          | left | 0, 5 owed
        """,
    ),
    Case(
        "what is forgiven is bounded in each period",
        BOUNDED,
        """
        0        | record 1 | overshoot 1 (5, 5 forgiven)
                 | record 2 | overshoot 2 (10, 5 forgiven, 5 owed)
        15h -1ms | record 1 | overshoot 1 (5, 5 owed)
        15h      | record 1 | overshoot 1 (5, 5 forgiven)
        15h +1ms | record 2 | overshoot 2 (10, 5 forgiven, 5 owed)
        """,
    ),
    Case(
        "forgiveness is to the micro-credit, not in whole units",
        "waterfall: [{from: credits}], overshoot: {forgive: 7, ever: true}",
        """
        0 | record 1 | overshoot 1 (5, 5 forgiven)
          | record 1 | overshoot 1 (5, 2 forgiven, 3 owed)
        """,
    ),
    Case(
        "forgive: 0 forgives nothing",
        "waterfall: [{from: credits}], overshoot: {forgive: 0, ever: true}",
        """
        0 | record 2 | overshoot 2 (10, 10 owed)
        """,
    ),
    Case(
        "while something is owed credits and overage are closed, and what is included or gifted is not",
        f"waterfall: [{W3}, {{from: units}}, {{from: credits}}, {{from: overage, cap: {{max: 5, ever: true}}}}],"
        " overshoot: {forgive: 0, ever: true}",
        """
        0   | record 5 | allowance 3 + overage 1 (5) + overshoot 1 (5, 5 owed)
            | gift 1
            | use 1 | units 1 (from 1)
            | use 1 | denied: window w, units f, owed owed
        15h | use 3 | allowance 3
        """,
    ),
    Case(
        "while something is owed a price of nothing is still served",
        "features: {f: {unit: second, count: seconds, price: [{when: {size: small}, credits: 0}, {credits: 5}]}}\n"
        "plans: {p: {rules: [{for: [f], waterfall: [{from: credits}], overshoot: {forgive: 0, ever: true}}]}}",
        """
        0 | record 1 | overshoot 1 (5, 5 owed)
          | use 1 | denied: owed owed
          | use 4 size=small | credits 4
        """,
    ),
    Case(
        "credits that were there before do not pay what is owed; new ones pay it first",
        "waterfall: [{from: credits}], spending: [{name: s, max: 5, ever: true}], overshoot: {forgive: 0, ever: true}",
        """
        0 | credit 50
          | record 2 | credits 1 (5 from 1) + overshoot 1 (5, 5 owed)
          | settle
          | left | 45, 5 owed
          | reset s
          | use 1 | denied: owed owed
          | credit 3
          | settle
          | left | 45, 2 owed
          | use 1 | denied: owed owed
          | credit 4
          | settle
          | left | 47
          | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "what new credits pay of what is owed stands in the statement, from their lot",
        "waterfall: [{from: credits}], overshoot: {forgive: 0, ever: true}",
        """
        0 | record 1 | overshoot 1 (5, 5 owed)
          | books
          | credit 3
          | credit 10
          | books | grant +3 promotion > lot/1; grant +10 promotion > lot/2; owed -3 lot/1 > owed; owed -2 lot/2 > owed
          | left | 8
        """,
    ),
    Case(
        "gifted units pay nothing that is owed",
        "waterfall: [{from: units}, {from: credits}], overshoot: {forgive: 0, ever: true}",
        """
        0 | record 1 | overshoot 1 (5, 5 owed)
          | gift 9
          | settle
          | left f | 9
          | left | 0, 5 owed
        """,
    ),
    Case(
        "an adjustment upwards pays what is owed first",
        "waterfall: [{from: credits}], overshoot: {forgive: 0, ever: true}",
        """
        0 | credit 5
          | use 1 | credits 1 (5 from 1)
          | settle
          | credit 1
          | record 1 | overshoot 1 (5, 5 owed)
          | adjust 2 7
          | settle
          | left | 3
        """,
    ),
    Case(
        "a refund pays what is owed first",
        "waterfall: [{from: credits}], overshoot: {forgive: 0, ever: true}",
        """
        0 | credit 10
          | use 2 key=k | credits 2 (10 from 1)
          | record 1 | overshoot 1 (5, 5 owed)
          | settle
          | refund k | 2 units: +10 to 1
          | settle
          | left | 5
        """,
    ),
    Case(
        "what is recorded while something is owed adds to it, and draws no credits",
        "waterfall: [{from: credits}], spending: [{name: s, max: 5, ever: true}], overshoot: {forgive: 0, ever: true}",
        """
        0 | credit 50
          | record 2 | credits 1 (5 from 1) + overshoot 1 (5, 5 owed)
          | reset s
          | record 1 | overshoot 1 (5, 5 owed)
          | settle
          | left | 45, 10 owed
        """,
    ),
    Case(
        "credits that pay just what is owed open the layer, and leave nothing",
        "waterfall: [{from: credits}], overshoot: {forgive: 0, ever: true}",
        """
        0 | record 1 | overshoot 1 (5, 5 owed)
          | credit 5
          | use 1 | denied: credits credits
          | settle
          | left | 0
        """,
    ),
    Case(
        "what a hold used beyond what there was is owed beyond the plan's bound",
        BOUNDED,
        """
        0 | credit 5
          | hold 1 key=h | credits 1 (5 from 1)
          | commit h 4 | credits 1 (5 from 1) + overshoot 3 (15, 10 forgiven, 5 owed)
          | books | grant +5 promotion > lot/1; debit -5 lot/1 > revenue/f; debit +15 overshoot > revenue/f; \
overshoot_refund -10 forgiven > overshoot; owed +5 owed > overshoot
        """,
    ),
]


@rules_of(OWING)
def test_owing(case):
    tell(case)
