"""Every mistake names its line, its path, what was found and what was expected. `#!` marks the line to be named."""

import pytest

from spillover.model.errors import PolicyError
from spillover.policy import read_policy_text
from tests.policy.support import mistakes, with_ceiling, with_feature, with_layers, with_plan, with_rule, with_top

RULE0 = "plans.plus.rules[0]"
CEILING = RULE0 + ".ceilings[0]"
LAYERS = RULE0 + ".waterfall"

# fragment | path | found | expected (a part of it)
TOP = [
    ("default_plan: gold  #!", "default_plan", '"gold"', "one of the plans plus"),
    ("attributes: [team, 7]  #!", "attributes[1]", "7", "the name of an attribute"),
    ("default_plan:  #!", "default_plan", "nothing", "the name of a plan"),
    ("packs: {}  #!", "packs", "an empty mapping", "not part of this version"),
    ("plan: {}  #!", "plan", "an unknown key", "plans perhaps"),
    ("quotas: {}  #!", "quotas", "an unknown key", "one of the keys spillover, features, plans, default_plan"),
    ("attributes: [team, Team]  #!", "attributes[1]", '"Team"', "lower-case letters"),
    ("attributes: [subject]  #!", "attributes[0]", '"subject"', "other than subject"),
    ("attributes: [a, a]  #!", "attributes", "a list of 2", "at most 16 names"),
    ("attributes:  #!\n  [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]", "attributes",
     "17 attributes in all (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, size)", "at most 16"),
]  # fmt: skip

FEATURES = [
    ("Chat: {count: requests}  #!", "features.Chat", 'the key "Chat"', "lower-case letters"),
    ("x:  #!", "features.x", "nothing", "a mapping with count"),
    ("credits: {count: requests}  #!", "features.credits", "the name credits", "another name"),
    ("7: {unit: call}  #!", 'features["7"].count', "nothing", "requests (one unit for each), cost"),
    ("007: 7  #!", 'features["007"]', "7", "a mapping with count"),
    ("x: {unit: call}  #!", "features.x.count", "nothing", "requests (one unit for each), cost"),
    ("x: {count: 5}  #!", "features.x.count", "5", "requests (one unit for each), cost"),
    ("x:\n  count: requests\n  prize: 5  #!", "features.x.prize", "an unknown key", "price perhaps"),
    ("x: {count: requests, unit: ''}  #!", "features.x.unit", '""', "what one unit is called"),
    ("x: {count: requests, price: 5}  #!", "features.x.price", "5", "a price, or a list"),
    ("x: {count: requests, price: []}  #!", "features.x.price", "an empty list", "a price, or a list"),
    ("x: {count: requests, price: {}}  #!", "features.x.price.credits", "nothing", "credits for one unit"),
    ("x:\n  count: n\n  price:\n    - credits: -1  #!", "features.x.price[0].credits", "-1", "credits for one unit"),
    ("x:\n  count: n\n  price:\n    - credits: 1e3  #!", "features.x.price[0].credits", '"1e3"', "for one unit"),
    ("x: {count: n, price: {credits: 0.0000001}}  #!", "features.x.price.credits", "0.0000001", "at most six decimals"),
    ("x: {count: n, price: {credits: 10000000000}}  #!", "features.x.price.credits", "10000000000", "9,007,199,254"),
    ("x: {count: n, price: {credits: 9007199254.740992}}  #!", "features.x.price.credits", "9007199254.740992",
     "credits from 0 to 9,007,199,254"),
    ("x: {count: n, price: {credits: 5, per: 1k}}  #!", "features.x.price.per", "an unknown key", "when, credits"),
    ("x: {count: n, price: [{when: {}, credits: 5}]}  #!", "features.x.price[0].when", "an empty mapping", "1 to 16"),
    ("x: {count: n, price: [{when: {subject: ada}, credits: 5}]}  #!", "features.x.price[0].when.subject",
     'the key "subject"', "other than subject"),
    ("x: {count: n, price: [{when: {size: [a]}, credits: 5}]}  #!", "features.x.price[0].when.size", "a list of 1",
     "compared as text"),
    ("x: {count: n, price: [{when: {size: " + "é" * 33 + "}, credits: 5}]}  #!", "features.x.price[0].when.size",
     '"' + "é" * 33 + '"', "at most 64 bytes"),
    ("x: {count: n, price: [{credits: 1},\n  {when: {a: b}, credits: 2}]}  #!", "features.x.price[1]",
     "a price that is never reached: price[0] fits wherever it would", "the default last"),
    ("x: {count: n, price: [{when: {a: b}, credits: 1},\n  {when: {a: b}, credits: 2}]}  #!", "features.x.price[1]",
     "a price that is never reached: price[0] fits wherever it would", "the default last"),
    ("x: {count: n, price: [{when: {a: b}, credits: 1},\n  {when: {a: b, c: d}, credits: 2}]}  #!",
     "features.x.price[1]", "a price that is never reached: price[0] fits wherever it would", "the default last"),
    ("x: {count: cost}  #!", "features.x.price", "nothing", "a price, or a list"),
    ("x: {count: cost, unit: token, price: {input: 1, per: 1k}}  #!", "features.x.unit", '"token"', "credit, as"),
    ("x: {count: cost, price: {input: 1}}  #!", "features.x.price.per", "nothing", "1k or 1M"),
    ("x: {count: cost, price: {input: 1, per: 1G}}  #!", "features.x.price.per", '"1G"', "1k or 1M"),
    ("x: {count: cost, price: {input: 1, per: 0}}  #!", "features.x.price.per", "0", "1k or 1M"),
    ("x: {count: cost, price: {per: 1k}}  #!", "features.x.price", "no usage count", "credits for at least one"),
    ("x: {count: cost, price: {per: 1k, when: {a: b}}}  #!", "features.x.price", "no usage count", "at least one"),
    ("x: {count: cost, price: {credits: 1, per: 1k}}  #!", "features.x.price.credits", "1", "names of usage counts"),
    ("x: {count: cost, price: {Input: 1, per: 1k}}  #!", "features.x.price.Input", 'the key "Input"', "lower-case"),
]  # fmt: skip

PLANS = [
    ("lasts: 14d  #!", "plans.plus.lasts", '"14d"', "not part of this version"),
    ("then: free  #!", "plans.plus.then", '"free"', "not part of this version"),
    ("gives: []  #!", "plans.plus.gives", "an empty list", "not part of this version"),
    ("rule: []  #!", "plans.plus.rule", "an unknown key", "rules perhaps"),
]

RULES = [
    ("for: [chats]  #!", RULE0 + ".for[0]", '"chats"', "a feature that is named under features"),
    ("for:\n  - chat\n  - chat  #!", RULE0 + ".for[1]", "chat twice", "each feature once"),
    ("for: []  #!", RULE0 + ".for", "an empty list", "a list of 1 to 1,000 features"),
    ("for: chat  #!", RULE0 + ".for", '"chat"', "a list of 1 to 1,000 features"),
    ("for: [chat, tokens]  #!", RULE0 + ".for", "features counted by their cost among others", "count them alike"),
    ("hold: {for: 15m}  #!", RULE0 + ".hold", "a mapping with for", "not part of this version"),
    ("overshoot: {}  #!", RULE0 + ".overshoot", "an empty mapping", "not part of this version"),
    ("only: {size: small}  #!", RULE0 + ".only.size", '"small"', "a list of 1 to 1,000 values"),
    ("only: {size: []}  #!", RULE0 + ".only.size", "an empty list", "a list of 1 to 1,000 values"),
    ("only: {subject: [ada]}  #!", RULE0 + ".only.subject", 'the key "subject"', "other than subject"),
    ("name: film  #!", RULE0 + ".name", "film, which is a feature", "a name that no feature has"),
    ("waterfall: []  #!", RULE0 + ".waterfall", "an empty list", "1 to 4 layers"),
    ("spending: [{name: a, max: 1, ever: true, of: units}]  #!", RULE0 + ".spending[0].of", '"units"', "only credits"),
    ("spending: [{name: a, max: 0.0000001, ever: true}]  #!", RULE0 + ".spending[0].max", "0.0000001", "six decimals"),
    ("ceilings:\n  - {name: a, max: 1, ever: true}\n  - {name: a, max: 2, ever: true}  #!",
     RULE0 + ".ceilings[1].name", "the name a twice in a rule", "a name of its own"),
    ("for: [film]\nwaterfall: [{from: credits}]\nonly: {size: [small, large, huge]}", "features.film.price",
     'no price for size="huge"', "(a row without when), as plans.plus.rules[0] is paid by credits"),
    ("for: [film]\nwaterfall: [{from: overage}]", "features.film.price", "no price for other values of size",
     "as plans.plus.rules[0] is paid by overage"),
]  # fmt: skip

LIMITS = [
    ("max: 1, ever: true", CEILING + ".name", "nothing", "its own within the rule"),
    ("name: a, ever: true", CEILING + ".max", "nothing", "the most within the window"),
    ("name: a, max: -1, ever: true", CEILING + ".max", "-1", "the most within the window"),
    ("name: a, max: 1.5, ever: true", CEILING + ".max", "1.5", "a whole number"),
    ("name: a, max: '15', ever: true", CEILING + ".max", '"15"', "a whole number"),
    ("name: a, max: 9007199254740992, ever: true", CEILING + ".max", "9007199254740992", "9,007,199,254,740,991"),
    ("name: a, max: 1", CEILING, "no window", "one window: every with starting or in, or refill, or ever"),
    ("name: a, max: 1, ever: true, refill: 1m", CEILING, "refill and ever", "one window"),
    ("name: a, max: 1, ever: yes", CEILING + ".ever", '"yes"', "true: it never resets"),
    ("name: a, max: 1, sliding: 1h", CEILING + ".sliding", '"1h"', "sliding windows are not part of this version"),
    ("name: a, max: 1, ever: true, of: subjects", CEILING + ".of", '"subjects"', "not part of this version"),
    ("name: a, max: 1, ever: true, of: open_holds", CEILING + ".of", '"open_holds"', "not part of this version"),
    ("name: a, max: 1, ever: true, of: credits", CEILING + ".of", '"credits"', "limited by spending and cap"),
    ("name: a, max: 1, ever: true, only: {a: [b]}", CEILING + ".only", "a mapping with a", "not part of this version"),
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


def _cases(document, table):
    return [pytest.param(document(row[0]), *row[1:], id=row[0].replace("\n", " / ")[:70]) for row in table]


@pytest.mark.parametrize(
    ("document", "path", "found", "expected"),
    [
        *_cases(with_top, TOP),
        *_cases(with_feature, FEATURES),
        *_cases(with_plan, PLANS),
        *_cases(with_rule, RULES),
        *_cases(with_ceiling, LIMITS),
        *_cases(with_layers, WATERFALLS),
    ],
)
def test_a_mistake_names_its_place_what_was_found_and_what_was_expected(document, path, found, expected):
    [mistake] = mistakes(document)
    assert (mistake.path, mistake.found) == (path, found)
    assert expected in mistake.expected
    marked = [line for line, text in enumerate(document.split("\n"), 1) if text.endswith("#!")]
    if marked:
        assert mistake.line == marked[0]
    else:
        assert document.split("\n")[mistake.line - 1].lstrip().startswith(("- ceilings", "film:"))


def test_all_mistakes_are_found_in_one_run_in_the_order_of_the_file():
    document = """\
spillover: 1
features:
  chat: {count: requests, price: {credit: 5}}
  film: {count: seconds, unit: second, unit: frame}
  calls: {count: requests}
plans:
  plus:
    lasts: 14d
    rules:
      - for: [chat]
        waterfall: [{from: unit}]
      - for: [film, chat, song]
        waterfall: [{from: allowance, windows: [{name: day, max: 0.5, every: day, in: Mars/Olympus}]}]
      - for: [calls]
        waterfall: [{from: credits}]
default_plan: gold
"""
    assert [(mistake.line, mistake.path) for mistake in mistakes(document)] == [
        (3, "features.chat.price.credit"),
        (3, "features.chat.price.credits"),
        (4, "features.film.unit"),
        (5, "features.calls.price"),
        (8, "plans.plus.lasts"),
        (11, "plans.plus.rules[0].waterfall[0].from"),
        (12, "plans.plus.rules[1].for[2]"),
        (13, "plans.plus.rules[1].waterfall[0].windows[0].max"),
        (13, "plans.plus.rules[1].waterfall[0].windows[0].in"),
        (16, "default_plan"),
    ]


def test_the_text_of_the_error_is_the_first_mistake_and_how_many_more_there_are():
    with pytest.raises(PolicyError) as caught:
        read_policy_text("spillover: 2\nfeatures: {}\nplans: {}\n", "shop.yaml")
    assert str(caught.value) == (
        "shop.yaml:1: spillover: found 2, expected 1, the form of policies that this version reads"
        " (and 2 more; see `spillover policy check`)"
    )


def test_a_feature_stands_in_one_rule_of_a_plan():
    [mistake] = mistakes(with_rule("for: [chat]\n") + "      - for: [film, chat]\n        waterfall: [{from: units}]\n")
    assert (mistake.path, mistake.found) == ("plans.plus.rules[1].for[1]", "chat in a second rule of this plan")


def test_two_rules_of_a_plan_do_not_share_a_name():
    second = "      - for: [film]\n        name: both\n        waterfall: [{from: units}]\n"
    [mistake] = mistakes(with_rule("name: both") + second)
    assert (mistake.path, mistake.line) == ("plans.plus.rules[1].name", 13)
    assert mistake.found == "both, which is also the name of plans.plus.rules[0]"


def test_a_rule_for_many_features_needs_a_name():
    names = [f"feature-number-{number}" for number in range(10)]
    features = "\n".join(f"{name}: {{count: requests}}" for name in names)
    rule = f"      - for: [{', '.join(names)}]\n        waterfall: [{{from: units}}]\n"
    [mistake] = mistakes(with_feature(features) + rule)
    assert mistake.path == "plans.plus.rules[1].name"
    assert mistake.expected == "a name, as the rule is for 10 features"


def test_a_default_is_asked_for_where_combinations_are_too_many_to_check():
    rows = ", ".join(f"{{when: {{a: {value}, b: {value}}}, credits: 1}}" for value in range(40))
    values = ", ".join(map(str, range(40)))
    rule = f"      - {{for: [x], only: {{a: [{values}], b: [{values}]}}, waterfall: [{{from: credits}}]}}\n"
    [mistake] = mistakes(with_feature(f"x: {{count: n, price: [{rows}]}}") + rule)
    assert (mistake.path, mistake.found) == ("features.x.price", "more than 1,000 combinations of values")


def test_a_factor_keeps_the_price_of_a_unit_whole():
    document = with_feature("x: {count: n, price: {credits: 0.000001}}")
    document += "      - {for: [x], waterfall: [{from: overage, price_times: 1.2}]}\n"
    [mistake] = mistakes(document)
    assert mistake.path == "plans.plus.rules[1].waterfall[0].price_times"
    assert mistake.found == "a factor that makes 0.000001 credits a part of a micro-credit"


def test_what_is_shown_of_a_document_stays_on_one_line_and_short():
    [mistake] = mistakes(with_top('default_plan: "a\\nb\\e[31m' + "x" * 500 + '"'))
    assert mistake.found.startswith('"a\\nb\\u001b[31mxxx')
    assert len(mistake.found) < 100
