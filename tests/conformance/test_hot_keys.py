"""A key is decided once: sent again it answers the event that it made, for as long as the books live."""

import pytest

from spillover.model.commit import Committed, Duplicate
from tests.conformance.support import MOST, Hot, Rung, add, denial, grant, kinds, push


def test_a_key_sent_again_answers_its_event_and_changes_nothing(hot: Hot, rung: Rung):
    item = grant(add("a", 1), key="k", fingerprint="f", payload=b"e")
    hot.commit(item, grant(add("a", 1)))
    before = hot.load(1, "a"), hot.read()
    for store in (hot, rung.open()):
        assert store.commit(item, item) == [Duplicate(1, 1, "f", b"e")] * 2
    assert (hot.load(1, "a"), hot.read()) == before


def test_a_key_twice_in_one_batch_is_applied_once(hot: Hot):
    item = grant(add("a", 1), key="k", fingerprint="f", payload=b"e")
    outcomes = hot.commit(item, grant(add("a", 1)), item, item)
    assert outcomes == [Committed(1, {"a": 1}), Committed(2, {"a": 2}), *[Duplicate(1, 1, "f", b"e")] * 2]


def test_a_known_key_answers_the_first_request_whatever_comes_under_it_now(hot: Hot):
    hot.one(grant(key="k", fingerprint="first", payload=b"first"))
    second = grant(key="k", fingerprint="second", payload=b"second")
    assert hot.one(second) == Duplicate(1, 1, "first", b"first")


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(grant(add("a", 1, high=0), key="k"), id="outside its box"),
        pytest.param(grant(key="k", version=9), id="another version"),
        pytest.param(grant(key="k", epoch=9), id="another epoch"),
        pytest.param(denial(key="k", denied=("f", "window", 1)), id="a denial"),
        pytest.param(denial(add("a", 0, high=0), key="k"), id="a denial outside its box"),
        pytest.param(push(1, key="k"), id="a push"),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_a_known_key_is_a_duplicate_before_anything_else_is_checked(hot: Hot, rung: Rung, late, together):
    first = grant(add("a", 1), key="k")
    calls: list[int] = []
    again = lambda index, state: calls.append(index)  # noqa: E731
    if together:
        outcome = hot.commit(first, late, again=again)[1]
    else:
        hot.one(first)
        outcome = rung.open().one(late, again=again)
    assert outcome == Duplicate(1, 1, first.fingerprint, first.payload or b"")
    assert not calls
    assert not rung.denials()


def test_the_same_key_of_another_account_is_another_key(hot: Hot):
    assert kinds(hot.commit(grant(key="k", account=1), grant(key="k", account=2), grant(key="k", account=1))) == "ccd"


def test_a_key_answers_as_before_after_its_event_was_acknowledged(hot: Hot, rung: Rung):
    item = grant(add("a", 1), key="k", fingerprint="f", payload=b"e")
    hot.one(item)
    rung.book(hot.read())
    hot.acknowledge(hot.read())
    assert kinds(hot.commit(*(grant() for _ in range(3)))) == "ccc"
    for store in (hot, rung.open()):
        assert store.one(item) == Duplicate(1, 1, "f", b"e")
    assert hot.values(1, "a") == (1,)


def test_keys_are_compared_exactly(hot: Hot, rung: Rung):
    keys = [
        "k",
        "K",
        "k ",
        " k",
        "",
        "é",
        "e\u0301",
        "ß",
        "ss",
        "🌊",
        "\uff4b",
        "1",
        "'; --",
        "k" * 256,
        *["\x00", "k\x00", "k\x00a"] * rung.nul,
    ]
    assert kinds(hot.commit(*(grant(key=key) for key in keys))) == "c" * len(keys)
    assert kinds(rung.open().commit(*(grant(key=key) for key in keys))) == "d" * len(keys)
    assert [entry.key for entry in hot.read()] == keys


def test_the_key_of_a_conflict_stays_free(hot: Hot):
    assert kinds(hot.commit(grant(add("a", 1, low=1), key="k"), grant(add("a", 1), key="k"))) == "xc"


def test_a_denial_changes_and_remembers_nothing(hot: Hot, rung: Rung):
    hot.one(push(1, add("a", 5)))
    before = hot.load(1, "a"), hot.read()
    item = denial(("a", 5, 5, 9, 3), key="k", version=1, denied=("f", "window", 1))
    assert hot.commit(item, item) == [Committed(1, {"a": 5})] * 2
    assert (hot.load(1, "a"), hot.read()) == (rung.open().load(1, "a"), rung.open().read()) == before
    assert kinds(hot.commit(grant(add("a", -5), key="k", version=1))) == "c"


@pytest.mark.parametrize(("epoch", "version", "high"), [(2, 1, MOST), (1, 0, MOST), (1, 2, MOST), (1, 1, 4)])
def test_a_denial_is_checked_like_any_decision(hot: Hot, rung: Rung, epoch, version, high):
    hot.one(push(1, add("a", 5)))
    item = denial(add("a", 0, high=high), epoch=epoch, version=version, denied=("f", "window", 1))
    assert kinds(hot.commit(item)) == "x"
    assert not rung.denials()


def test_confirmed_denials_are_counted_per_account_feature_reason_and_minute(hot: Hot, rung: Rung):
    places = [(1, "f", "window", 5)] * 3 + [(2, "f", "window", 5), (1, "g", "window", 5), (1, "f", "credits", 5)]
    places += [(1, "f", "window", 6)]
    for _ in range(2):
        hot.commit(*(denial(account=account, denied=tuple(rest)) for account, *rest in places), denial())
    assert rung.denials() == {place: 2 * places.count(place) for place in places}
    assert hot.read() == []
