"""Mode `record` is never denied: what no layer can pay is overshoot, charged and refunded as a visible pair."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

DAY = "every: day, in: UTC"
MOST = 2**53 - 1
ALL = f"waterfall: [{{from: allowance, windows: [{{name: w, max: {MOST}, {DAY}}}]}}]"
W3 = f"{{from: allowance, windows: [{{name: w, max: 3, {DAY}}}]}}"
FREE = "waterfall: [{from: overage}]"
BOTH = f"waterfall: [{W3}, {{from: credits}}]"

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
    *(
        Case(
            f"what no cell of a ceiling could count is refused by name ({kind})",
            f"ceilings: [{{name: c, max: 5, {window}}}], {ALL}",
            f"""
            0   | record {MOST} | allowance {MOST}
                | record 1 | denied: bound counted in c
                | use 1 | denied: ceiling c
            15h | record 1 | {after}
            """,
        )
        for kind, window, after in (
            ("calendar", DAY, "allowance 1"),
            ("sliding", "sliding: 1h", "allowance 1"),
            ("everlasting", "ever: true", "denied: bound counted in c"),
        )
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


@rules_of(RECORD)
def test_record(case):
    tell(case)
