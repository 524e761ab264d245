"""The keys that a hot state is told again when it is put back: the newest of the books, and no more than needed."""

from __future__ import annotations

import pytest

from spillover.ledgers.books import epochs
from spillover.ledgers.books.tables import Row, Tables, Value
from spillover.model.commit import Remembered
from tests.ledger.support import PRICE, START, Books, included, paid
from tests.ledger.test_epochs import lived


def test_keys_are_those_of_events_at_or_after_an_instant(books: Books) -> None:
    hand = lived(books)
    at = {entry.key: START + 1000 * (number - 2) for number, entry in enumerate(hand.entries)}
    keys = books.standing(hand.account, at["b"]).keys
    assert keys == tuple(Remembered(key, 0, place, "f" * 32, at[key]) for key, place in (("b", 5), ("held", 6)))
    assert [one.key for one in books.standing(hand.account, 0).keys] == [entry.key for entry in hand.entries]
    assert books.standing(hand.account, at["held"] + 1).keys == ()


def test_a_key_that_came_again_is_remembered_as_its_caller_gave_it_and_once(books: Books) -> None:
    hand = lived(books)
    hand.use(paid(1, (1, PRICE)), key="b")
    hand.use(included(1), key="b", fingerprint="e" * 32)
    books.settle(*hand.entries)
    keys = books.standing(hand.account, 0).keys
    assert [(one.sequence, one.fingerprint) for one in keys if one.key == "b"] == [(5, "f" * 32)]
    assert not [one for one in keys if one.key.startswith("spillover:again")]
    late = books.standing(hand.account, hand.at).keys
    assert [(one.key, one.sequence) for one in late] == [("b", 8)]


def test_keys_are_looked_for_page_by_page_from_the_newest_on(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "KEYS_PAGE", 2)
    hand = lived(books)
    before = [entry.key for entry in hand.entries]
    hand.put_back(books.raise_epoch(hand.account))
    for number in range(4):
        hand.use(included(1), key=f"new {number}")
    books.settle(*hand.entries)
    every = before + [entry.key for entry in hand.entries]
    assert [one.key for one in books.standing(hand.account, 0).keys] == every
    assert [(one.epoch, one.sequence) for one in books.standing(hand.account, 0).keys][5:8] == [(0, 6), (1, 1), (1, 2)]
    young = books.standing(hand.account, hand.at - 2000).keys
    assert [one.key for one in young] == every[-3:]
    read = 0
    rows = type(books.ledger._reads).read

    def counted(desk, work):  # type: ignore[no-untyped-def]
        return rows(desk, lambda tables: work(Counting(tables)))

    class Counting:
        def __init__(self, tables: Tables) -> None:
            self._tables = tables

        def __getattr__(self, name: str) -> object:
            return getattr(self._tables, name)

        def rows(self, name: str, *values: Value) -> list[Row]:
            nonlocal read
            found = list(self._tables.rows(name, *values))
            read += len(found) if name == "epochs.keys" else 0
            return found

    monkeypatch.setattr(type(books.ledger._reads), "read", counted)
    assert [one.key for one in books.standing(hand.account, hand.at).keys] == every[-1:]
    assert read == 4  # a page that has a young one, and one that has none


def test_keys_are_the_newest_of_a_stated_number(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = lived(books)
    monkeypatch.setattr(epochs, "KEYS_PAGE", 2)
    for most in (1, 3, 5, 6):
        monkeypatch.setattr(epochs, "KEYS_MAX", most)
        found = books.standing(hand.account, 0).keys
        assert [one.key for one in found] == [entry.key for entry in hand.entries][-most:]
