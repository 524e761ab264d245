"""What documents compile to: amounts in integers, prices in exact fractions, cells that are known by name and kind."""

import pytest

from spillover.model.policy import Feature, Layer, Limit, PriceRow, Window
from spillover.policy import policy_from_document, read_policy_text
from tests.policy.support import only_ceiling, only_rule, with_feature, with_rule, with_top

# The example of the design, without what comes later (ceilings of subjects, a trial).
EXAMPLE = """\
spillover: 1
features:
  codex.messages: {unit: message, count: requests, price: {credits: 5}}
  codex.tokens:
    unit: credit
    count: cost                       # counted by what it costs
    price:                            # first row that fits; a row without `when` is the default
      - {when: {model: gpt-large}, input: "1.25", cached_input: "0.125", output: 10, per: 1M}
      - {input: "2.50", cached_input: "0.25", output: 20, per: 1M}
  sora.seconds:
    unit: second
    count: seconds
    price: [{when: {resolution: 720p}, credits: 10}, {when: {resolution: 1080p}, credits: 25}]
plans:
  plus:
    rules:
      - for: [codex.messages]
        ceilings: [{name: burst, max: 20, refill: 1m, per: subject}]      # whoever pays
        waterfall:                                                         # who pays, in order
          - from: allowance
            windows:
              - {name: five_hour, max: 45, every: 5h, starting: first_use}
              - {name: weekly, max: 300, every: 7d, starting: billing_day}
          - from: units
          - {from: credits, consent: remembered}                           # the customer may switch it off
      - for: [sora.seconds]
        only: {resolution: [720p]}
        waterfall: [{from: credits}]
  enterprise:
    rules:
      - for: [codex.messages]
        waterfall:
          - from: allowance
            windows: [{name: seat_daily, max: 200, every: day, in: America/New_York, per: subject}]
          - from: credits
          - {from: overage, price_times: "1.20", cap: {max: 10000, every: month, starting: billing_day}}
        spending: [{name: team, max: 5000, every: month, in: America/New_York, per: team}]
"""
HOUR, DAY, CREDIT = 3_600_000, 86_400_000, 1_000_000


def test_the_example_of_the_design_compiles_to_what_it_says():
    policy = read_policy_text(EXAMPLE)
    assert policy.features == {
        "codex.messages": Feature("codex.messages", "message", "requests", (PriceRow((), 5 * CREDIT),), ("requests",)),
        "codex.tokens": Feature(
            "codex.tokens",
            "credit",
            "cost",
            (
                PriceRow((("model", "gpt-large"),), 0, (("cached_input", 1, 8), ("input", 5, 4), ("output", 10, 1))),
                PriceRow((), 0, (("cached_input", 1, 4), ("input", 5, 2), ("output", 20, 1))),
            ),
            ("cached_input", "input", "output"),
        ),
        "sora.seconds": Feature(
            "sora.seconds",
            "second",
            "seconds",
            (PriceRow((("resolution", "720p"),), 10 * CREDIT), PriceRow((("resolution", "1080p"),), 25 * CREDIT)),
            ("seconds",),
        ),
    }
    assert (policy.attributes, policy.priced) == (("model", "resolution", "team"), ("model", "resolution"))
    assert policy.default_plan == ""

    messages, seconds = policy.plans["plus"].rules
    burst = Window("refill", 60_000, label="refill-1m")
    assert messages.ceilings == (
        Limit(
            "burst",
            20,
            burst,
            "codex.messages/burst/refill-1m",
            per="subject",
            spacing=3000,
            ticks=1,
            title="codex.messages/burst",
        ),
    )
    five_hour = Window("session", 5 * HOUR, label="session-5h")
    weekly = Window("fixed", 7 * DAY, label="fixed-7d")
    assert messages.waterfall == (
        Layer(
            "allowance",
            (
                Limit(
                    "five_hour", 45, five_hour, "codex.messages/five_hour/session-5h", title="codex.messages/five_hour"
                ),
                Limit("weekly", 300, weekly, "codex.messages/weekly/fixed-7d", title="codex.messages/weekly"),
            ),
        ),
        Layer("units"),
        Layer("credits", consent=True),
    )
    assert seconds.only == (("resolution", ("720p",)),)
    assert policy.plans["plus"].by_feature == {"codex.messages": messages, "sora.seconds": seconds}

    [enterprise] = policy.plans["enterprise"].rules
    month, monthly = Window("fixed", unit="month", label="fixed-month"), "month-America/New_York"
    assert enterprise.waterfall[2] == Layer(
        "overage",
        factor=(6, 5),
        cap=Limit(
            "overage_cap",
            10_000 * CREDIT,
            month,
            "codex.messages/overage_cap/fixed-month-credits",
            "credits",
            title="codex.messages/overage_cap",
        ),
    )
    assert enterprise.spending == (
        Limit(
            "team",
            5000 * CREDIT,
            Window("calendar", unit="month", zone="America/New_York", label=monthly),
            f"codex.messages/team/{monthly}-credits",
            "credits",
            per="team",
            title="codex.messages/team",
        ),
    )


# a window as written | kind, length, unit, zone, anchor | label
WINDOWS = [
    ("every: 5h, starting: first_use", ("session", 5 * HOUR, "", "", None), "session-5h"),
    ("every: 300m, starting: first_use", ("session", 5 * HOUR, "", "", None), "session-5h"),
    ("every: 90s, starting: first_use", ("session", 90_000, "", "", None), "session-90s"),
    ("every: 1s, starting: first_use", ("session", 1000, "", "", None), "session-1s"),
    ("every: 3653d, starting: first_use", ("session", 3653 * DAY, "", "", None), "session-3653d"),
    ("every: 1w, starting: billing_day", ("fixed", 7 * DAY, "", "", None), "fixed-7d"),
    ("every: 24h, starting: '1970-01-03T01:00:00+01:00'", ("fixed", DAY, "", "", 2 * DAY), "fixed-1d-0"),
    ("every: 24h, starting: '1970-01-05 00:00:00.250Z'", ("fixed", DAY, "", "", 4 * DAY + 250), "fixed-1d-250"),
    ("every: month, starting: billing_day", ("fixed", 0, "month", "", None), "fixed-month"),
    ("every: month, starting: 1970-01-31t00:00:00z", ("fixed", 0, "month", "", 30 * DAY), f"fixed-month-{30 * DAY}"),
    ("every: hour, in: Europe/Paris", ("calendar", 0, "hour", "Europe/Paris", None), "hour-Europe/Paris"),
    ("every: week, in: account", ("calendar", 0, "week", "account", None), "week-account"),
    ("refill: 60s", ("refill", 60_000, "", "", None), "refill-1m"),
    ("ever: true", ("ever", 0, "", "", None), "ever"),
]


@pytest.mark.parametrize(("written", "window", "label"), WINDOWS, ids=[row[0] for row in WINDOWS])
def test_a_window_is_normalised_and_its_cell_is_known_by_name_and_kind(written, window, label):
    limit = only_ceiling(f"name: a, max: 10, {written}")
    assert limit.window == Window(*window, label=label)
    assert limit.cell == f"chat/a/{label}"


def test_what_is_counted_is_part_of_the_kind_of_a_window():
    assert only_ceiling("name: a, max: 10, of: requests, ever: true").cell == "chat/a/ever-requests"
    costs = only_rule(with_rule("for: [tokens]\nceilings: [{name: a, max: 1.5, ever: true}]"))
    assert [(limit.cell, limit.max) for limit in costs.ceilings] == [("tokens/a/ever-credits", 1_500_000)]
    requests = only_rule(with_rule("for: [tokens]\nceilings: [{name: a, max: 15, ever: true, of: requests}]"))
    assert [(limit.cell, limit.max) for limit in requests.ceilings] == [("tokens/a/ever-requests", 15)]


def test_a_new_maximum_keeps_the_cell_and_a_new_window_does_not():
    before = only_ceiling("name: a, max: 10, every: 5h, starting: first_use")
    assert only_ceiling("name: a, max: 99, every: 5h, starting: first_use").cell == before.cell
    assert only_ceiling("name: a, max: 10, every: 6h, starting: first_use").cell != before.cell
    assert only_ceiling("name: a, max: 10, every: 5h, starting: billing_day").cell != before.cell


# the rule | its owner
OWNERS = [
    ("for: [chat]", "chat"),
    ("for: [film, chat]", "chat+film"),
    ("for: [film, chat]\nname: media", "media"),
    ("for: [chat]\nname: media", "media"),
    ("for: [chat]\nname: chat", "chat"),
]


@pytest.mark.parametrize(("rule", "owner"), OWNERS)
def test_a_rule_is_known_by_its_name_else_by_its_features(rule, owner):
    assert only_rule(with_rule(rule)).owner == owner


# max, refill | spacing, ticks
BUCKETS = [
    (20, "1m", 3000, 1),  # 3 s apart
    (7, "1m", 60_000, 7),
    (300, "1m", 200, 1),
    (1, "1s", 1000, 1),
    (60_000, "1m", 1, 1),
    (90_000, "1m", 2, 3),
    (17_837, "1m", 60_000, 17_837),  # the finest that is exact
]


@pytest.mark.parametrize(("most", "refill", "spacing", "ticks"), BUCKETS)
def test_a_bucket_spaces_its_units_exactly(most, refill, spacing, ticks):
    limit = only_ceiling(f"name: a, max: {most}, refill: {refill}")
    assert (limit.spacing, limit.ticks) == (spacing, ticks)
    assert limit.window.label == f"refill-{refill}"


@pytest.mark.parametrize("most", [17_839, 59_999, 1_000_003, 10_702_799])
def test_a_bucket_that_is_too_fine_is_rounded_to_the_slower_side_by_one_per_cent_at_most(most):
    limit = only_ceiling(f"name: a, max: {most}, refill: 1m")
    assert 60_000 * limit.ticks < limit.spacing * most <= 60_000 * limit.ticks * 1.01
    until_2036 = (16 * 365 + 4) * DAY
    assert (until_2036 + 60_000) * limit.ticks < 2**53


# as written | the text it is compared by
VALUES = [
    ("8", "8"), ("8.0", "8.0"), ("0.0000001", "0.0000001"), ("'8'", "8"), ("true", "true"), ("yes", "yes"),
    ("010", "010"), ("1e3", "1e3"), ("0x1f", "0x1f"), ("-0", "-0"), ("720p", "720p"), ("2026-01-01", "2026-01-01"),
    ("9" * 41, "9" * 41), ('"\\ud83d\\ude00"', "\U0001f600"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "text"), VALUES)
def test_values_of_attributes_are_compared_as_text(written, text):
    document = with_feature(f"x: {{count: n, price: {{when: {{size: {written}}}, credits: 1}}}}")
    document += f"      - {{for: [x], only: {{size: [{written}]}}, waterfall: [{{from: credits}}]}}\n"
    policy = read_policy_text(document)
    assert policy.features["x"].prices[0].when == (("size", text),)
    assert policy.plans["plus"].rules[1].only == (("size", (text,)),)
    assert policy_from_document(policy.document) == policy


def test_units_are_named_after_what_is_counted_unless_the_policy_names_them():
    features = read_policy_text(with_feature("x: {count: seconds, unit: s}")).features
    assert [features[name].unit for name in ("chat", "film", "tokens", "x")] == ["request", "seconds", "credit", "s"]


def test_attributes_are_declared_by_their_use_and_by_name():
    rule = "ceilings: [{name: a, max: 1, ever: true, per: team}, {name: b, max: 1, ever: true, per: subject}]"
    policy = read_policy_text(with_top("attributes: [project]") + "\n")
    assert (policy.attributes, policy.priced) == (("project", "size"), ("size",))
    policy = read_policy_text(with_rule(rule + "\nonly: {region: [eu]}"))
    assert (policy.attributes, policy.priced) == (("region", "size", "team"), ("region", "size"))


def test_the_canonical_document_reads_as_an_equal_policy_with_an_equal_hash():
    policy = read_policy_text(EXAMPLE)
    again = policy_from_document(policy.document)
    assert again == policy
    assert read_policy_text(policy.document) == policy  # JSON is YAML
    assert policy.hash == "32acf3f2720003f838e763ef001183a172cd8275016303e64076359026eee736"


def test_the_hash_follows_the_content_and_not_the_way_it_is_written():
    policy = read_policy_text(EXAMPLE)
    lines = EXAMPLE.replace("    unit: second\n    count: seconds\n", "    count: seconds\n    'unit': \"second\"\n")
    assert read_policy_text("# a comment\n" + lines).hash == policy.hash
    assert read_policy_text(EXAMPLE.replace("max: 300", "max: 301")).hash != policy.hash
