"""A shadow beside the live engine: it sees each decision once, after it, and can neither change nor fail it."""

from __future__ import annotations

import logging

import pytest

import spillover
from spillover.access.beside import Beside
from tests.engine.houses import POLICY, URLS, clock, engine, policy, url_of

TOKENS, SECONDS = "codex.tokens", "sora.seconds"
DEARER = policy(POLICY.replace("count: seconds, price: {credits: 1}", "count: seconds, price: {credits: 3}"))


class Notebook:
    """A shadow that writes down what it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple] = []

    def take(self, account, profile, request, at, answer, *, policy, left, sentence) -> None:
        lots = tuple(left().items())
        self.seen.append((account, request.feature, request.usage, answer.allowed, answer.granted, lots, sentence()))

    def comparison(self):
        return tuple(self.seen)


@pytest.fixture(params=URLS)
def house(request, tmp_path):
    turning = clock()
    with engine(url_of(request.param, tmp_path), clock=turning) as access:
        access.credits.add("acme", "1", key="c")
        notebook = Notebook()
        access.watched_by(Beside(notebook, access.desk.store))
        yield access, turning, notebook


def test_each_decision_is_given_once_with_what_the_lots_had_before_it(house):
    access, *_ = house
    access.consume("acme", TOKENS, {"output": 1000}, key="k")
    access.consume("acme", TOKENS, {"output": 1000}, key="k")
    denied = access.consume("acme", TOKENS, {"output": 100_000}, key="big")
    access.check("acme", TOKENS, {"output": 1})
    access.record("acme", TOKENS, {"output": 500}, key="r")
    assert access.shadow == (
        ("acme", TOKENS, {"output": 1000}, True, 10_000, ((1, 1_000_000),), "0.01 credits from credits"),
        ("acme", TOKENS, {"output": 100_000}, False, 0, ((1, 990_000),), denied.sentence),
        ("acme", TOKENS, {"output": 500}, True, 5000, ((1, 990_000),), "0.005 credits from credits"),
    )


def test_of_a_batch_each_is_given_with_what_was_left_before_just_that_one(house):
    access, _, notebook = house
    asks = [{"account": "acme", "feature": TOKENS, "usage": {"output": 1000}, "key": f"{n}"} for n in range(3)]
    access.consume_many(asks)
    assert [lots for *_, lots, _ in notebook.seen] == [((1, 1_000_000),), ((1, 990_000),), ((1, 980_000),)]


def test_of_a_hold_its_commit_is_given_and_an_opening_only_if_it_was_denied(house):
    access, turning, notebook = house
    access.open_hold("acme", TOKENS, {"output": 1000}, key="h")
    assert notebook.seen == []
    access.holds.commit("acme", "h", {"output": 300})
    access.open_hold("acme", TOKENS, key="released")
    access.holds.release("acme", "released")
    access.open_hold("acme", TOKENS, {"output": 200_000}, key="denied")
    access.open_hold("acme", TOKENS, {"output": 1000}, key="late")
    turning.turn(seconds=62)
    access.tend()
    access.holds.commit("acme", "late", {"output": 100})
    assert [(usage, allowed, granted, lots) for _, _, usage, allowed, granted, lots, _ in notebook.seen] == [
        ({"output": 300}, True, 3000, ((1, 1_000_000),)),
        ({"output": 200_000}, False, 0, ((1, 997_000),)),
        ({"output": 100}, True, 1000, ((1, 997_000),)),
    ]


def test_what_it_fails_with_is_kept_and_logged_once_and_the_live_answer_stands(house, caplog):
    access, _, notebook = house

    def failing(*args, **options) -> None:
        raise ZeroDivisionError("planted")

    notebook.take = failing
    with caplog.at_level(logging.WARNING, logger="spillover"):
        for number in range(3):
            assert access.consume("acme", TOKENS, {"output": 1}, key=f"{number}")
    assert isinstance(access.trouble, ZeroDivisionError)
    assert len(caplog.records) == 1
    assert "live answers are not touched" in caplog.records[0].message


@pytest.mark.parametrize("face", ["plain", "async"])
@pytest.mark.parametrize("kind", URLS)
def test_a_policy_in_shadow_mode_reports_what_it_would_have_charged(face, kind, tmp_path):
    (tmp_path / "dearer.yaml").write_text(DEARER.document)
    for number, shadow in enumerate((DEARER, tmp_path / "dearer.yaml")):
        path = tmp_path / f"{number}"
        path.mkdir()
        with engine(url_of(kind, path), face, clock=clock(), shadow=shadow) as access:
            access.credits.add("acme", "100", key="c")
            assert access.consume("acme", SECONDS, 15, key="k").charged == 5_000_000
            assert access.trouble is None
            told = access.shadow
            charged = (told.present.charged.micro_credits, told.proposed.charged.micro_credits)
            assert charged == (5_000_000, 15_000_000)
            assert access.balance("acme").credits == 95_000_000, "it changed nothing"


def test_without_a_shadow_there_is_nothing_to_tell_and_a_wrong_one_is_refused(tmp_path):
    with engine("memory://", clock=clock()) as access:
        assert access.shadow is None
    with pytest.raises(spillover.InvalidInput, match=r"^shadow: found"):
        spillover.connect(f"sqlite:///{tmp_path}/x.db", policy=policy(), shadow=5)
    assert not list(tmp_path.iterdir())
