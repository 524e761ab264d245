"""Prices: the first row that fits, weighted counts, cost as the unit, rounded once half up on the total (law 8)."""

from __future__ import annotations

import pytest

from tests.rules.story import Case, rules_of, tell


def features(price: str, *, count: str = "cost", source: str = "overage") -> str:
    unit = "" if count == "cost" else "unit: second, "
    return (
        f"features: {{f: {{{unit}count: {count}, price: {price}}}}}\n"
        f"plans: {{p: {{rules: [{{for: [f], waterfall: [{{from: {source}}}]}}]}}}}"
    )


MODELS = (
    "[{when: {model: large}, input: 2, cached: 1, output: 10, per: 1M},"
    " {when: {model: small, tier: batch}, input: 0.25, cached: 0.125, output: 1, per: 1M},"
    " {input: 1, cached: 0.5, output: 4, per: 1M}]"
)
ROWS = "[{when: {resolution: 720p}, credits: 10}, {when: {resolution: 1080p}, credits: 25}, {credits: 3}]"

CASES = [
    Case(
        "a unit costs what the row of its attributes says, else what the default says",
        features(ROWS, count="seconds"),
        """
        0 | use 2 resolution=720p | overage 2 (20)
          | use 2 resolution=1080p | overage 2 (50)
          | use 2 resolution=4k | overage 2 (6)
          | use 2 | overage 2 (6)
        """,
    ),
    Case(
        "the first row that fits holds, though a later one fits as well",
        features(
            "[{when: {size: large}, credits: 9}, {when: {team: red}, credits: 1}, {credits: 3}]",
            count="seconds",
        ),
        """
        0 | use 1 size=large team=red | overage 1 (9)
          | use 1 team=red | overage 1 (1)
          | use 1 | overage 1 (3)
        """,
    ),
    Case(
        "a row fits where all of its attributes do",
        features(MODELS),
        """
        0 | use input=1000000 model=small tier=batch | overage 250000 (0.25)
          | use input=1000000 model=small | overage 1000000 (1)
          | use input=1000000 model=small tier=live | overage 1000000 (1)
          | use input=1000000 tier=batch | overage 1000000 (1)
        """,
    ),
    Case(
        "input, cached and output counts weigh each at its own price",
        features(MODELS),
        """
        0 | use input=1000 cached=4000 output=500 model=large | overage 11000 (0.011)
          | use input=1000 cached=4000 output=500 | overage 5000 (0.005)
        """,
    ),
    Case(
        "prices per thousand are a thousand times those per million",
        features("{input: 0.001, output: 0.004, per: 1k}"),
        """
        0 | use input=1000 output=500 | overage 3000 (0.003)
        """,
    ),
    Case(
        "a price with a fraction of a micro-credit is exact until the total is rounded",
        features("{input: 1, output: 1, per: 3M}"),
        """
        0 | use input=1 output=1 | overage 1 (1e-06)
          | use input=1 output=3 | overage 1 (1e-06)
          | use input=2 output=3 | overage 2 (2e-06)
          | use input=4500000 | overage 1500000 (1.5)
        """,
    ),
    Case(
        "cost is drawn from lots to the micro-credit",
        features("{input: 1, per: 1M}", source="credits"),
        """
        0 | credit 0.000003
          | credit 1
          | use input=5 | credits 5 (5e-06 from 1, 2)
          | left | 0.999998
        """,
    ),
    Case(
        "gifts of a feature that is counted by cost are in credits",
        features("{input: 1, per: 1M}", source="units"),
        """
        0 | gift 5
          | use input=6 | denied: units f
          | use input=5 | units 5 (from 1)
        """,
    ),
    Case(
        "what costs nothing at all passes, and draws nothing",
        features("[{when: {model: free}, input: 0, per: 1M}, {input: 1, per: 1M}]", source="credits"),
        """
        0 | use input=1000 model=free | free
          | use input=1 | denied: credits credits
        """,
    ),
    Case(
        "a priced unit of nothing is served without credits",
        features("[{when: {size: small}, credits: 0}, {credits: 5}]", count="seconds", source="credits"),
        """
        0 | use 9 size=small | credits 9
          | use 1 size=large | denied: credits credits
        """,
    ),
]

# what was used of `input` at the price of so many credits per million, and what it costs in micro-credits

ROUNDING = [
    ("below a half is rounded down", "1.4999", 1, 1),
    ("just a half is rounded up", "1.5", 1, 2),
    ("above a half is rounded up", "1.5001", 1, 2),
    ("just a half is rounded up, also from an even number", "2.5", 1, 3),
    ("a half of the total is rounded up, though no part has one", "0.25", 2, 1),
    ("what is whole in the total is not rounded, though its parts are not", "0.25", 4, 1),
    ("a quarter is rounded down", "0.25", 1, 0),
    ("the total is rounded, not each part: ten times a quarter are two and a half", "0.25", 10, 3),
    ("a large total ends in its half as exactly", "0.5", 2_000_000_000_001, 1_000_000_000_001),
    ("a tenth, which no binary number is, is exact", "0.1", 15, 2),
    ("and a tenth less is below the half", "0.1", 14, 1),
]


@pytest.mark.parametrize(("sentence", "price", "used", "cost"), ROUNDING, ids=[case[0] for case in ROUNDING])
def test_rounding(sentence, price, used, cost):
    paid = f"overage {cost} ({cost / 1_000_000:g})" if cost else "free"
    tell(Case(sentence, features(f'{{input: "{price}", per: 1M}}'), f"0 | use input={used} | {paid}"))


@rules_of(CASES)
def test_price(case):
    tell(case)
