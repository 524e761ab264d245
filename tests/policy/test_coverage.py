"""Usage that no price was written for is listed: what no row fits, and what only the default row covers."""

import pytest

from spillover.policy import Coverage, Defaulted, Unpriced, covers, price_coverage, read_policy_text

POLICY = read_policy_text("""\
spillover: 1
features:
  free: {count: requests}
  flat: {count: requests, price: {credits: 1}}
  film: {count: seconds, price: [{when: {size: small}, credits: 1}, {when: {size: large, hdr: true}, credits: 3}]}
  tokens:
    count: cost
    price:
      - {when: {model: large, region: eu}, input: 3, per: 1M}
      - {when: {model: large}, input: 2, per: 1M}
      - {input: 1, per: 1M}
plans: {plus: {rules: []}}
""")

# feature, attributes | is it covered?
COVERED = [
    ("free", {}, True),
    ("flat", {"size": "huge"}, True),
    ("film", {"size": "small"}, True),
    ("film", {"size": "large", "hdr": "true"}, True),
    ("film", {"size": "large"}, False),
    ("film", {"size": "large", "hdr": "false"}, False),
    ("film", {}, False),
    ("tokens", {"model": "tiny"}, True),
    ("song", {}, False),
]


@pytest.mark.parametrize(("feature", "attributes", "covered"), COVERED)
def test_a_request_is_covered_where_a_price_row_fits_or_the_feature_has_no_price(feature, attributes, covered):
    assert covers(POLICY, feature, attributes) == covered


def test_combinations_that_no_row_fits_are_listed_by_what_prices_read_the_most_used_first():
    used = [
        ("film", {"size": "huge", "team": "a"}, 2),
        ("film", {"size": "large", "hdr": "false"}, 4),
        ("film", {"size": "small"}, 100),
        ("film", {"size": "huge", "team": "b"}, 3),
        ("song", {"size": "huge"}, 1),
        ("film", {}, 1),
    ]
    assert price_coverage(POLICY, used) == Coverage(
        (
            Unpriced("film", (("size", "huge"),), 5),
            Unpriced("film", (("hdr", "false"), ("size", "large")), 4),
            Unpriced("film", (), 1),
            Unpriced("song", (), 1),
        ),
        (),
    )


def test_values_that_only_the_default_row_covers_are_listed_where_other_rows_name_their_attribute():
    used = [
        ("tokens", {"model": "tiny", "region": "us", "team": "a"}, 2),
        ("tokens", {"model": "tiny", "region": "eu"}, 3),  # eu is a value that a row names
        ("tokens", {"model": "large", "region": "us"}, 9),  # a row that says something fits
        ("tokens", {}, 7),
        ("flat", {"model": "tiny"}, 7),
    ]
    assert price_coverage(POLICY, used) == Coverage(
        (), (Defaulted("tokens", "model", "tiny", 5), Defaulted("tokens", "region", "us", 2))
    )


def test_nothing_used_leaves_nothing_open():
    assert price_coverage(POLICY, []) == Coverage((), ())
