"""Mistakes in what plans give and how they end: each names its place, what was found, what was expected."""

import pytest

from tests.policy.support import cases, check_mistake, mistakes, with_plan

# fragment | path | found | expected (a part of it)
PLANS = [
    ("lasts: 14d  #!", "plans.plus.lasts", "lasts without then", "the plan that follows"),
    ("then: plus  #!", "plans.plus.then", "then without lasts", "then only beside lasts"),
    ("lasts: 14d\nthen: free  #!", "plans.plus.then", '"free"', "one of the plans plus"),
    ("lasts: 14d\nthen: plus  #!", "plans.plus.then", "a circle (plus -> plus)", "a last plan, which has no then"),
    ("then: plus\nlasts: 14  #!", "plans.plus.lasts", "14", "how long an account has this plan"),
    ("refunds: 30d  #!", "plans.plus.refunds", '"30d"', "a mapping with expired"),
    ("refunds: {}  #!", "plans.plus.refunds.expired", "nothing", "how long a refund to a lot that has expired lives"),
    ("refunds: {expired: 0d}  #!", "plans.plus.refunds.expired", '"0d"', "how long a refund to a lot"),
    ("refunds: {expired: 5}  #!", "plans.plus.refunds.expired", "5", "how long a refund to a lot"),
    ("refunds: {expired: 600w}  #!", "plans.plus.refunds.expired", '"600w"', "1s to 3653d (ten years)"),
    ("gives: {credits: 5, once: true}  #!", "plans.plus.gives", "a mapping with credits, once", "at most 32 gifts"),
    ("rule: []  #!", "plans.plus.rule", "an unknown key", "rules perhaps"),
    ("outage: open  #!", "plans.plus.outage", '"open"', "a mapping with admit, such as"),
    ("outage: {}  #!", "plans.plus.outage.admit", "nothing", "how many units an account is admitted"),
    ("outage: {admit: 20}  #!", "plans.plus.outage.admit", "20", "a mapping of 1 to 1,000 features"),
    ("outage: {admit: {}}  #!", "plans.plus.outage.admit", "an empty mapping", "a mapping of 1 to 1,000 features"),
    ("outage: {admit: {chats: 2}}  #!", "plans.plus.outage.admit.chats", 'the key "chats"', "named under features"),
    ("outage: {admit: {film: 2}}  #!", "plans.plus.outage.admit.film", "a feature without a rule in this plan",
     "a feature that this plan's rules are for"),
    ("outage: {admit: {chat: 0}}  #!", "plans.plus.outage.admit.chat", "0", "more than 0; a feature that is left out"),
    ("outage: {admit: {chat: 1.5}}  #!", "plans.plus.outage.admit.chat", "1.5", "a whole number"),
    ("outage: {admit: {chat: -1}}  #!", "plans.plus.outage.admit.chat", "-1", "how many units an account is admitted"),
    ("outage: {admit: {chat: 2}, deny: 3}  #!", "plans.plus.outage.deny", "an unknown key", "one of the keys admit"),
]  # fmt: skip

# a gift, in flow style without its braces
GIFTS = [
    ("once: true", "", "neither credits nor units", "credits, or units with for"),
    ("credits: 5, units: 5, for: chat, once: true", "", "credits and units", "credits, or units with for"),
    ("units: 5, once: true", ".for", "nothing", "the feature that the units are of"),
    ("units: 5, for: chats, once: true", ".for", '"chats"', "a feature that is named under features"),
    ("credits: 5, for: chat, once: true", ".for", "for beside credits", "only: {feature: [...]}"),
    ("credits: 0, once: true", ".credits", "0", "more than 0"),
    ("credits: 0.0000001, once: true", ".credits", "0.0000001", "six decimals"),
    ("units: 0, for: chat, once: true", ".units", "0", "more than 0"),
    ("units: 1.5, for: chat, once: true", ".units", "1.5", "a whole number"),
    ("units: 1.0000001, for: tokens, once: true", ".units", "1.0000001", "six decimals"),
    ("credits: 5", "", "neither once nor every", "once: true, or every with starting or in"),
    ("credits: 5, once: true, every: day, in: UTC", "", "once and every", "once: true, or every"),
    ("credits: 5, once: false", ".once", "false", "true: given once"),
    ("credits: 5, once: true, in: UTC", ".in", "in beside once", "in only beside every"),
    ("credits: 5, once: true, rollover: {max: 1, expires: 1d}", ".rollover", "rollover beside once", "beside every"),
    ("credits: 5, every: day", ".every", "every alone", "starting (first_use"),
    ("credits: 5, every: 7d, starting: first_use", ".starting", '"first_use"', "a gift waits for no use"),
    ("credits: 5, every: month, starting: first_use", ".starting", '"first_use"', "a gift waits for no use"),
    ("credits: 5, every: day, in: Mars/Olympus", ".in", '"Mars/Olympus"', "a time zone such as"),
    ("credits: 5, sliding: 1h", ".sliding", "an unknown key", "one of the keys name, credits"),
    ("credits: 5, every: day, in: UTC, expires: 1d", ".expires", "expires beside every", "lives to its end"),
    ("credits: 5, once: true, expires: 3654d", ".expires", '"3654d"', "1s to 3653d"),
    ("credits: 5, every: day, in: UTC, rollover: true", ".rollover", "true", "max, the cap on what goes on"),
    ("credits: 5, every: day, in: UTC, rollover: {expires: 1d}", ".rollover.max", "nothing",
     "a rollover without a cap would grow for ever"),
    ("credits: 5, every: day, in: UTC, rollover: {max: 1}", ".rollover.expires", "nothing", "how long what goes on"),
    ("credits: 5, every: day, in: UTC, rollover: {max: 0, expires: 1d}", ".rollover.max", "0", "more than 0"),
    ("units: 5, for: chat, every: day, in: UTC, rollover: {max: 1.5, expires: 1d}", ".rollover.max", "1.5", "whole"),
    ("credits: 5, once: true, kind: free", ".kind", '"free"', "promotional (the default) or paid"),
    ("credits: 5, once: true, priority: -1", ".priority", "-1", "a whole number from 0 (spent first)"),
    ("credits: 5, once: true, name: Gift", ".name", '"Gift"', "its own within the plan"),
    ("credits: 5, once: true, only: {feature: [chats]}", ".only.feature[0]", '"chats"', "named under features"),
    ("units: 5, for: chat, once: true, only: {feature: [film]}", ".only.feature", "feature beside units", "no feature"),
    ("credits: 5, once: true, only: {subject: [ada]}", ".only.subject", 'the key "subject"', "other than subject"),
    ("credits: 5, once: true, only: {size: small}", ".only.size", '"small"', "a list of 1 to 1,000 values"),
]  # fmt: skip


def _gift(fragment):
    return with_plan(f"gives: [{{{fragment}}}]  #!")


@pytest.mark.parametrize(
    ("document", "path", "found", "expected"),
    [*cases(with_plan, PLANS), *cases(_gift, [(row[0], "plans.plus.gives[0]" + row[1], *row[2:]) for row in GIFTS])],
)
def test_a_mistake_names_its_place_what_was_found_and_what_was_expected(document, path, found, expected):
    check_mistake(document, path, found, expected)


def _plans(**follows):
    lines = [f"  {name}: {{lasts: 1d, then: {then}, rules: []}}" for name, then in follows.items() if then]
    lines += [f"  {name}: {{rules: []}}" for name, then in follows.items() if not then]
    return "spillover: 1\nfeatures: {chat: {count: requests}}\nplans:\n" + "\n".join(lines) + "\n"


# who follows whom | where a circle is reported
CIRCLES = [
    ({"a": "b", "b": "c", "c": ""}, []),
    ({"a": "c", "b": "c", "c": ""}, []),
    ({"a": "b", "b": "a"}, [("plans.a.then", "a circle (a -> b -> a)")]),
    ({"a": "b", "b": "c", "c": "b"}, [("plans.b.then", "a circle (b -> c -> b)")]),
    ({"a": "a", "b": "a", "c": "d", "d": "c"},
     [("plans.a.then", "a circle (a -> a)"), ("plans.c.then", "a circle (c -> d -> c)")]),
]  # fmt: skip


@pytest.mark.parametrize(("follows", "found"), CIRCLES)
def test_plans_that_follow_one_another_in_a_circle_are_refused_once_for_each_circle(follows, found):
    assert [(mistake.path, mistake.found) for mistake in mistakes(_plans(**follows))] == found


def test_a_plan_lasts_ten_years_at_most():
    [mistake] = mistakes(_plans(a="b", b="").replace("1d", "3654d"))
    assert (mistake.path, mistake.line, mistake.found) == ("plans.a.lasts", 4, '"3654d"')
    assert mistake.expected == "a time from 1s to 3653d (ten years)"


def test_two_gifts_of_a_plan_do_not_share_a_name_also_not_one_that_comes_from_the_place():
    gifts = "gives:\n  - {credits: 1, once: true, name: gift2}\n  - {credits: 1, once: true}  #!"
    [mistake] = mistakes(with_plan(gifts))
    assert (mistake.path, mistake.found) == ("plans.plus.gives[1].name", "the name gift2 twice in a plan")
