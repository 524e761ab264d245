"""What a ceiling could not count any more, as no cell holds more than 2^53 - 1, is refused by name on every rung."""

from __future__ import annotations

import pytest

import spillover
from spillover.model.errors import BoundExceeded
from tests.support import clock, policy

MOST = 2**53 - 1
POLICY = f"""
spillover: 1
features: {{f: {{unit: second, count: seconds}}}}
plans:
  p:
    rules:
      - for: [f]
        ceilings: [{{name: c, max: {MOST}, every: day, in: UTC}}]
        waterfall: [{{from: allowance, windows: [{{name: w, max: {MOST}, every: day, in: UTC}}]}}]
"""


@pytest.fixture(params=["file", "postgres", "valkey"])
def access(request, tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    if request.param != "file":
        url = request.getfixturevalue("postgres_url")
    if request.param == "valkey":
        url = f"{request.getfixturevalue('valkey_url')}/0?ledger={url}"
    with spillover.connect(url, policy=policy(POLICY), durability="fast", clock=clock(), settle=False) as engine:
        engine.accounts.put("acme", "p")
        yield engine


def test_a_record_that_a_ceiling_cannot_count_says_so_and_the_next_one_is_served(access):
    assert access.open_hold("acme", "f", 1, key="held")
    assert access.record("acme", "f", MOST - 9)
    denied = access.record("acme", "f", 9)
    assert not denied
    assert [(one.kind, one.name, one.room, one.short) for one in denied.denial.blockers] == [
        ("bound", "counted in c", MOST, 1)
    ]
    said = "it would pass the bound of 9,007,199,254,740,991 counted in c"
    assert said in denied.sentence
    with pytest.raises(BoundExceeded, match="bound counted in c"):
        access.holds.commit("acme", "held", 20)
    assert access.record("acme", "f", 8)
    assert access.holds.commit("acme", "held", 1)
    assert access.settle().quarantined == 0
