"""Who lets paid layers pay: the overage line, spending limits, the customer's consent, the account's state."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

CENTS = (
    "features: {f: {count: cost, price: {input: 1, per: 1M}}}\n"
    'plans: {p: {rules: [{for: [f], waterfall: [{from: overage, price_times: "1.20"%s}]}]}}'
)
DAY = "every: day, in: UTC"

OVERAGE = [
    Case(
        "overage advances at its factor, and what it advanced is a receivable",
        'waterfall: [{from: overage, price_times: "1.20"}]',
        """
        0 | use 3 | overage 3 (18)
          | settle
          | left | 0, 18 advanced
          | books | overage +18 receivable > revenue/f
        """,
    ),
    Case(
        "overage takes what credits leave, each at its own price",
        'waterfall: [{from: credits}, {from: overage, price_times: "1.20"}]',
        """
        0 | credit 12
          | use 4 | credits 2 (10 from 1) + overage 2 (12)
          | left | 2
        """,
    ),
    Case(
        "overage goes up to its cap in each period, in whole units",
        'waterfall: [{from: overage, price_times: "1.20", cap: {max: 20, every: month, starting: billing_day}}]',
        """
        0                      | use 4 | denied: cap overage_cap
                               | use 3 | overage 3 (18)
                               | use 1 | denied: cap overage_cap
        2026-04-02T09:00Z -1ms | use 1 | denied: cap overage_cap
        2026-04-02T09:00Z      | use 3 | overage 3 (18)
        2026-04-02T09:00Z +1ms | use 1 | denied: cap overage_cap
        """,
    ),
    Case(
        "an amount with a factor is rounded once for what the layer gives, half up",
        CENTS % "",
        """
        0 | use input=1 | overage 1 (1e-06)
          | use input=2 | overage 2 (2e-06)
          | use input=3 | overage 3 (4e-06)
          | use input=5 | overage 5 (6e-06)
        """,
    ),
    Case(
        "the cap counts the amount as rounded",
        CENTS % ', cap: {max: "0.000006", ever: true}',
        """
        0 | use input=6 | denied: cap overage_cap
          | use input=3 | overage 3 (4e-06)
          | use input=3 | denied: cap overage_cap
          | use input=2 | overage 2 (2e-06)
          | use input=1 | denied: cap overage_cap
        """,
    ),
    Case(
        "a factor that ends in a half is rounded up",
        CENTS.replace("1.20", "1.50") % "",
        """
        0 | use input=1 | overage 1 (2e-06)
          | use input=2 | overage 2 (3e-06)
          | use input=3 | overage 3 (5e-06)
        """,
    ),
    Case(
        "a cap per team bounds each team's line",
        "waterfall: [{from: overage, cap: {max: 5, ever: true, per: team}}]",
        """
        0 | use 1 team=red | overage 1 (5)
          | use 1 team=red | denied: cap overage_cap
          | use 1 team=blue | overage 1 (5)
        """,
    ),
]

SPENDING = [
    Case(
        "a spending limit bounds credits and overage together, and nothing else",
        f"waterfall: [{{from: allowance, windows: [{{name: w, max: 2, {DAY}}}]}}, {{from: units}}, {{from: credits}},"
        f" {{from: overage}}], spending: [{{name: s, max: 10, {DAY}}}]",
        """
        0        | credit 5
                 | gift 2
                 | use 6 | allowance 2 + units 2 (from 2) + credits 1 (5 from 1) + overage 1 (5)
                 | use 1 | denied: window w, units f, spending s
        15h -1ms | use 3 | denied: window w, units f, spending s
        15h      | use 4 | allowance 2 + overage 2 (10)
        """,
    ),
    Case(
        "a spending limit per team bounds each team, and denies where none is named",
        f"waterfall: [{{from: overage}}], spending: [{{name: s, max: 5, {DAY}, per: team}}]",
        """
        0 | use 1 team=red | overage 1 (5)
          | use 1 team=red | denied: spending s
          | use 1 team=blue | overage 1 (5)
          | use 1 | denied: attribute team
        """,
    ),
    Case(
        "a spending limit per person bounds each person",
        f"waterfall: [{{from: overage}}], spending: [{{name: s, max: 5, {DAY}, per: subject}}]",
        """
        0 | use 1 by=ada | overage 1 (5)
          | use 1 by=ada | denied: spending s
          | use 1 by=bob | overage 1 (5)
        """,
    ),
    Case(
        "a spending limit per run is for the run's whole life",
        "waterfall: [{from: overage}], spending: [{name: s, max: 10, ever: true, per: run, when_missing: skip}]",
        """
        0    | use 2 run=r1 | overage 2 (10)
        900d | use 1 run=r1 | denied: spending s
             | use 1 run=r2 | overage 1 (5)
             | use 9 | overage 9 (45)
        """,
    ),
    Case(
        "several spending limits must all leave room",
        f"waterfall: [{{from: overage}}], spending: [{{name: team, max: 20, {DAY}, per: team}},"
        f" {{name: person, max: 10, {DAY}, per: subject}}]",
        """
        0 | use 3 team=red by=ada | denied: spending person
          | use 2 team=red by=ada | overage 2 (10)
          | use 2 team=red by=bob | overage 2 (10)
          | use 1 team=red by=cat | denied: spending team
        """,
    ),
    Case(
        "a spending limit leaves whole units",
        f"waterfall: [{{from: overage}}], spending: [{{name: s, max: 9, {DAY}}}]",
        """
        0 | use 2 | denied: spending s
          | use 1 | overage 1 (5)
          | use 1 | denied: spending s
        """,
    ),
    Case(
        "a spending limit of nothing closes the paid layers",
        f"waterfall: [{{from: credits}}], spending: [{{name: s, max: 0, {DAY}}}]",
        """
        0 | credit 50
          | use 1 | denied: spending s
        """,
    ),
]

CONSENT = [
    Case(
        "without consent the layer that asks for it gives nothing, and the next one may",
        "waterfall: [{from: credits, consent: remembered}, {from: overage}]",
        """
        0 | credit 50
          | put consent=no
          | use 1 | overage 1 (5)
          | put consent=yes
          | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "without consent a request that only paid layers could serve is denied",
        "waterfall: [{from: credits, consent: remembered}]",
        """
        0 | credit 50
          | put consent=no
          | use 1 | denied: consent credits
          | put consent=yes
          | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "a layer that asks for no consent pays without it",
        "waterfall: [{from: credits}]",
        """
        0 | credit 50
          | put consent=no
          | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "overage may ask for consent as well",
        "waterfall: [{from: overage, consent: remembered}]",
        """
        0 | put consent=no
          | use 1 | denied: consent overage
        """,
    ),
    Case(
        "consent and its changes stand in the statement",
        "waterfall: [{from: credits, consent: remembered}]",
        """
        0 | use 1 | denied: credits credits
          | put consent=no
          | put consent=no
          | put consent=yes
          | books | state_change consent: true -> false; state_change consent: false -> true
        """,
    ),
]

STATES = [
    Case(
        "a suspended account is denied everything until it is active again",
        f"waterfall: [{{from: allowance, windows: [{{name: w, max: 3, {DAY}}}]}}]",
        """
        0 | use 1 | allowance 1
          | put state=suspended
          | use 1 | denied: state suspended
          | take 1 | denied: state suspended
          | hold 1 key=h | denied: state suspended
          | put state=active
          | use 2 | allowance 2
          | use 1 | denied: window w
        """,
    ),
    Case(
        "a closed account is denied everything, and its holds still end",
        "waterfall: [{from: credits}]",
        """
        0 | credit 50
          | hold 2 key=h | credits 2 (10 from 1)
          | put state=closed
          | use 1 | denied: state closed
          | commit h 1 | credits 1 (5 from 1)
          | left | 45
        """,
    ),
    Case(
        "a suspended account can be given credits, and they wait",
        "waterfall: [{from: credits}]",
        """
        0 | put state=suspended
          | credit 50 | lot 1
          | use 1 | denied: state suspended
          | put state=active
          | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "a change of state is in the statement",
        "waterfall: [{from: credits}]",
        """
        0 | left | nothing
          | put state=suspended
          | put state=active
          | books | state_change state: active -> suspended; state_change state: suspended -> active
        """,
    ),
]


@rules_of(OVERAGE)
def test_overage(case):
    tell(case)


@rules_of(SPENDING)
def test_spending(case):
    tell(case)


@rules_of(CONSENT)
def test_consent(case):
    tell(case)


@rules_of(STATES)
def test_state(case):
    tell(case)
