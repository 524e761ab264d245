"""Mode `partial`: as much as there is; nothing is a denial (law 6)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

DAY = "every: day, in: UTC"
W3 = f"{{from: allowance, windows: [{{name: w, max: 3, {DAY}}}]}}"
FREE = "waterfall: [{from: overage}]"
BOTH = f"waterfall: [{W3}, {{from: credits}}]"

PARTIAL = [
    Case(
        "partial grants what there is; nothing at all is a denial",
        f"waterfall: [{W3}]",
        """
        0 | take 5 | allowance 3 of 5
          | take 1 | denied: window w
        """,
    ),
    Case(
        "partial that finds everything is like exact",
        f"waterfall: [{W3}]",
        """
        0 | take 3 | allowance 3
        """,
    ),
    Case(
        "partial goes through all layers, and takes no part of a unit",
        BOTH,
        """
        0 | credit 9 | lot 1
          | take 5 | allowance 3 + credits 1 (5 from 1) of 5
          | take 1 | denied: window w, credits credits
          | left | 4
        """,
    ),
    Case(
        "partial is reduced by a ceiling on units",
        f"ceilings: [{{name: c, max: 2, {DAY}}}], {FREE}",
        """
        0 | take 5 | overage 2 (10) of 5
          | take 1 | denied: ceiling c
        """,
    ),
    Case(
        "partial is reduced by a ceiling on credits to whole units",
        f"ceilings: [{{name: c, max: 12, of: credits, {DAY}}}], {FREE}",
        """
        0 | take 5 | overage 2 (10) of 5
          | take 1 | denied: ceiling c
        """,
    ),
    Case(
        "partial is reduced to the lowest of several ceilings",
        f"ceilings: [{{name: a, max: 4, {DAY}}}, {{name: b, max: 2, {DAY}}}, {{name: c, max: 3, {DAY}}}], {FREE}",
        """
        0 | take 5 | overage 2 (10) of 5
          | use 1 | denied: ceiling b
        """,
    ),
    Case(
        "a ceiling on requests passes partial or denies it whole",
        f"ceilings: [{{name: c, max: 1, of: requests, {DAY}}}], {FREE}",
        """
        0 | take 5 | overage 5 (25)
          | take 5 | denied: ceiling c
        """,
    ),
    Case(
        "a ceiling on subjects passes partial or denies it whole",
        f"ceilings: [{{name: c, max: 1, of: subjects, {DAY}}}], {FREE}",
        """
        0 | take 5 by=ada | overage 5 (25)
          | take 5 by=bob | denied: ceiling c
        """,
    ),
    Case(
        "ceilings count what partial was granted, not what was asked",
        f"ceilings: [{{name: c, max: 5, {DAY}}}], {BOTH}",
        """
        0 | take 9 | allowance 3 of 9
          | credit 100
          | use 3 | denied: ceiling c
          | use 2 | credits 2 (10 from 1)
        """,
    ),
    Case(
        "spending limits leave partial what they leave",
        f"waterfall: [{{from: overage}}], spending: [{{name: s, max: 12, {DAY}}}]",
        """
        0 | take 9 | overage 2 (10) of 9
          | take 1 | denied: spending s
        """,
    ),
    Case(
        "partial is no way around the plan",
        f"only: {{size: [small]}}, {FREE}",
        """
        0 | take 9 size=large | denied: plan size
        """,
    ),
    Case(
        "the same partial request under its key has the same answer",
        f"waterfall: [{W3}]",
        """
        0 | take 5 key=k | allowance 3 of 5
          | take 5 key=k | allowance 3 of 5 again
          | use 5 key=k | KeyReused
        """,
    ),
    Case(
        "partial takes what a bucket has",
        "ceilings: [{name: c, max: 6, refill: 1m}], waterfall: [{from: overage}]",
        """
        0   | take 4 | overage 4 (20)
        10s | take 9 | overage 3 (15) of 9
            | take 1 | denied: ceiling c
        """,
    ),
    Case(
        "partial takes what a sliding window has",
        "waterfall: [{from: allowance, windows: [{name: w, max: 6, sliding: 1h}]}]",
        """
        0   | take 4 | allowance 4
        65m -1ms | take 9 | allowance 2 of 9
        65m | take 9 | allowance 4 of 9
        """,
    ),
    Case(
        "what is owed closes the paid layers for partial too",
        f"waterfall: [{W3}, {{from: credits}}], spending: [{{name: s, max: 5, ever: true}}],"
        " overshoot: {forgive: 0, ever: true}",
        """
        0   | credit 50
            | record 5 | allowance 3 + credits 1 (5 from 1) + overshoot 1 (5, 5 owed)
            | reset s
        15h | take 5 | allowance 3 of 5
            | take 5 | denied: window w, owed owed
        """,
    ),
    Case(
        "a ceiling on a usage name passes partial or denies it whole",
        "features: {f: {count: cost, price: {input: 1, output: 1, per: 1M}}}\n"
        f"plans: {{p: {{rules: [{{for: [f], ceilings: [{{name: c, max: 5, of: output, {DAY}}}], {FREE}}}]}}}}",
        """
        0 | take input=9 output=6 | denied: ceiling c
          | take input=9 output=5 | overage 14 (1.4e-05)
          | take input=9 | overage 9 (9e-06)
        """,
    ),
]


@rules_of(PARTIAL)
def test_partial(case):
    tell(case)
