"""One answer for a key (law 10), nothing consumed by a denial (law 6), and bounds that are refused by name (law 14)."""

from __future__ import annotations

import pytest

from spillover.model.errors import BoundExceeded
from tests.rules.story import Case, rules_of, tell
from tests.rules.teller import ACCOUNT, Teller

DAY = "every: day, in: UTC"
W3 = f"{{from: allowance, windows: [{{name: w, max: 3, {DAY}}}]}}"
BOTH = f"waterfall: [{W3}, {{from: credits}}]"
TWO = f"attributes: [team]\nplans: {{p: {{rules: [{{name: both, for: [f, g], {BOTH}}}]}}}}"

CASES = [
    Case(
        "the same request under its key has the same answer, and is counted once",
        BOTH,
        """
        0 | use 3 key=k | allowance 3
          | use 3 key=k | allowance 3 again
          | use 1 | denied: window w, credits credits
        """,
    ),
    Case(
        "the answer is the same after settlement, and after what had been decided on is gone",
        BOTH,
        """
        0       | use 3 key=k | allowance 3
                | settle
        1d -1ms | use 3 key=k | allowance 3 again
                | use 3 | allowance 3
        """,
    ),
    Case(
        "another request under the same key is an error, whatever differs, and changes nothing",
        TWO,
        """
        0 | use 1 key=k by=ada team=red | allowance 1
          | use 2 key=k by=ada team=red | KeyReused
          | use 1 key=k by=bob team=red | KeyReused
          | use 1 key=k by=ada team=blue | KeyReused
          | use 1 key=k by=ada | KeyReused
          | use key=k of=g by=ada team=red | KeyReused
          | take 1 key=k by=ada team=red | KeyReused
          | record 1 key=k by=ada team=red | KeyReused
          | use 2 | allowance 2
        """,
    ),
    Case(
        "a denial is decided afresh under its key",
        BOTH,
        """
        0 | use 4 key=k | denied: window w, credits credits
          | credit 5
          | use 4 key=k | allowance 3 + credits 1 (5 from 1)
          | use 4 key=k | allowance 3 + credits 1 (5 from 1) again
        """,
    ),
    Case(
        "a denial forgets what was asked, so its key may carry another request",
        BOTH,
        """
        0 | use 4 key=k | denied: window w, credits credits
          | use 3 key=k | allowance 3
        """,
    ),
    Case(
        "a request that is denied by its last layer has consumed nothing of the first",
        BOTH,
        """
        0 | credit 4
          | use 4 | denied: window w, credits credits
          | use 3 | allowance 3
          | left | 4
        """,
    ),
    Case(
        "a request that is denied by one ceiling is counted in no other",
        f"ceilings: [{{name: a, max: 3, {DAY}}}, {{name: b, max: 2, {DAY}}}], waterfall: [{{from: overage}}]",
        """
        0 | use 3 | denied: ceiling b
          | use 2 | overage 2 (10)
          | set b 9
          | use 1 | overage 1 (5)
          | use 1 | denied: ceiling a
        """,
    ),
    Case(
        "a request of nothing is an error",
        BOTH,
        """
        0 | use 0 | InvalidInput
          | use -1 | InvalidInput
        """,
    ),
]


@rules_of(CASES)
def test_key(case):
    tell(case)


def test_an_account_has_at_most_256_live_lots_and_drained_ones_make_room():
    with Teller(BOTH) as teller:
        for _ in range(256):
            teller.do("", "credit 5")
        assert teller.do("", "credit 5") == "BoundExceeded"
        assert teller.do("", "use 4") == "allowance 3 + credits 1 (5 from 1)"
        assert teller.do("", "settle") == "done"
        assert teller.do("", "credit 5") == "lot 257"
        assert teller.do("", "credit 5") == "BoundExceeded"


@pytest.mark.parametrize(("count", "passes"), [(16, True), (17, False)])
def test_a_request_has_at_most_sixteen_attributes(count, passes):
    with Teller(BOTH) as teller:
        teller.do("0", "put p")
        attributes = {f"label{number}": "x" for number in range(count)}
        if passes:
            assert teller.access.consume(ACCOUNT, "f", 1, attributes=attributes)
            return
        with pytest.raises(BoundExceeded):
            teller.access.consume(ACCOUNT, "f", 1, attributes=attributes)


@pytest.mark.parametrize(("bytes_", "answer"), [(64, "allowance 1"), (65, "InvalidInput")])
def test_the_value_of_an_attribute_has_at_most_64_bytes(bytes_, answer):
    with Teller(TWO) as teller:
        assert teller.do("0", f"use 1 team={'x' * bytes_}") == answer
        assert teller.do("", f"use 1 team={'é' * (bytes_ // 2)}{'x' * (bytes_ % 2)}") == answer
