"""Every mistake names its line, its path, what was found and what was expected. `#!` marks the line to be named."""

import pytest

from spillover.model.errors import PolicyError
from spillover.policy import read_policy_text
from tests.policy.support import cases, check_mistake, mistakes, with_feature, with_rule, with_top

RULE0 = "plans.plus.rules[0]"

# fragment | path | found | expected (a part of it)
TOP = [
    ("default_plan: gold  #!", "default_plan", '"gold"', "one of the plans plus"),
    ("attributes: [team, 7]  #!", "attributes[1]", "7", "the name of an attribute"),
    ("default_plan:  #!", "default_plan", "nothing", "the name of a plan"),
    ("late: 500ms  #!", "late", '"500ms"', "a time from 1s to 7d"),
    ("late: 8d  #!", "late", '"8d"', "a time from 1s to 7d"),
    ("packs: {}  #!", "packs", "an empty mapping", "1 to 100 names of packs"),
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
    ("x: {count: cost, price: {input: 1, per: 1.5}}  #!", "features.x.price.per", "1.5", "1k or 1M"),
    ("x: {count: cost, price: {input: 1, per: 0}}  #!", "features.x.price.per", "0", "1k or 1M"),
    ("x: {count: cost, price: {per: 1k}}  #!", "features.x.price", "no usage count", "credits for at least one"),
    ("x: {count: cost, price: {per: 1k, when: {a: b}}}  #!", "features.x.price", "no usage count", "at least one"),
    ("x: {count: cost, price: {credits: 1, per: 1k}}  #!", "features.x.price.credits", "1", "names of usage counts"),
    ("x: {count: cost, price: {Input: 1, per: 1k}}  #!", "features.x.price.Input", 'the key "Input"', "lower-case"),
]  # fmt: skip

RULES = [
    ("for: [chats]  #!", RULE0 + ".for[0]", '"chats"', "a feature that is named under features"),
    ("for:\n  - chat\n  - chat  #!", RULE0 + ".for[1]", "chat twice", "each feature once"),
    ("for: []  #!", RULE0 + ".for", "an empty list", "a list of 1 to 1,000 features"),
    ("for: chat  #!", RULE0 + ".for", '"chat"', "a list of 1 to 1,000 features"),
    ("for: [chat, tokens]  #!", RULE0 + ".for", "features counted by their cost among others", "count them alike"),
    ("hold: {}  #!", RULE0 + ".hold", "an empty mapping", "how holds begin"),
    ("hold: {for: 25h}  #!", RULE0 + ".hold.for", '"25h"', "a time from 1s to 24h"),
    ("hold: {for: 0s}  #!", RULE0 + ".hold.for", '"0s"', "how long a hold is open"),
    ("hold: {when_short: wait}  #!", RULE0 + ".hold.when_short", '"wait"', "finish (the default) or stop"),
    ("hold: {default: 5}  #!", RULE0 + ".hold.default", "5", "a mapping of usage counts"),
    ("hold: {default: {}}  #!", RULE0 + ".hold.default", "an empty mapping", "a mapping of usage counts"),
    ("hold: {default: {requests: 0}}  #!", RULE0 + ".hold.default", "no count above 0", "at least one unit"),
    ("hold: {default: {requests: 1.5}}  #!", RULE0 + ".hold.default.requests", "1.5", "a whole number"),
    ("hold: {at_least: {requests: 1.0}}  #!", RULE0 + ".hold.at_least.requests", "1.0", "a whole number"),
    ("hold: {at_least: {requests: -1}}  #!", RULE0 + ".hold.at_least.requests", "-1", "a whole number"),
    ("hold: {default: {seconds: 5}}  #!", RULE0 + ".hold.default.seconds", '"seconds", which chat does not count',
     "a usage count of all features of the rule: requests"),
    ("for: [film, chat]\nhold:\n  default: {seconds: 5}  #!", RULE0 + ".hold.default.seconds",
     '"seconds", which chat does not count', "have none in common"),
    ("for: [film, chat]\nceilings: [{name: a, max: 1, ever: true, of: seconds}]  #!", RULE0 + ".ceilings[0].of",
     '"seconds", which chat does not count', "one of units, requests, credits, open_holds, subjects"),
    ("overshoot: {}  #!", RULE0 + ".overshoot.forgive", "nothing", "the most credits of overshoot"),
    ("overshoot: {forgive: 1}  #!", RULE0 + ".overshoot", "no window", "one window"),
    ("overshoot: {forgive: 0.0000001, ever: true}  #!", RULE0 + ".overshoot.forgive", "0.0000001", "six decimals"),
    ("overshoot: {forgive: 0, refill: 1m}  #!", RULE0 + ".overshoot.forgive", "0 in a bucket", "at least 1"),
    ("overshoot: {forgive: 1, every: day, in: Mars}  #!", RULE0 + ".overshoot.in", '"Mars"', "a time zone such as"),
    ("overshoot: {forgive: 1, ever: true, per: subject}  #!", RULE0 + ".overshoot.per", "an unknown key", "forgive"),
    ("spending: [{name: overshoot, max: 1, ever: true}]\novershoot: {forgive: 1, ever: true}  #!",
     RULE0 + ".overshoot", "the name overshoot twice in a rule", "a name of its own"),
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


@pytest.mark.parametrize(
    ("document", "path", "found", "expected"),
    [*cases(with_top, TOP), *cases(with_feature, FEATURES), *cases(with_rule, RULES)],
)
def test_a_mistake_names_its_place_what_was_found_and_what_was_expected(document, path, found, expected):
    check_mistake(document, path, found, expected)


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
    gives: [{credits: 5, once: true}, {credits: 5, once: 5}, {credits: 0, once: true}]
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
        (9, "plans.plus.gives[1].once"),
        (9, "plans.plus.gives[2].credits"),
        (12, "plans.plus.rules[0].waterfall[0].from"),
        (13, "plans.plus.rules[1].for[2]"),
        (14, "plans.plus.rules[1].waterfall[0].windows[0].max"),
        (14, "plans.plus.rules[1].waterfall[0].windows[0].in"),
        (17, "default_plan"),
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
