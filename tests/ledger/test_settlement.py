"""Settlement books every event once: in whatever order, however often, and by however many settlers it comes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from spillover.ledgers.books.tables import Tables
from spillover.model.event import StreamEntry
from spillover.ports import Settled
from tests.ledger.grounds import Ground
from tests.ledger.support import FEATURE, PRICE, Books, Hand, gifted, included, opened, overage, paid, story
from tests.ledger.verifier import faults

GRANTS = (("credits", 20 * PRICE), ("credits", 9 * PRICE), (FEATURE, 12))


def two_accounts(books: Books, seed: int, length: int = 120) -> list[StreamEntry]:
    return story([opened(books, "acme", *GRANTS), opened(books, "bolt", *GRANTS)], seed, length)


def whole(books: Books) -> dict[str, list[tuple[object, ...]]]:
    assert faults(books.image()) == []
    return books.dump()


def test_a_batch_becomes_three_data_sets_and_their_projections(books: Books) -> None:
    hand = opened(books, "acme", ("credits", 3 * PRICE), ("credits", PRICE), (FEATURE, 5))
    one = hand.use(included(1), gifted(5, (3, 5)), paid(4, (1, 3 * PRICE), (2, PRICE)), overage(2), key="mixed")
    two = hand.use(included(1), key="free")
    assert books.settle(*hand.entries) == Settled(tuple(hand.entries), (), 0)

    assert books.rows("SELECT epoch, sequence, key, payload FROM usage_events WHERE sequence > 4") == [
        (0, 5, "mixed", one.payload), (0, 6, "free", two.payload),
    ]  # fmt: skip
    assert books.rows("SELECT number, epoch, sequence, amount, legs FROM monetization_events") == [
        (1, 0, 5, 6 * PRICE, '[["credits",4,5000000,20000000],["overage",2,5000000,10000000]]')
    ]
    assert books.rows(
        "SELECT number, kind, measure, lot, delta, source, target, lot_after, account_after, cause, reason, actor"
        " FROM balance_updates WHERE account = ? ORDER BY number", hand.account
    ) == [
        (1, "grant", "credits", 1, 15000000, "purchases", "lot/1", 15000000, 15000000, "acme 0", "top-up", "ops"),
        (2, "grant", "credits", 2, 5000000, "purchases", "lot/2", 5000000, 20000000, "acme 1", "top-up", "ops"),
        (3, "grant", FEATURE, 3, 5, "purchases", "lot/3", 5, 5, "acme 2", "top-up", "ops"),
        (4, "debit", FEATURE, 3, -5, "lot/3", f"revenue/{FEATURE}", 0, 0, "0.5", "usage", "account"),
        (5, "debit", "credits", 1, -15000000, "lot/1", f"revenue/{FEATURE}", 0, 5000000, "0.5", "usage", "account"),
        (6, "debit", "credits", 2, -5000000, "lot/2", f"revenue/{FEATURE}", 0, 0, "0.5", "usage", "account"),
        (7, "overage", "credits", 0, 10**7, "receivable", f"revenue/{FEATURE}", 0, 10**7, "0.5", "usage", "account"),
    ]  # fmt: skip
    assert books.rows("SELECT lot, granted, balance, spent FROM lots ORDER BY lot") == [
        (1, 3 * PRICE, 0, 3 * PRICE), (2, PRICE, 0, PRICE), (3, 5, 0, 5),
    ]  # fmt: skip
    assert books.rows("SELECT measure, granted, spent, balance, receivable, owed FROM account_balances ORDER BY 1") == [
        (FEATURE, 5, 5, 0, 0, 0), ("credits", 4 * PRICE, 4 * PRICE, 0, 2 * PRICE, 0),
    ]  # fmt: skip
    assert books.rows("SELECT name, value FROM settled_cells") == [("t", hand.at)]
    assert faults(books.image()) == []


def test_the_same_batch_twice_is_booked_once(books: Books) -> None:
    entries = two_accounts(books, seed=1)
    assert books.settle(*entries).quarantined == 0
    once = whole(books)
    assert books.settle(*entries) == Settled(tuple(entries), (), 0)
    assert books.dump() == once


@pytest.mark.parametrize("seed", range(8))
def test_any_order_any_cut_and_any_repetition_end_in_the_same_books(ground: Ground, seed: int) -> None:
    straight, shaken = ground.books(), ground.books()
    entries = two_accounts(straight, seed)
    assert two_accounts(shaken, seed) == entries
    straight.settle(*entries)

    pick = random.Random(seed)
    waiting = entries * 2
    pick.shuffle(waiting)
    while waiting:
        size = pick.randint(1, 40)
        answer = shaken.settle(*waiting[:size])
        assert answer.quarantined == 0
        waiting = waiting[size:] + list(answer.parked)
    assert whole(shaken) == whole(straight)


def test_a_gap_parks_that_account_only(books: Books) -> None:
    late, ready = opened(books, "late"), opened(books, "ready")
    for hand in (late, ready):
        for _ in range(4):
            hand.use(included(1))
    missing = late.entries[2]
    sent = [entry for entry in (*late.entries, *ready.entries) if entry != missing]
    assert books.settle(*sent) == Settled((*late.entries[:2], *ready.entries), tuple(late.entries[3:]), 0)
    assert books.one("SELECT settled_sequence FROM accounts WHERE id = ?", late.account) == 2
    assert books.settle(missing, *late.entries[3:]).parked == ()
    assert faults(books.image()) == []


def test_an_event_of_a_newer_epoch_waits_for_the_ledger_to_raise_it(books: Books) -> None:
    hand = opened(books)
    hand.epoch = 1
    ahead = hand.use(included(1))
    assert books.settle(*hand.entries).parked == (ahead,)


def test_cells_are_folded_with_their_floors_and_vanish_at_zero(books: Books) -> None:
    hand = opened(books)
    steps = [(("a", 10, 5),), (("a", None, -5),), (("a", 7, 0), ("b", None, 3)), (("a", None, -10), ("b", None, -4))]
    for changes in steps:
        hand.use(included(1), changes=changes)
    books.settle(*hand.entries[:4])
    assert dict(books.rows("SELECT name, value FROM settled_cells")) == {"a": 10, "b": 3, "t": hand.at - 1000}
    books.settle(*hand.entries[4:])
    assert dict(books.rows("SELECT name, value FROM settled_cells")) == {"b": -1, "t": hand.at}


def test_a_grant_beside_the_settler_is_seen_under_the_lock(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = opened(books, "acme", ("credits", 10 * PRICE))
    hand.use(paid(1, (1, PRICE)))
    desk = books.ledger._books
    write = desk.write

    def grant_first(work: Callable[[Tables], object]) -> object:
        monkeypatch.setattr(desk, "write", write)
        books.grant(hand.account, 7, key="in between")
        return write(work)

    monkeypatch.setattr(desk, "write", grant_first)
    books.settle(*hand.entries)
    assert faults(books.image()) == []
    assert [row[0] for row in books.rows("SELECT kind FROM balance_updates ORDER BY number")] == [
        "grant",
        "grant",
        "debit",
    ]


def test_settlers_side_by_side_book_everything_once(filed: Books) -> None:
    first, second = filed, filed.again()
    hands = [opened(first, f"account {number}", *GRANTS) for number in range(4)]
    entries = story(hands, 3, 300)
    broken: list[BaseException] = []

    def work(books: Books, seed: int) -> None:
        try:
            pick = random.Random(seed)
            waiting = list(entries)
            while waiting:
                size = pick.randint(1, 60)
                answer = books.settle(*waiting[:size])
                assert not answer.quarantined
                waiting = waiting[size:] + list(answer.parked)
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=work, args=(books, seed)) for seed, books in enumerate((first, second))]
    for thread in threads:
        thread.start()
    for number in range(20):
        first.grant(hands[0].account, 5, key=f"meanwhile {number}")
    for thread in threads:
        thread.join()
    assert not broken
    assert faults(first.source) == []
    assert first.one("SELECT count(*) FROM usage_events") == len(entries)
    second.close()


def test_an_account_without_events_has_empty_whole_books(books: Books) -> None:
    Hand(books, books.put().account)
    assert faults(books.image()) == []
    assert books.settle() == Settled((), (), 0)


def test_the_log_is_copied_into_the_file_as_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spillover.ledgers.sqlite.opening.CHECKPOINT_PAGES", 50)
    books = Books(tmp_path / "books.db")
    hand = opened(books)
    for _ in range(600):
        hand.use(included(1))
    for start in range(0, len(hand.entries), 20):
        books.settle(*hand.entries[start : start + 20])
    assert (tmp_path / "books.db-wal").stat().st_size < 150 * 4096
    books.close()
