"""A denial's sentence says what each limit counts, in words that agree with their numbers."""

from __future__ import annotations

import pytest

from spillover.core.unlocking import Unlock
from spillover.core.words import denial_sentence, grant_sentence, partial_sentence, unlock_sentence
from spillover.model.decision import Blocker, Overshoot, Verdict
from spillover.model.leg import Leg
from tests.engine.houses import engine, policy

CREDIT = 1_000_000
TEXT = """
spillover: 1
features:
  tokens:
    unit: credit
    count: cost
    price: [{input: 1000000, output: 1000000, per: 1M}]
  messages: {unit: message, count: requests, price: {credits: 1}}
plans:
  plus:
    rules:
      - for: [tokens]
        ceilings:
          - {name: calls, max: 1, of: requests, every: day, in: UTC}
          - {name: words, max: 50, of: input, every: day, in: UTC}
          - {name: people, max: 1, of: subjects, every: day, in: UTC}
          - {name: jobs, max: 1, of: open_holds}
          - {name: worth, max: 20, of: units, every: day, in: UTC}
        waterfall:
          - {from: allowance, windows: [{name: free, max: 1, of: requests, every: day, in: UTC}]}
          - from: units
          - from: credits
        spending: [{name: monthly, max: 30, every: month, in: UTC}]
      - for: [messages]
        ceilings:
          - {name: burst, max: 2, every: day, in: UTC}
          - {name: price, max: 9, of: credits, every: week, in: UTC}
        waterfall: [{from: allowance, windows: [{name: daily, max: 1, every: day, in: UTC}]}, {from: credits}]
"""
POLICY = policy(TEXT)
TOKENS, MESSAGES = POLICY.features["tokens"], POLICY.features["messages"]
OF_PLUS = POLICY.plans["plus"].by_feature


def said(feature, *blockers):
    sentence = denial_sentence(feature, Verdict(False, 1, 0, (), blockers), None, None, "UTC", OF_PLUS[feature.name])
    return sentence.removeprefix("denied: ")


@pytest.mark.parametrize(
    ("blocker", "sentence"),
    [
        (Blocker("ceiling", "calls", 0, 1), "the ceiling calls has room for 0 requests, 1 was asked"),
        (Blocker("ceiling", "calls", 1, 1), "the ceiling calls has room for 1 request, 2 were asked"),
        (Blocker("ceiling", "words", 50, 1), "the ceiling words has room for 50 input, 51 were asked"),
        (Blocker("ceiling", "people", 0, 1), "the ceiling people has room for 0 subjects, 1 was asked"),
        (Blocker("ceiling", "jobs", 0, 1), "the ceiling jobs has room for 0 open holds, 1 was asked"),
        (Blocker("ceiling", "worth", CREDIT, CREDIT), "the ceiling worth has room for 1 credit, 2 were asked"),
        (Blocker("ceiling", "worth", 0, CREDIT), "the ceiling worth has room for 0 credits, 1 was asked"),
        (Blocker("window", "free", 1, 1), "the window free has 1 request left"),
        (Blocker("units", "tokens", 500_000, 1), "0.5 credits gifted left"),
        (Blocker("bound", "legs", 1000, 1), "it would pass the bound of 1,000 legs"),
        (Blocker("bound", "units", CREDIT, 1), "it would pass the bound of 1 credit"),
    ],
)
def test_limits_of_a_feature_counted_by_cost_speak_of_what_they_count(blocker, sentence):
    assert said(TOKENS, blocker) == sentence


@pytest.mark.parametrize(
    ("blocker", "sentence"),
    [
        (Blocker("ceiling", "burst", 0, 1), "the ceiling burst has room for 0, 1 was asked"),
        (Blocker("ceiling", "burst", 1, 2), "the ceiling burst has room for 1, 3 were asked"),
        (Blocker("ceiling", "price", CREDIT, CREDIT), "the ceiling price has room for 1 credit, 2 were asked"),
        (Blocker("window", "daily", 1, 1, "subject", "ada"), "the window daily has 1 left for this subject"),
        (Blocker("spending", "monthly", CREDIT, 1), "the limit monthly leaves 1 credit"),
        (Blocker("spending", "monthly", 0, 1), "the limit monthly leaves 0 credits"),
        (Blocker("cap", "overage", CREDIT, 1), "the limit overage leaves 1 credit"),
        (Blocker("credits", "credits", CREDIT, 1), "1 credit left"),
        (Blocker("credits", "credits", CREDIT // 2, 1), "0.5 credits left"),
        (Blocker("units", "messages", 1, 1), "1 gifted unit left"),
        (Blocker("units", "messages", 2, 1), "2 gifted units left"),
        (Blocker("owed", "owed", 0, CREDIT), "1 credit is owed and has to be paid first"),
        (Blocker("owed", "owed", 0, 3 * CREDIT), "3 credits are owed and have to be paid first"),
        (Blocker("bound", "credits", 2 * CREDIT, 1), "it would pass the bound of 2 credits"),
        (Blocker("bound", "owed", 2 * CREDIT, 1), "it would pass the bound of 2 credits owed"),
        (Blocker("bound", "open holds", 0, 1), "it would pass the bound of 10,000 open holds"),
    ],
)
def test_limits_of_other_features_too(blocker, sentence):
    assert said(MESSAGES, blocker) == sentence


@pytest.mark.parametrize(
    ("remedy", "sentence"),
    [
        (Unlock(credits=CREDIT), "1 more credit unlocks it"),
        (Unlock(credits=3 * CREDIT), "3 more credits unlock it"),
        (Unlock(units=1), "1 message more as a gift unlocks it"),
        (Unlock(units=2), "2 messages more as a gift unlock it"),
        (Unlock("credits"), "consent to pay with credits unlocks it"),
        (Unlock("credits", CREDIT), "consent to pay with credits and 1 more credit unlock it"),
    ],
)
def test_what_unlocks_agrees_with_its_number(remedy, sentence):
    assert unlock_sentence(MESSAGES, remedy) == sentence


def test_what_was_paid_agrees_with_its_number():
    legs = (Leg("allowance", 1), Leg("credits", 1, CREDIT, CREDIT, ((1, CREDIT),)))
    beyond = Overshoot(2, CREDIT, 2 * CREDIT, CREDIT)
    assert grant_sentence(MESSAGES, legs, beyond) == (
        "1 message included, 1 message for 1 credit, 2 messages beyond what was there, 1 credit forgiven, 1 credit owed"
    )
    assert partial_sentence(MESSAGES, "x", 1) == "x; 1 message more was asked for"
    assert partial_sentence(MESSAGES, "x", 2) == "x; 2 messages more were asked for"


def test_the_engine_tells_requests_where_the_limit_counts_requests():
    with engine("memory://", policy=POLICY) as access:
        access.credits.add("acme", "9", key="nine")
        assert access.consume("acme", "tokens", usage={"input": 5})
        sentence = access.consume("acme", "tokens", usage={"input": 5}).denial.sentence
        assert sentence.startswith("denied: the ceiling calls has room for 0 requests, 1 was asked; it passes from ")


def test_a_hold_that_is_denied_more_speaks_of_the_limits_of_its_own_plan():
    free = TEXT + "  free:\n    rules: [{for: [tokens], waterfall: [{from: credits}]}]\n"
    with engine("memory://", policy=policy(free)) as access:
        access.credits.add("acme", "99", key="99")
        hold = access.open_hold("acme", "tokens", estimate={"input": 5}, key="h")
        assert hold
        access.accounts.plan("acme", "free")
        more = access.holds.extend("acme", "h", {"input": 60})
        assert "the ceiling words has room for 45 input, 55 were asked" in more.denial.sentence


def test_a_window_of_credits_gives_what_is_worth_them_and_is_no_balance():
    free = policy(TEXT.replace("{name: free, max: 1, of: requests", "{name: free, max: 1"))
    rule = free.plans["plus"].by_feature["tokens"]
    for room, words in ((0, "0 credits' worth left"), (CREDIT, "1 credit's worth left")):
        verdict = Verdict(False, 1, 0, (), (Blocker("window", "free", room, 1), Blocker("credits", "credits", 0, 1)))
        sentence = denial_sentence(TOKENS, verdict, None, None, "UTC", rule)
        assert sentence == f"denied: the window free has {words}, 0 credits left"


@pytest.mark.parametrize("kind", ["ceiling", "window", "spending"])
def test_a_denial_names_the_value_of_a_priced_attribute_and_no_other(kind):
    blocker = Blocker(kind, "daily", 0, 1, "team", "blue")

    def whom(*priced):
        sentence = denial_sentence(MESSAGES, Verdict(False, 1, 0, (), (blocker,)), None, None, "UTC", None, priced)
        return "team blue" if " for team blue" in sentence else "this team" if " for this team" in sentence else ""

    assert (whom("team"), whom("size"), whom()) == ("team blue", "this team", "this team")
    assert "blue" not in denial_sentence(MESSAGES, Verdict(False, 1, 0, (), (blocker,)), None, None, "UTC")


def test_a_layer_that_gave_twice_is_told_once():
    legs = (Leg("allowance", 60_000, 1, 0), Leg("credits", 5, 1, 5), Leg("allowance", 40_000, 1, 0))
    assert grant_sentence(TOKENS, legs) == "0.1 credits included, 0.000005 credits from credits"
    paid = (Leg("credits", 1, CREDIT, CREDIT), Leg("credits", 2, CREDIT, 2 * CREDIT))
    assert grant_sentence(MESSAGES, paid) == "3 messages for 3 credits"


def test_a_denial_shows_its_sentence_and_an_extension_all_that_is_held():
    with engine("memory://") as access:
        denial = access.consume("acme", "sora.seconds", 99).denial
        assert repr(denial) == f"Denial({denial.sentence!r})"
        access.credits.add("acme", "20", key="c")
        assert access.open_hold("acme", "sora.seconds", 8, key="h").held == ()
        more = access.holds.extend("acme", "h", {"seconds": 14})
        whole = "10 seconds included, 4 seconds for 4 credits"
        assert more.sentence == f"2 seconds included, 4 seconds for 4 credits; held in all: {whole}"
        assert access.holds.extend("acme", "h").sentence == f"nothing more; held in all: {whole}"
