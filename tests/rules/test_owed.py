"""Forgiveness is bounded in each period; beyond it overshoot is owed, and new credits pay it first (law 7)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

DAY = "every: day, in: UTC"
W3 = f"{{from: allowance, windows: [{{name: w, max: 3, {DAY}}}]}}"
BOUNDED = "waterfall: [{from: credits}], overshoot: {forgive: 10, every: day, in: UTC}"

RECORD = [
    Case(
        "record draws from the layers first; what none can pay is overshoot, charged and refunded",
        BOTH,
        """
        0 | credit 7
          | record 6 | allowance 3 + credits 1 (5 from 1) + overshoot 2 (10, 10 forgiven)
          | left | 2
          | books | grant +7 promotion > lot/1; debit -5 lot/1 > revenue/f; debit +10 overshoot > revenue/f; \
overshoot_refund -10 forgiven > overshoot
        """,
    ),
    Case(
        "overshoot where there are no credits is at the price of overage with its factor",
        'waterfall: [{from: overage, price_times: "1.20", cap: {max: 6, ever: true}}]',
        """
        0 | record 3 | overage 1 (6) + overshoot 2 (12, 12 forgiven)
        """,
    ),
    Case(
        "overshoot where no layer is paid costs nothing",
        f"waterfall: [{W3}]",
        """
        0 | record 5 | allowance 3 + overshoot 2 (0)
          | books | nothing
        """,
    ),
    Case(
        "record counts in ceilings without bound",
        f"ceilings: [{{name: c, max: 2, {DAY}}}], {FREE}",
        """
        0   | record 5 | overage 5 (25)
            | use 1 | denied: ceiling c
            | record 1 | overage 1 (5)
        15h | use 2 | overage 2 (10)
        """,
    ),
    Case(
        "record goes beyond open holds, seats and requests, and counts in them",
        f"ceilings: [{{name: seats, max: 1, of: subjects, {DAY}}}, {{name: r, max: 2, of: requests, {DAY}}}], {FREE}",
        """
        0 | use 1 by=ada | overage 1 (5)
          | record 1 by=bob | overage 1 (5)
          | record 1 by=cat | overage 1 (5)
          | use 1 by=bob | denied: ceiling r
        """,
    ),
    Case(
        "of a suspended account no layer pays what is recorded",
        BOTH,
        """
        0 | credit 100
          | put state=suspended
          | record 2 | overshoot 2 (10, 10 forgiven)
          | use 2 | denied: state suspended
          | left | 100
        """,
    ),
    Case(
        "what the plan does not have is recorded as overshoot at no price",
        BOTH,
        """
        0 | record of=g | overshoot 1 (0)
        """,
    ),
    Case(
        "what the plan is not for is recorded as overshoot",
        f"only: {{size: [small]}}, {BOTH}",
        """
        0 | credit 100
          | record 2 size=large | overshoot 2 (10, 10 forgiven)
          | record 2 size=small | allowance 2
        """,
    ),
    Case(
        "without an attribute that a limit needs, what is recorded is overshoot",
        f"ceilings: [{{name: c, max: 9, {DAY}, per: team}}], {BOTH}",
        """
        0 | record 2 | overshoot 2 (10, 10 forgiven)
          | record 2 team=red | allowance 2
        """,
    ),
    Case(
        "without consent credits pay nothing that is recorded",
        "waterfall: [{from: credits, consent: remembered}]",
        """
        0 | credit 100
          | put consent=no
          | record 1 | overshoot 1 (5, 5 forgiven)
        """,
    ),
    Case(
        "spending limits hold for what is recorded; beyond them is overshoot",
        f"waterfall: [{{from: credits}}], spending: [{{name: s, max: 5, {DAY}}}]",
        """
        0 | credit 100
          | record 2 | credits 1 (5 from 1) + overshoot 1 (5, 5 forgiven)
          | left | 95
        """,
    ),
    Case(
        "what is recorded once under a key is recorded once",
        BOTH,
        """
        0 | record 5 key=k | allowance 3 + overshoot 2 (10, 10 forgiven)
          | record 5 key=k | allowance 3 + overshoot 2 (10, 10 forgiven) again
          | record 6 key=k | KeyReused
        """,
    ),
    Case(
        "what is recorded beyond a bucket has to refill before anything passes",
        "ceilings: [{name: c, max: 6, refill: 1m}], waterfall: [{from: overage}]",
        """
        0        | record 12 | overage 12 (60)
        70s -1ms | use 1 | denied: ceiling c
        70s      | use 1 | overage 1 (5)
        70s +1ms | use 1 | denied: ceiling c
        """,
    ),
    Case(
        "what is recorded beyond a sliding ceiling slides out as the rest does",
        "ceilings: [{name: c, max: 3, sliding: 1h}], waterfall: [{from: overage}]",
        """
        0        | record 9 | overage 9 (45)
        30m      | record 1 | overage 1 (5)
        65m -1ms | use 1 | denied: ceiling c
        65m      | use 3 | denied: ceiling c
                 | use 2 | overage 2 (10)
        """,
    ),
]


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
