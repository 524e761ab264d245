"""Mode `record` is never denied: what no layer can pay is overshoot, charged and refunded as a visible pair."""

from __future__ import annotations

from tests.rules.story import rules_of, tell

DAY = "every: day, in: UTC"
W3 = f"{{from: allowance, windows: [{{name: w, max: 3, {DAY}}}]}}"
FREE = "waterfall: [{from: overage}]"
BOTH = f"waterfall: [{W3}, {{from: credits}}]"


@rules_of(RECORD)
def test_record(case):
    tell(case)
