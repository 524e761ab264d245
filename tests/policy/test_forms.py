"""Every form of limits, holds, gifts and terms compiles to exactly what the model says, and is kept in the document."""

import json

import pytest

from spillover.model.policy import Gift, HoldTerms, Limit, Window
from spillover.policy import policy_from_document, read_policy_text
from tests.policy.support import (
    FULL,
    mistakes,
    only_ceiling,
    only_plan,
    only_rule,
    with_ceiling,
    with_feature,
    with_gift,
    with_layers,
    with_plan,
    with_rule,
    with_top,
)

MINUTE, HOUR, DAY, CREDIT = 60_000, 3_600_000, 86_400_000, 1_000_000
EVER = Window("ever", label="ever")

# a sliding window as written | length, slots | label
SLIDING = [
    ("sliding: 1h", HOUR, 12, "sliding-1h"),
    ("sliding: 60m", HOUR, 12, "sliding-1h"),
    ("sliding: 1h, slots: 12", HOUR, 12, "sliding-1h"),
    ("sliding: 1h, slots: 24", HOUR, 24, "sliding-1h-24"),
    ("sliding: 1s, slots: 1", 1000, 1, "sliding-1s-1"),
    ("sliding: 12s", 12_000, 12, "sliding-12s"),
    ("sliding: 3653d, slots: 7", 3653 * DAY, 7, "sliding-3653d-7"),
]


@pytest.mark.parametrize(("written", "length", "slots", "label"), SLIDING)
def test_a_sliding_window_is_kept_with_its_slots_and_its_label_tells_those_that_are_not_the_usual(
    written, length, slots, label
):
    limit = only_ceiling(f"name: a, max: 5, {written}")
    assert limit == Limit(
        "a", 5, Window("sliding", length, slots=slots, label=label), f"chat/a/{label}", title="chat/a"
    )


TOKENS = "for: [tokens]\nceilings: [{{name: a, max: 5, ever: true, of: {of}}}]\nwaterfall: [{{from: credits}}]"

# what a ceiling on tokens counts | of, counts | the maximum 5 | cell
COUNTED = [
    ("units", ("units", ""), 5 * CREDIT, "tokens/a/ever-credits"),
    ("cost", ("units", ""), 5 * CREDIT, "tokens/a/ever-credits"),
    ("credits", ("credits", ""), 5 * CREDIT, "tokens/a/ever-credits"),
    ("requests", ("requests", ""), 5, "tokens/a/ever-requests"),
    ("open_holds", ("open_holds", ""), 5, "tokens/a/ever-holds"),
    ("subjects", ("subjects", ""), 5, "tokens/a/ever-subjects"),
    ("output", ("usage", "output"), 5, "tokens/a/ever-output"),
]


@pytest.mark.parametrize(("of", "counted", "most", "cell"), COUNTED)
def test_a_ceiling_counts_what_it_is_of_and_its_cell_tells_what(of, counted, most, cell):
    [limit] = only_rule(with_rule(TOKENS.format(of=of))).ceilings
    assert limit == Limit("a", most, EVER, cell, counted[0], counts=counted[1], title="tokens/a")


def test_units_of_a_feature_may_be_called_by_the_name_of_its_count():
    film = "for: [film]\nceilings: [{name: a, max: 5, ever: true, of: seconds}]"
    [limit] = only_rule(with_rule(film)).ceilings
    assert limit == Limit("a", 5, EVER, "film/a/ever", title="film/a")
    assert only_ceiling("name: a, max: 5, ever: true, of: credits") == Limit(
        "a", 5 * CREDIT, EVER, "chat/a/ever-credits", "credits", title="chat/a"
    )


def test_open_holds_need_no_window():
    assert only_ceiling("name: a, max: 5, of: open_holds") == only_ceiling(
        "name: a, max: 5, of: open_holds, ever: true"
    )
    assert only_ceiling("name: a, max: 5, of: open_holds, per: subject").per == "subject"


@pytest.mark.parametrize(
    "window",
    ["every: 5h, starting: first_use", "every: month, starting: billing_day", "every: day, in: UTC", "ever: true"],
)
def test_distinct_subjects_are_counted_in_every_window_that_has_a_start(window):
    limit = only_ceiling(f"name: a, max: 5, of: subjects, {window}, per: team")
    assert (limit.of, limit.per, limit.cell) == ("subjects", "team", f"chat/a/{limit.window.label}-subjects")


def test_a_usage_count_is_one_of_each_feature_of_the_rule():
    other = "x: {count: cost, price: {output: 1, images: 1, per: 1k}}"
    rule = "      - for: [tokens, x]\n        name: n\n        waterfall: [{from: credits}]\n"
    rule += "        ceilings: [{name: a, max: 5, ever: true, of: OF}]\n"
    document = with_feature(other) + rule
    [_, shared] = only_plan(document.replace("OF", "output")).rules
    assert (shared.ceilings[0].of, shared.ceilings[0].counts) == ("usage", "output")
    for of, lacking in [("images", "tokens"), ("input", "x")]:
        [mistake] = mistakes(document.replace("OF", of))
        assert mistake.found == f'"{of}", which {lacking} does not count'
        assert mistake.expected == "one of units, requests, credits, open_holds, subjects, output"


@pytest.mark.parametrize("of", ["units", "requests", "credits"])
def test_a_window_of_an_allowance_counts_units_requests_or_credits(of):
    windows = f"- from: allowance\n  windows: [{{name: a, max: 5, ever: true, of: {of}}}]"
    [limit] = only_rule(with_layers(windows)).waterfall[0].windows
    assert (limit.of, limit.max) == (of, 5 * CREDIT if of == "credits" else 5)


def test_a_limit_may_be_for_some_attributes_only_and_they_are_kept_as_given():
    rule = (
        "spending: [{name: a, max: 5, ever: true, only: {region: [eu, 7], hdr: [true]}}]\nwaterfall: [{from: credits}]"
    )
    policy = read_policy_text(with_rule(rule))
    [limit] = policy.plans["plus"].rules[0].spending
    assert limit.only == (("hdr", ("true",)), ("region", ("eu", "7")))
    assert policy.attributes == policy.priced == ("hdr", "region", "size")
    cap = "- {from: overage, cap: {max: 5, ever: true, only: {tier: [gold]}}}"
    assert read_policy_text(with_layers(cap)).priced == ("size", "tier")


def test_a_limit_is_known_by_its_owner_and_name_whatever_it_counts():
    rule = only_rule(
        with_rule(
            "for: [film, chat]\nname: media\nonly: {size: [small]}\n"
            "ceilings: [{name: a, max: 1, sliding: 1h, of: requests, per: team}]\n"
            "waterfall: [{from: allowance, windows: [{name: b, max: 1, ever: true}]},"
            " {from: overage, cap: {max: 1, ever: true}}]\n"
            "spending: [{name: c, max: 1, ever: true}]\novershoot: {forgive: 1, ever: true}"
        )
    )
    assert [limit.title for limit in rule.limits()] == [
        "media/a", "media/b", "media/c", "media/overage_cap", "media/overshoot",
    ]  # fmt: skip


# a rule's hold | its terms
HOLDS = [
    ("", HoldTerms()),
    ("hold: {for: 1s}", HoldTerms(lasts=1000)),
    ("hold: {for: 1d}", HoldTerms(lasts=DAY)),
    ("hold: {when_short: stop}", HoldTerms(when_short="stop")),
    ("hold: {when_short: finish, for: 15m}", HoldTerms()),
    ("hold: {default: {output: 4096, input: 0}, at_least: {output: 1}, for: 24h, when_short: stop}",
     HoldTerms((("input", 0), ("output", 4096)), (("output", 1),), DAY, "stop")),
]  # fmt: skip


@pytest.mark.parametrize(("written", "terms"), HOLDS)
def test_a_rule_says_how_holds_begin(written, terms):
    assert only_rule(with_rule(f"for: [tokens]\nwaterfall: [{{from: credits}}]\n{written}")).hold == terms


# the window that overshoot is forgiven in | its label
FORGIVEN = [
    ("every: day, in: UTC", "day-UTC"),
    ("every: 5h, starting: first_use", "session-5h"),
    ("every: month, starting: billing_day", "fixed-month"),
    ("sliding: 1h, slots: 6", "sliding-1h-6"),
    ("refill: 1h", "refill-1h"),
    ("ever: true", "ever"),
]


@pytest.mark.parametrize(("window", "label"), FORGIVEN)
def test_forgiven_overshoot_is_a_limit_of_credits(window, label):
    forgiven = only_rule(with_rule(f'overshoot: {{forgive: "0.50", {window}}}')).overshoot
    assert forgiven is not None
    assert (forgiven.name, forgiven.of, forgiven.max) == ("overshoot", "credits", CREDIT // 2)
    assert (forgiven.cell, forgiven.title) == (f"chat/overshoot/{label}-credits", "chat/overshoot")


def test_nothing_may_be_forgiven_and_where_nothing_is_said_all_is():
    nothing = only_rule(with_rule("overshoot: {forgive: 0, every: day, in: UTC}")).overshoot
    assert nothing is not None
    assert nothing.max == 0
    assert only_rule(with_rule("name: r")).overshoot is None


# a gift as written | as the plan gives it
GIFTS = [
    ("credits: 200, once: true", Gift("gift1", "credits", 200 * CREDIT)),
    ('credits: "0.000001", once: true, expires: 14d', Gift("gift1", "credits", 1, lasts=14 * DAY)),
    ("units: 50, for: chat, once: true, name: start, kind: paid, priority: 0",
     Gift("start", "chat", 50, priority=0, promotional=False)),
    ('units: "1.5", for: tokens, once: true', Gift("gift1", "tokens", 1_500_000)),
    ("credits: 5, every: day, in: UTC, kind: promotional",
     Gift("gift1", "credits", 5 * CREDIT, every=Window("calendar", unit="day", zone="UTC", label="day-UTC"))),
    ("units: 5, for: chat, every: 7d, starting: billing_day, rollover: {max: 2, expires: 30d}",
     Gift("gift1", "chat", 5, every=Window("fixed", 7 * DAY, label="fixed-7d"), rollover=2, rollover_lasts=30 * DAY)),
    ('credits: 5, every: month, starting: billing_day, rollover: {max: "2.5", expires: 1s}',
     Gift("gift1", "credits", 5 * CREDIT, every=Window("fixed", unit="month", label="fixed-month"),
          rollover=2_500_000, rollover_lasts=1000)),
    ("credits: 5, once: true, only: {team: [a, 7], feature: [chat, film]}",
     Gift("gift1", "credits", 5 * CREDIT, scope=(("feature", ("chat", "film")), ("team", ("a", "7"))))),
]  # fmt: skip


@pytest.mark.parametrize(("written", "gift"), GIFTS)
def test_a_plan_gives_once_or_anew_in_each_period(written, gift):
    assert only_plan(with_gift(written)).gives == (gift,)


def test_gifts_are_named_by_their_place_and_their_attributes_are_kept_as_given():
    policy = read_policy_text(
        with_plan(
            "gives:\n  - {credits: 1, once: true, only: {feature: [chat], team: [a]}}\n"
            "  - {credits: 1, once: true, name: own}\n  - {credits: 1, once: true}"
        )
    )
    assert [gift.name for gift in policy.plans["plus"].gives] == ["gift1", "own", "gift3"]
    assert policy.attributes == policy.priced == ("size", "team")


def test_a_plan_that_lasts_names_the_one_that_follows_and_how_long_refunds_live():
    document = with_plan("lasts: 14d\nthen: free\nrefunds: {expired: 30d}") + "  free: {rules: []}\n"
    plus, free = read_policy_text(document).plans.values()
    assert (plus.lasts, plus.then, plus.refund_lasts) == (14 * DAY, "free", 30 * DAY)
    assert (free.lasts, free.then, free.refund_lasts, free.gives) == (0, "", 0, ())


def test_a_plan_says_what_it_admits_in_an_outage_in_units_or_in_credits_and_is_closed_where_it_says_nothing():
    paid = "      - {for: [tokens], waterfall: [{from: credits}]}\n"
    plan = with_plan('outage: {admit: {chat: 20, tokens: "0.5"}}') + paid
    assert read_policy_text(plan).plans["plus"].outage == {"chat": 20, "tokens": CREDIT // 2}
    assert only_plan(with_plan("lasts: 14d\nthen: free") + "  free: {rules: []}\n").outage == {}


def test_what_a_plan_admits_in_an_outage_is_part_of_the_policy_that_its_hash_names():
    hashes = {read_policy_text(with_plan(f"outage: {{admit: {{chat: {most}}}}}")).hash for most in (20, 21)}
    assert len(hashes | {read_policy_text(with_plan("refunds: {expired: 1d}")).hash}) == 3


@pytest.mark.parametrize(
    ("written", "late"), [("", 1000), ("late: 1s", 1000), ("late: 2h", 2 * HOUR), ("late: 7d", 7 * DAY)]
)
def test_the_horizon_of_late_usage_is_the_tolerance_unless_it_is_stated(written, late):
    assert read_policy_text(with_top(written)).late == late


def test_the_document_carries_every_form():
    policy = read_policy_text(FULL)
    assert policy_from_document(policy.document) == policy
    assert read_policy_text(policy.document) == policy
    assert policy.hash == "d09b05bfaa3a59a50db7eb258a314a005e7818cd2a9735c07e0d306a0fd7da4c"


def test_a_policy_without_packs_has_the_hash_that_it_had_before_there_were_any():
    document = json.loads(read_policy_text(FULL).document)
    del document["packs"]
    policy = policy_from_document(json.dumps(document))
    assert policy.hash == "4cf9a787a6be6a6c454a85b4a880e53887650a8fa0a2a1c9781eace8a2c25326"
    assert policy.packs == {}


def _values(value, path=()):
    """Every single value of a document, each with its place."""
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _values(child, (*path, key))
    else:
        yield path, value


def _meaning(policy):
    return policy.features, policy.plans, policy.late, policy.packs


def test_no_value_of_the_document_is_without_meaning():
    """Where a value is replaced by another that is allowed, the policy is another one too, its hash aside."""
    policy = read_policy_text(FULL)
    others = {
        "1s": "2s",
        "15m": "16m",
        "1h": "2h",
        "1d": "2d",
        "14d": "15d",
        "30d": "31d",
        "10m": "11m",
        "2h": "3h",
        "365d": "9d",
    }
    changed = 0
    for path, value in _values(json.loads(policy.document)):
        if value in others or (isinstance(value, int) and not isinstance(value, bool) and path != ("spillover",)):
            document = json.loads(policy.document)
            within = document
            for key in path[:-1]:
                within = within[key]
            within[path[-1]] = others[value] if value in others else 23 if value == 24 else value + 1
            other = policy_from_document(json.dumps(document))
            assert _meaning(other) != _meaning(policy), path
            changed += 1
    assert changed >= 40


def test_the_same_limit_in_two_plans_counts_in_the_same_cell_whatever_it_is_only_for():
    one = only_rule(with_ceiling("name: a, max: 5, sliding: 1h, only: {team: [a]}")).ceilings[0]
    other = only_rule(with_ceiling("name: a, max: 9, sliding: 1h")).ceilings[0]
    assert one.cell == other.cell
