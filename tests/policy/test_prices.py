"""Prices are exact: fractions of micro-credits for a cost, whole micro-credits for a unit, never through a float."""

import pytest

from spillover.model.policy import PriceRow
from spillover.policy import policy_from_document, read_policy_text
from tests.policy.support import mistakes, only_rule, with_feature, with_layers, with_rule

# price as written | rates in micro-credits for one count
RATES = [
    ('{input: "1.25", per: 1M}', (("input", 5, 4),)),
    ("{input: 1.25, per: 1000000}", (("input", 5, 4),)),
    ("{input: 1, per: 1000.0}", (("input", 1000, 1),)),
    ("{input: 0.1, per: 1k}", (("input", 100, 1),)),
    ("{input: 0.000001, per: 1000000000000}", (("input", 1, 10**12),)),
    ("{input: 0, output: 3, per: 7}", (("input", 0, 1), ("output", 3_000_000, 7))),
]


@pytest.mark.parametrize(("price", "rates"), RATES)
def test_prices_by_usage_are_exact_fractions(price, rates):
    policy = read_policy_text(with_feature(f"x: {{count: cost, price: {price}}}"))
    assert policy.features["x"].prices == (PriceRow(rates=rates),)
    assert policy.features["x"].usage_names == tuple(name for name, _, _ in rates)


# credits as written | micro-credits: none of these is exact in a binary float
UNIT_PRICES = [
    ("1.25", 1_250_000),
    ("0.1", 100_000),
    ('"0.000001"', 1),
    ("0.3000000", 300_000),
    ("9007199254.740991", 2**53 - 1),
    ('"9007199254.740991"', 2**53 - 1),
    ("0", 0),
]


@pytest.mark.parametrize(("written", "micro"), UNIT_PRICES)
def test_prices_are_read_from_their_text_and_never_through_a_float(written, micro):
    policy = read_policy_text(with_feature(f"x: {{count: n, price: {{credits: {written}}}}}"))
    assert policy.features["x"].prices[0].unit_price == micro
    assert policy_from_document(policy.document).features["x"].prices[0].unit_price == micro


@pytest.mark.parametrize(("written", "factor"), [("1.20", (6, 5)), ('"1.20"', (6, 5)), ("1", (1, 1)), ("0.5", (1, 2))])
def test_the_factor_of_overage_is_a_reduced_fraction(written, factor):
    assert only_rule(with_layers(f"- {{from: overage, price_times: {written}}}")).waterfall[0].factor == factor


def test_a_price_for_every_value_that_the_rule_allows_needs_no_default():
    rule = "for: [film]\nwaterfall: [{from: credits}]\nonly: {size: [small, large]}"
    assert mistakes(with_rule(rule)) == []
    rows = "{when: {size: s, hdr: true}, credits: 1}, {when: {size: s, hdr: false}, credits: 2}"
    rows += ", {when: {size: l}, credits: 3}"
    feature = with_feature(f"x: {{count: n, price: [{rows}]}}")
    plain = "      - {for: [x], only: {size: [s, l], hdr: [true, false]}, waterfall: [{from: credits}]}\n"
    assert mistakes(feature + plain) == []
    [mistake] = mistakes(feature + plain.replace("[true, false]", "[true, false, auto]"))
    assert mistake.found == 'no price for hdr="auto", size="s"'


def test_a_feature_that_nobody_pays_for_needs_no_price():
    assert mistakes(with_feature("x: {count: n}") + "      - {for: [x], waterfall: [{from: units}]}\n") == []
