"""Mistakes in limits and in the layers of a waterfall: each names its place, what was found, what was expected."""

import pytest

from tests.policy.support import cases, check_mistake, mistakes, with_ceiling, with_feature, with_layers, with_rule

RULE0 = "plans.plus.rules[0]"
CEILING = RULE0 + ".ceilings[0]"
LAYERS = RULE0 + ".waterfall"

# fragment | path | found | expected (a part of it)
LIMITS = [
    ("max: 1, ever: true", CEILING + ".name", "nothing", "its own within the rule"),
    ("name: a, ever: true", CEILING + ".max", "nothing", "the most within the window"),
    ("name: a, max: -1, ever: true", CEILING + ".max", "-1", "the most within the window"),
    ("name: a, max: 1.5, ever: true", CEILING + ".max", "1.5", "a whole number"),
    ("name: a, max: '15', ever: true", CEILING + ".max", '"15"', "a whole number"),
    ("name: a, max: 9007199254740992, ever: true", CEILING + ".max", "9007199254740992", "9,007,199,254,740,991"),
    ("name: a, max: 1", CEILING, "no window", "one window: every with starting or in, or sliding, or refill, or ever"),
    ("name: a, max: 1, ever: true, refill: 1m", CEILING, "refill and ever", "one window"),
    ("name: a, max: 1, ever: yes", CEILING + ".ever", '"yes"', "true: it never resets"),
    ("name: a, max: 1, sliding: 1h, ever: true", CEILING, "sliding and ever", "one window"),
    ("name: a, max: 1, sliding: day", CEILING + ".sliding", '"day"', "the time of which any interval is limited"),
    ("name: a, max: 1, sliding: 3654d", CEILING + ".sliding", '"3654d"', "1s to 3653d (ten years)"),
    ("name: a, max: 1, sliding: 11s", CEILING + ".sliding", '"11s" in 12 slots', "slots of at most 11, or a longer"),
    ("name: a, max: 1, sliding: 1h, slots: 25", CEILING + ".slots", "25", "from 1 to 24"),
    ("name: a, max: 1, sliding: 1h, slots: 0", CEILING + ".slots", "0", "from 1 to 24"),
    ("name: a, max: 1, sliding: 1h, slots: 1.5", CEILING + ".slots", "1.5", "from 1 to 24"),
    ("name: a, max: 1, refill: 1h, slots: 5", CEILING + ".slots", "slots beside refill", "slots only beside sliding"),
    ("name: a, max: 1, sliding: 1h, in: UTC", CEILING + ".in", "in beside sliding", "in only beside every"),
    ("name: a, max: 1.5, ever: true, of: subjects", CEILING + ".max", "1.5", "as subjects are counted here"),
    ("name: a, max: 1, sliding: 1h, of: subjects", CEILING + ".sliding", "sliding beside subjects", "a window's start"),
    ("name: a, max: 1, refill: 1h, of: subjects", CEILING + ".refill", "refill beside subjects", "a window's start"),
    ("name: a, max: 1, of: subjects", CEILING, "no window", "one window"),
    ("name: a, max: 1, ever: true, of: subjects, per: subject", CEILING + ".per", '"subject" beside subjects',
     "no per"),
    ("name: a, max: 1, every: day, in: UTC, of: open_holds", CEILING + ".every", "every beside open_holds",
     "no window"),
    ("name: a, max: 1, sliding: 1h, of: open_holds", CEILING + ".sliding", "sliding beside open_holds", "no window"),
    ("name: a, max: 1, refill: 1h, of: open_holds", CEILING + ".refill", "refill beside open_holds", "no window"),
    ("name: a, max: 1.5, of: open_holds", CEILING + ".max", "1.5", "as open holds are counted here"),
    ("name: a, max: 1, ever: true, of: output", CEILING + ".of", '"output", which chat does not count',
     "one of units, requests, credits, open_holds, subjects"),
    ("name: a, max: 1, ever: true, of: Units", CEILING + ".of", '"Units"', "or the name of a usage count"),
    ("name: a, max: 1, ever: true, of: 7", CEILING + ".of", "7", "or the name of a usage count"),
    ("name: a, max: 1.0000001, ever: true, of: credits", CEILING + ".max", "1.0000001", "six decimals"),
    ("name: a, max: 1, ever: true, only: {}", CEILING + ".only", "an empty mapping", "the limit is for"),
    ("name: a, max: 1, ever: true, only: {a: b}", CEILING + ".only.a", '"b"', "a list of 1 to 1,000 values"),
    ("name: a, max: 1, ever: true, only: {subject: [b]}", CEILING + ".only.subject", 'the key "subject"',
     "other than subject"),
    ("name: a, max: 1, ever: true, per: Team", CEILING + ".per", '"Team"', "subject, or the name of an attribute"),
    ("name: a, max: 1, ever: true, when_missing: skip", CEILING + ".when_missing",
     "when_missing without an attribute in per", "only beside per with an attribute"),
    ("name: a, max: 1, ever: true, per: subject, when_missing: skip", CEILING + ".when_missing",
     "when_missing without an attribute in per", "only beside per with an attribute"),
    ("name: a, max: 1, ever: true, per: team, when_missing: allow", CEILING + ".when_missing", '"allow"', "deny"),
    ("name: a, max: 1, every: 5h", CEILING + ".every", "every alone", "starting (first_use"),
    ("name: a, max: 1, every: day, in: UTC, starting: first_use", CEILING + ".every", "starting and in beside every",
     "starting (first_use"),
    ("name: a, max: 1, ever: true, in: UTC", CEILING + ".in", "in beside ever", "in only beside every"),
    ("name: a, max: 1, refill: 1m, starting: first_use", CEILING + ".starting", "starting beside refill", "every"),
    ("name: a, max: 1, every: 5h, in: UTC", CEILING + ".every", '"5h"', "hour, day, week or month beside in"),
    ("name: a, max: 1, every: day, starting: billing_day", CEILING + ".every", '"day"', "day with in"),
    ("name: a, max: 1, every: month, starting: first_use", CEILING + ".every", '"month"', "month with in"),
    ("name: a, max: 1, every: 500ms, starting: first_use", CEILING + ".every", '"500ms"', "90s, 5m, 5h, 7d or 2w"),
    ("name: a, max: 1, every: 0s, starting: first_use", CEILING + ".every", '"0s"', "90s, 5m, 5h, 7d or 2w"),
    ("name: a, max: 1, every: 3654d, starting: first_use", CEILING + ".every", '"3654d"', "1s to 3653d (ten years)"),
    ("name: a, max: 1, every: 7d, starting: monday", CEILING + ".starting", '"monday"', "first_use, billing_day"),
    ("name: a, max: 1, every: 7d, starting: 2026-01-01", CEILING + ".starting", '"2026-01-01"', "2026-01-01T00:00:00Z"),
    ("name: a, max: 1, every: 7d, starting: '2026-02-30T00:00:00Z'", CEILING + ".starting", '"2026-02-30T00:00:00Z"',
     "an instant from 1970"),
    ("name: a, max: 1, every: 7d, starting: '0001-01-01T00:00:00+23:59'", CEILING + ".starting",
     '"0001-01-01T00:00:00+23:59"', "an instant from 1970"),
    ("name: a, max: 1, every: day, in: Europe/Rom", CEILING + ".in", '"Europe/Rom"', "such as Europe/Rome"),
    ("name: a, max: 1, every: day, in: Europe", CEILING + ".in", '"Europe"', "time zone"),
    ("name: a, max: 1, every: day, in: localtime", CEILING + ".in", '"localtime"', "time zone"),
    ("name: a, max: 1, every: day, in: ../UTC", CEILING + ".in", '"../UTC"', "a time zone such as Europe/Paris"),
    ("name: a, max: 0, refill: 1m", CEILING + ".max", "0 in a bucket", "at least 1"),
    ("name: a, max: 99999999, refill: 1m", CEILING + ".max",
     "99999999 in 1m, which is finer than a bucket can count", "at most 10,702,800, or a longer refill"),
]  # fmt: skip

WATERFALLS = [
    (
        "- {from: allowance, windows: [{name: a, max: 1, ever: true, of: subjects}]}  #!",
        LAYERS + "[0].windows[0].of",
        '"subjects"',
        "units (the default), requests or credits",
    ),
    (
        "- {from: allowance, windows: [{name: a, max: 1, of: open_holds}]}  #!",
        LAYERS + "[0].windows[0].of",
        '"open_holds"',
        "which an allowance can give",
    ),
    (
        "- {from: allowance, windows: [{name: a, max: 1, ever: true, of: input}]}  #!",
        LAYERS + "[0].windows[0].of",
        '"input"',
        "which an allowance can give",
    ),
    ("- {from: gifts}  #!", LAYERS + "[0].from", '"gifts"', "allowance, units, credits or overage"),
    ("- {consent: remembered}  #!", LAYERS + "[0].from", "nothing", "allowance, units, credits or overage"),
    ("- {from: allowance}  #!", LAYERS + "[0].windows", "nothing", "a list of 1 to 32 limits"),
    ("- {from: allowance, windows: []}  #!", LAYERS + "[0].windows", "an empty list", "a list of 1 to 32 limits"),
    ("- {from: units, windows: []}  #!", LAYERS + "[0].windows", "an empty list", "only an allowance has them"),
    ("- {from: units, consent: remembered}  #!", LAYERS + "[0].consent", '"remembered"', "only credits and overage"),
    ("- {from: credits, consent: asked}  #!", LAYERS + "[0].consent", '"asked"', "remembered: the customer"),
    (
        "- {from: credits, cap: {max: 1, ever: true}}  #!",
        LAYERS + "[0].cap",
        "a mapping with max, ever",
        "only overage has it",
    ),
    ("- {from: credits, price_times: 2}  #!", LAYERS + "[0].price_times", "2", "only overage has it"),
    ("- from: units\n- from: units  #!", LAYERS + "[1].from", "the layer units twice", "each layer once"),
    ("- {from: overage, price_times: 0}  #!", LAYERS + "[0].price_times", "0", "above 0"),
    ('- {from: overage, price_times: "0.0"}  #!', LAYERS + "[0].price_times", '"0.0"', "above 0"),
    ("- {from: overage, price_times: 1.0000001}  #!", LAYERS + "[0].price_times", "1.0000001", "at most six decimals"),
    (
        "- {from: overage, cap: {ever: true}}  #!",
        LAYERS + "[0].cap.max",
        "nothing",
        "the most credits within the window",
    ),
    ("- {from: overage, cap: {max: 1}}  #!", LAYERS + "[0].cap", "no window", "one window"),
]


@pytest.mark.parametrize(
    ("document", "path", "found", "expected"), [*cases(with_ceiling, LIMITS), *cases(with_layers, WATERFALLS)]
)
def test_a_mistake_names_its_place_what_was_found_and_what_was_expected(document, path, found, expected):
    check_mistake(document, path, found, expected)


# what of a rule counts credits | why a price is demanded
COUNTED = [
    ("ceilings: [{name: a, max: 1, ever: true, of: credits}]", "the limit a of plans.plus.rules[0] counts credits"),
    ("waterfall: [{from: allowance, windows: [{name: b, max: 1, ever: true, of: credits}]}]",
     "the limit b of plans.plus.rules[0] counts credits"),
    ("ceilings: [{name: a, max: 1, ever: true, of: credits, only: {size: [small, huge]}}]",
     "the limit a of plans.plus.rules[0] counts credits"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "why"), COUNTED)
def test_what_counts_credits_needs_a_price_that_always_fits(rule, why):
    [mistake] = mistakes(with_rule(f"for: [film]\n{rule}"))
    assert (mistake.path, mistake.line) == ("features.film.price", 4)
    assert mistake.expected == f"a price that always fits (a row without when), as {why}"


def test_a_limit_of_credits_needs_a_price_only_for_the_requests_that_it_is_for():
    ceiling = "ceilings: [{name: a, max: 1, ever: true, of: credits, only: {size: [small, huge]}}]"
    assert mistakes(with_rule(f"for: [film]\nonly: {{size: [small, large]}}\n{ceiling}")) == []
    assert mistakes(with_rule(f"for: [film]\n{ceiling.replace(', huge', '')}")) == []


def test_a_usage_named_holds_cannot_be_limited_as_its_cells_would_be_those_of_open_holds():
    document = with_feature("x: {count: cost, price: {holds: 1, input: 1, per: 1k}}")
    rule = "      - {for: [x], ceilings: [{name: a, max: 1, ever: true, of: holds}], waterfall: [{from: credits}]}\n"
    [mistake] = mistakes(document + rule)
    assert (mistake.path, mistake.found) == ("plans.plus.rules[1].ceilings[0].of", '"holds"')
    assert mistake.expected == "one of units, requests, credits, open_holds, subjects, input"
