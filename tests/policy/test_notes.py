"""Notes are about what is allowed, but may not be what was meant."""

import pytest

from spillover.policy import check_policy, read_policy_text
from tests.policy.support import with_plan, with_rule

BOUND = "overshoot: {forgive: 1, ever: true}"
UNBOUNDED = "all overshoot is forgiven; bound it with overshoot: {forgive: ...}"
PAID = "waterfall: [{from: credits}]\n" + BOUND + "\n"
OTHERS = "      - {for: [film], only: {size: [small]}, waterfall: [{from: credits}], " + BOUND + "}\n"
OTHERS += "      - {for: [tokens], waterfall: [{from: credits}], " + BOUND + "}\n"

# the rule for chat | its notes
NOTES = [
    (PAID, []),
    ("waterfall: [{from: credits}]", [UNBOUNDED]),
    ("waterfall: [{from: credits}]\nhold: {for: 1m}", [UNBOUNDED]),
    ("", ["no paid layer (credits, overage): what allowance and units do not cover is denied"]),
    ("waterfall: [{from: overage}]\n" + BOUND, [
        "overage without a cap: what an account may owe is bounded by spending limits only",
    ]),
    (
        "waterfall: [{from: allowance, windows: [{name: w, max: 2, ever: true, per: team, when_missing: skip}]},"
        " {from: credits}]\n" + BOUND,
        ["the allowance is without bound for a request without team"],
    ),
    ("waterfall: [{from: overage, cap: {max: 10, ever: true}}]", [UNBOUNDED]),
    (PAID + "ceilings: [{name: a, max: 20, refill: 1m}]", []),
    (PAID + "ceilings: [{name: a, max: 59999, refill: 1m}]", ["bucket a: rounded, 0.0039 % slower than written"]),
    ("spending: [{name: a, max: 19.999999, refill: 1m}]", [
        "no paid layer (credits, overage): what allowance and units do not cover is denied",
        "spending limits without a paid layer bound nothing",
        "bucket a: rounded, 0.9082 % slower than written",
    ]),
    (PAID + "ceilings: [{name: a, max: 5, sliding: 1h}]", [
        "sliding window a: may deny up to one slot (5m) longer than written",
    ]),
    (PAID + "spending: [{name: a, max: 5, sliding: 100s, slots: 7}]", [
        "sliding window a: may deny up to one slot (14286 ms) longer than written",
    ]),
    ("overshoot: {forgive: 1, ever: true}", [
        "no paid layer (credits, overage): what allowance and units do not cover is denied",
        "overshoot without a paid layer costs nothing, so there is nothing to forgive",
    ]),
    ("waterfall: [{from: credits}]\novershoot: {forgive: 0, every: day, in: UTC}", []),
    (PAID + "only: {a: [x, y]}\nceilings: [{name: c, max: 1, ever: true, only: {a: [z]}}]", [
        "limit c is for no request: the rule is only for other values of a",
    ]),
    (PAID + "only: {a: [x, y]}\nceilings: [{name: c, max: 1, ever: true, only: {a: [y, z], b: [x]}}]", []),
    (
        "waterfall: [{from: allowance, windows: [{name: w, max: 2, ever: true, only: {a: [x]}}]}, {from: credits}]\n"
        + BOUND,
        ["the allowance is without bound for a request that none of its windows is for"],
    ),
    (
        "waterfall: [{from: allowance, windows: [{name: w, max: 2, ever: true, only: {a: [x]}},"
        " {name: v, max: 2, ever: true, per: team, when_missing: skip}]}, {from: credits}]\n" + BOUND,
        ["the allowance is without bound for a request that none of its windows is for"],
    ),
    (
        "only: {a: [x, y]}\n"
        "waterfall: [{from: allowance, windows: [{name: w, max: 2, ever: true, only: {a: [x], b: [z]}},"
        " {name: v, max: 2, ever: true, only: {a: [y]}}]}, {from: credits}]\n" + BOUND,
        ["the allowance is without bound for a request that none of its windows is for"],
    ),
    (
        "only: {a: [x, y]}\nwaterfall: [{from: allowance, windows: [{name: w, max: 2, ever: true, only: {a: [x]}},"
        " {name: v, max: 2, ever: true, only: {a: [y]}}]}, {from: credits}]\n" + BOUND,
        [],
    ),
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


def test_a_ceiling_of_a_usage_count_is_noted_as_it_never_gives_a_part():
    rule = "for: [tokens]\nceilings: [{name: a, max: 5, ever: true, of: output}]\nwaterfall: [{from: credits}]"
    texts = [note.text for note in check_policy(read_policy_text(with_rule(rule)))]
    assert "ceiling a of output: it passes or denies, also in mode partial" in texts


def test_a_plan_that_pays_later_and_is_closed_in_an_outage_is_noted_where_another_plan_is_open():
    big = "  big: {rules: [{for: [chat], waterfall: [{from: overage, cap: {max: 1, ever: true}}]}]}\n"
    for outage, noted in [("outage: {admit: {chat: 2}}", True), ("refunds: {expired: 1d}", False)]:
        notes = [note.path for note in check_policy(read_policy_text(with_plan(outage) + big)) if "outage" in note.text]
        assert notes == (["plans.big"] if noted else [])


def test_holds_of_a_feature_that_is_admitted_in_an_outage_are_noted_to_stay_closed():
    held = with_rule("waterfall: [{from: credits}]\nhold: {for: 1m}").replace(
        "    rules:", "    outage: {admit: {chat: 2}}\n    rules:"
    )
    [note] = [note for note in check_policy(read_policy_text(held)) if "outage" in note.text]
    assert str(note) == (
        "plans.plus.outage.admit.chat: no hold is opened in an outage: only what is consumed or recorded"
    )


# a gift of a plan whose one rule is chat, paid by units | its notes
GIFTS = [
    ("units: 5, for: chat, once: true", []),
    ("units: 5, for: film, once: true", [
        "no plan has a rule for film that is paid by units, so nobody can spend them",
    ]),
    ("credits: 5, once: true", ["no plan has a rule that is paid by these credits, so nobody can spend them"]),
    ("units: 5, for: chat, every: day, in: UTC, rollover: {max: 4, expires: 1d}", []),
    ("units: 5, for: chat, every: day, in: UTC, rollover: {max: 5, expires: 1d}", [
        "a rollover of all that is left: the cap is not below what is given",
    ]),
    ("units: 5, for: chat, every: hour, in: UTC", []),
    ("units: 5, for: chat, every: 1h, starting: billing_day", []),
    ("units: 5, for: chat, every: 59m, starting: billing_day", [
        "comes back within the hour: each time is an entry in the account's books",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("gift", "notes"), GIFTS)
def test_a_gift_is_noted_for_what_it_may_not_have_meant(gift, notes):
    found = check_policy(read_policy_text(with_plan(f"gives: [{{{gift}}}]")))
    assert [note.text for note in found if note.path == "plans.plus.gives[0]"] == notes


def test_credits_that_another_plan_can_spend_are_not_noted():
    other = "  other: {rules: [{for: [chat], waterfall: [{from: credits}]}]}\n"
    for scope, noted in [("", False), (", only: {feature: [chat]}", False), (", only: {feature: [tokens]}", True)]:
        document = with_plan(f"gives: [{{credits: 5, once: true{scope}}}]") + other
        assert any("these credits" in note.text for note in check_policy(read_policy_text(document))) == noted
