"""For whom limits count (`per`), with `when_missing`; how many values an account may have (law 14)."""

from __future__ import annotations

import pytest

from spillover.core.scopes import SCOPES
from spillover.model.request import Request
from tests.rules.house import START, House, told
from tests.rules.story import Case, rules_of, tell

FREE = "waterfall: [{from: overage}]"

CASES = [
    Case(
        "a ceiling per subject counts each subject, and the account itself, apart",
        "ceilings: [{name: c, max: 2, every: day, in: UTC, per: subject}], " + FREE,
        """
        0 | use 2 by=ada | overage 2 (10)
          | use 1 by=ada | denied: ceiling c
          | use 2 by=bob | overage 2 (10)
          | use 2 | overage 2 (10)
          | use 1 | denied: ceiling c
        """,
    ),
    Case(
        "a limit per attribute counts each value apart, and denies where it is missing",
        "ceilings: [{name: c, max: 2, every: day, in: UTC, per: team}], " + FREE,
        """
        0 | use 2 team=red | overage 2 (10)
          | use 1 team=red | denied: ceiling c
          | use 1 team=blue | overage 1 (5)
          | use 1 | denied: attribute team
        """,
    ),
    Case(
        "when_missing: skip passes a limit by that a request has no value for",
        "ceilings: [{name: c, max: 2, every: day, in: UTC, per: team, when_missing: skip}], " + FREE,
        """
        0 | use 9 | overage 9 (45)
          | use 3 team=red | denied: ceiling c
          | use 2 team=red | overage 2 (10)
        """,
    ),
    Case(
        "values of an attribute that look like parts of one another count apart",
        "ceilings: [{name: c, max: 1, every: day, in: UTC, per: team}], " + FREE,
        """
        0 | use 1 team=a | overage 1 (5)
          | use 1 team=a:used | overage 1 (5)
          | use 1 team=a%3Aused | overage 1 (5)
          | use 1 team=@a | overage 1 (5)
          | use 1 team=a:used | denied: ceiling c
        """,
    ),
    Case(
        "an attribute that a limit needs only of other requests may be missing",
        "ceilings: [{name: c, max: 1, every: day, in: UTC, per: team, only: {size: [large]}}], " + FREE,
        """
        0 | use 9 size=small | overage 9 (45)
          | use 1 size=large | denied: attribute team
          | use 1 size=large team=red | overage 1 (5)
          | use 1 size=large team=red | denied: ceiling c
          | use 1 size=small team=red | overage 1 (5)
        """,
    ),
]


@rules_of(CASES)
def test_scope_values(case):
    tell(case)


SCOPED = "ceilings: [{name: c, max: 5, %s, per: subject}], waterfall: [{from: overage}]"

BOUND = [
    # sentence | window | live scope values before | answer of a new subject
    ("a scope value that is the account's ten-thousandth lives", "every: day, in: UTC", 9_999, "overage 1 (5)"),
    (
        "a scope value beyond ten thousand is refused by name",
        "every: day, in: UTC",
        10_000,
        "denied: bound scope values",
    ),
    ("a sliding window's scope values are bounded too", "sliding: 1h", 10_000, "denied: bound scope values"),
    ("a bucket's scope values are bounded too", "refill: 1m", 10_000, "denied: bound scope values"),
    ("scope values for ever are bounded too", "ever: true", 10_000, "denied: bound scope values"),
]


@pytest.mark.parametrize(("sentence", "window", "live", "answer"), BOUND, ids=[case[0] for case in BOUND])
def test_scope_values_are_bounded(sentence, window, live, answer):
    house = House(SCOPED % window)
    assert told(house.ask(1, subject="ada")) == "overage 1 (5)"
    assert house.cells[SCOPES] == 1
    house.cells[SCOPES] = live
    assert told(house.ask(1, subject="bob")) == answer, sentence
    assert told(house.ask(1, subject="ada")) == "overage 1 (5)", "one that lives goes on"
    assert house.cells[SCOPES] == 10_000


def test_each_scope_value_of_each_limit_counts_towards_the_bound():
    house = House(
        "ceilings: [{name: a, max: 5, ever: true, per: subject}, {name: b, max: 5, ever: true, per: subject},"
        " {name: seats, max: 5, of: subjects, ever: true}], waterfall: [{from: overage}]"
    )
    house.ask(1, subject="ada")
    assert house.cells[SCOPES] == 3
    house.cells[SCOPES] = 9_998
    assert told(house.ask(1, subject="bob")) == "denied: bound scope values"
    house.cells[SCOPES] = 9_997
    assert told(house.ask(1, subject="bob")) == "overage 1 (5)"


@pytest.mark.parametrize(("holds", "answer"), [(9_999, "overage 1 (5)"), (10_000, "denied: bound open holds")])
def test_open_holds_of_an_account_are_bounded(holds, answer):
    house = House("waterfall: [{from: overage}]")
    house.cells["holds"] = holds
    request = Request(1, "f", {"seconds": 1}, "k", hold=60_000)
    assert told(house.decide(request, START)) == answer
