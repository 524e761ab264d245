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
]


@rules_of(PARTIAL)
def test_partial(case):
    tell(case)
