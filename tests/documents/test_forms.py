"""The forms in a document: amounts exact, in what they are counted in; instants to the millisecond; null for none."""

import msgspec
import pytest

from spillover.documents.amounts import (
    Quantity,
    amount_in,
    amount_of,
    credits_of,
    instant_in,
    instant_of,
    maybe_instant,
    read_instant,
)
from spillover.documents.legs import Blocker, Leg
from spillover.model import decision as nouns
from spillover.model import leg as legs
from spillover.model.account import NEVER
from spillover.model.amounts import AMOUNT_MAX
from spillover.policy import read_policy_text

POLICY = read_policy_text("""
spillover: 1
features:
  clips: {unit: clip, count: requests, price: {credits: 2}}
  tokens: {count: cost, price: [{input: 3, per: 1M}]}
plans:
  pro:
    rules:
      - for: [clips]
        ceilings: [{name: busy, max: 3, of: open_holds}]
        waterfall:
          - {from: allowance, windows: [{name: daily, max: 5, every: day, in: UTC}]}
          - from: credits
        spending: [{name: purse, max: 40, of: credits, every: day, in: UTC}]
      - for: [tokens]
        waterfall:
          - {from: allowance, windows: [{name: hourly, max: 5, every: hour, in: UTC}]}
          - from: credits
""")


def form(document):
    return msgspec.json.decode(msgspec.json.encode(document))


@pytest.mark.parametrize(
    ("micro", "text"),
    [(0, "0"), (1, "0.000001"), (12_500_000, "12.5"), (-3_000_000, "-3"), (AMOUNT_MAX, "9007199254.740991")],
)
def test_credits_stand_exact_in_both_forms(micro, text):
    assert form(credits_of(micro)) == {"credits": text, "micro_credits": micro}
    assert amount_of(True, micro).value == micro


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("credits", {"credits": "7", "micro_credits": 7_000_000}),
        ("tokens", {"credits": "7", "micro_credits": 7_000_000}),
        ("clips", {"units": 7_000_000}),
        ("gone", {"units": 7_000_000}),
    ],
)
def test_an_amount_is_in_what_its_measure_is_counted_in(measure, expected):
    assert form(amount_in(POLICY, measure, 7_000_000)) == expected


@pytest.mark.parametrize(
    ("feature", "kind", "name", "expected"),
    [
        ("clips", "ceiling", "busy", {"count": 1_000_000}),
        ("clips", "window", "daily", {"units": 1_000_000}),
        ("clips", "spending", "purse", {"credits": "1", "micro_credits": 1_000_000}),
        ("clips", "credits", "credits", {"credits": "1", "micro_credits": 1_000_000}),
        ("clips", "units", "clips", {"units": 1_000_000}),
        ("clips", "late", "late", {"milliseconds": 1_000_000}),
        ("tokens", "window", "hourly", {"credits": "1", "micro_credits": 1_000_000}),
    ],
)
def test_a_blocker_counts_what_its_limit_counts(feature, kind, name, expected):
    blocker = nouns.Blocker(kind, name, 1_000_000, 1_000_000)
    document = Blocker.of(POLICY, POLICY.features[feature], blocker)
    assert (form(document.room), form(document.short)) == (expected, expected)
    assert document.noun() == blocker


def test_a_leg_has_its_amount_beside_its_layer():
    leg = legs.Leg("credits", 3, 10_000_000, 30_000_000, ((4, 30_000_000),))
    assert form(Leg.of(False, leg)) == {
        "layer": "credits",
        "units": 3,
        "unit_price": {"credits": "10", "micro_credits": 10_000_000},
        "amount": {"credits": "30", "micro_credits": 30_000_000},
        "lots": [{"lot": 4, "credits": "30", "micro_credits": 30_000_000}],
    }


@pytest.mark.parametrize("instant", [0, -1, 1_772_357_400_001, 1_772_357_400_999, 4_102_444_800_000])
def test_an_instant_is_read_back_to_the_millisecond(instant):
    text = instant_of(instant)
    assert text.endswith("Z")
    assert instant_in(text) == read_instant(text) == maybe_instant(text) == instant


def test_never_is_null():
    assert instant_of(NEVER) is instant_of(None) is maybe_instant(None) is None
    assert (read_instant(None), read_instant(None, 0)) == (NEVER, 0)


def test_a_quantity_of_nothing_is_nothing():
    assert [Quantity(**{name: 0}).value for name in ("units", "count", "milliseconds", "micro_credits")] == [0] * 4
