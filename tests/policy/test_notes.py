"""Notes are about what is allowed, but may not be what was meant."""

import pytest

from spillover.policy import check_policy, read_policy_text
from tests.policy.support import with_rule

PAID = "waterfall: [{from: credits}]\n"
OTHERS = "      - {for: [film], only: {size: [small]}, waterfall: [{from: credits}]}\n"
OTHERS += "      - {for: [tokens], waterfall: [{from: credits}]}\n"

# the rule for chat | its notes
NOTES = [
    (PAID, []),
    ("", ["no paid layer (credits, overage): what allowance and units do not cover is denied"]),
    ("waterfall: [{from: overage}]", [
        "overage without a cap: what an account may owe is bounded by spending limits only",
    ]),
    (
        "waterfall: [{from: allowance, windows: [{name: w, max: 2, ever: true, per: team, when_missing: skip}]},"
        " {from: credits}]",
        ["the allowance is without bound for a request without team"],
    ),
    ("waterfall: [{from: overage, cap: {max: 10, ever: true}}]", []),
    (PAID + "ceilings: [{name: a, max: 20, refill: 1m}]", []),
    (PAID + "ceilings: [{name: a, max: 59999, refill: 1m}]", ["bucket a: rounded, 0.0039 % slower than written"]),
    ("spending: [{name: a, max: 19.999999, refill: 1m}]", [
        "no paid layer (credits, overage): what allowance and units do not cover is denied",
        "spending limits without a paid layer bound nothing",
        "bucket a: rounded, 0.9082 % slower than written",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "notes"), NOTES)
def test_a_rule_is_noted_for_what_it_may_not_have_meant(rule, notes):
    found = check_policy(read_policy_text(with_rule(rule) + OTHERS))
    assert [(note.path, note.text) for note in found] == [("plans.plus.rules[0]", text) for text in notes]


def test_a_feature_in_no_plan_is_noted():
    notes = check_policy(read_policy_text(with_rule(PAID)))
    assert [str(note) for note in notes] == [
        f"features.{name}: no plan has a rule for it, so all plans deny it" for name in ("film", "tokens")
    ]


def test_a_shared_rule_without_a_name_is_noted():
    document = with_rule("for: [chat, film]")
    assert any("give the rule a name" in note.text for note in check_policy(read_policy_text(document)))
    named = with_rule("for: [chat, film]\nname: media")
    assert not any("give the rule a name" in note.text for note in check_policy(read_policy_text(named)))
