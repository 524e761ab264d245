"""Open holds in the settled state: put, replaced, removed; a lot's balance keeps what they keep."""

from __future__ import annotations

import msgspec
import pytest

from spillover.model.hold import Hold
from tests.ledger.grounds import Ground
from tests.ledger.support import FEATURE, PRICE, Books, Hand, gifted, included, opened, paid, run
from tests.ledger.verifier import faults


@pytest.fixture
def hand(books: Books) -> Hand:
    return opened(books, "acme", ("credits", 4 * PRICE), ("credits", PRICE), (FEATURE, 5))


def kept(books: Books) -> list[tuple[str, int, Hold]]:
    rows = books.rows("SELECT id, due, record FROM settled_holds ORDER BY id")
    return [(id_, due, msgspec.json.decode(record, type=Hold)) for id_, due, record in rows]


def balances(books: Books) -> list[int]:
    return [balance for (balance,) in books.rows("SELECT balance FROM lots ORDER BY lot")]


def test_a_hold_is_kept_as_it_was_opened_then_as_it_was_extended_then_gone(hand: Hand) -> None:
    books, start = hand.books, [4 * PRICE, PRICE, 5]
    hold = hand.open(paid(1, (1, PRICE)), included(2))
    books.settle(*hand.entries)
    assert kept(books) == [(hold.id, hold.due, hold)]
    longer = hand.extend(hold, gifted(2, (3, 2)))
    books.settle(*hand.entries)
    assert kept(books) == [(hold.id, hold.due + 1, longer)]
    assert balances(books) == start, "nothing is charged before the end"
    assert books.one("SELECT value FROM settled_cells WHERE name = 'lot:3'") == 3
    hand.end(longer, "commit", paid(1, (1, PRICE)), gifted(1, (3, 1)))
    books.settle(*hand.entries)
    assert kept(books) == []
    assert balances(books) == [3 * PRICE, PRICE, 4]
    assert books.quarantined() == ()
    assert faults(books.image()) == []


def test_all_steps_in_one_batch_or_one_by_one_are_the_same(hand: Hand, ground: Ground) -> None:
    hold = hand.extend(hand.open(paid(1, (1, PRICE))), paid(1, (2, PRICE)))
    other = hand.open(gifted(1, (3, 1)))
    hand.end(hold, "release")
    hand.end(other, "expire")
    hand.late(other, gifted(1, (3, 1)))
    straight, slow = hand.books, ground.books()
    again = opened(slow, "acme", ("credits", 4 * PRICE), ("credits", PRICE), (FEATURE, 5))
    assert again.entries == hand.entries[: len(again.entries)]
    straight.settle(*hand.entries)
    for entry in hand.entries:
        assert slow.settle(entry).quarantined == 0
    assert straight.dump() == slow.dump()


def test_a_commit_of_more_than_was_held_draws_the_rest(hand: Hand) -> None:
    hold = hand.open(paid(1, (1, PRICE)))
    hand.end(hold, "commit", paid(4, (1, 3 * PRICE), (2, PRICE)))
    hand.books.settle(*hand.entries)
    assert balances(hand.books) == [PRICE, 0, 5]
    assert faults(hand.books.image()) == []


def test_several_holds_keep_of_one_lot_and_end_in_any_order(hand: Hand) -> None:
    first, second = hand.open(paid(2, (1, 2 * PRICE))), hand.open(paid(2, (1, 2 * PRICE)))
    hand.end(second, "commit", paid(1, (1, PRICE)))
    hand.books.settle(*hand.entries)
    assert [id_ for id_, _, _ in kept(hand.books)] == [first.id]
    assert balances(hand.books)[0] == 3 * PRICE
    assert hand.cells["lot:1"] == PRICE
    assert faults(hand.books.image()) == []


def test_an_end_of_a_hold_that_the_books_do_not_have_is_poison(hand: Hand) -> None:
    hold = hand.open(paid(1, (1, PRICE)))
    hand.end(hold, "release")
    hand.end(hold, "commit", paid(1, (1, PRICE)), key="another")
    hand.books.settle(*hand.entries)
    (one,) = hand.books.quarantined()
    assert f"hold {hold.id} is not open in the books" in one.reason


def test_a_poisonous_opening_is_known_nevertheless_so_its_end_can_be_booked(hand: Hand) -> None:
    hold = hand.open(paid(1, (1, PRICE)), granted=7)
    hand.books.settle(*hand.entries)
    assert kept(hand.books) == [(hold.id, hold.due, hold)], "the hot state has it too"
    hand.end(hold, "commit", paid(1, (1, PRICE)))
    hand.books.settle(*hand.entries)
    assert [one.sequence for one in hand.books.quarantined()] == [4 + 1]
    assert balances(hand.books)[0] == 3 * PRICE
    assert kept(hand.books) == []


def test_a_poisonous_end_takes_its_hold_away_as_in_the_hot_state(hand: Hand) -> None:
    hold = hand.open(paid(1, (1, PRICE)))
    hand.end(hold, "commit", paid(1, (1, PRICE)), granted=7)
    hand.books.settle(*hand.entries)
    assert len(hand.books.quarantined()) == 1
    assert kept(hand.books) == []
    assert faults(hand.books.image()) == []


def test_a_gap_leaves_holds_as_they_are(hand: Hand) -> None:
    hold = hand.open(paid(1, (1, PRICE)))
    hand.use(included(1))
    hand.end(hold, "release")
    missing = hand.entries.pop(-2)
    assert len(hand.books.settle(*hand.entries).parked) == 1
    assert [id_ for id_, _, _ in kept(hand.books)] == [hold.id]
    hand.books.settle(missing, hand.entries[-1])
    assert kept(hand.books) == []


def test_a_lot_on_which_a_hold_draws_stays_in_the_profile(hand: Hand) -> None:
    hold = hand.open(paid(1, (2, PRICE)))
    hand.books.settle(*hand.entries)
    assert [lot.id for lot in hand.books.put(zone="Asia/Tokyo").lots] == [1, 2, 3]
    hand.end(hold, "commit", paid(1, (2, PRICE)))
    hand.books.settle(*hand.entries)
    assert [lot.id for lot in hand.books.put(zone="UTC").lots] == [1, 3]


def test_usage_counts_what_was_used_and_not_what_was_held(hand: Hand) -> None:
    hold = hand.extend(hand.open(paid(1, (1, PRICE)), key="caller's"), paid(1, (2, PRICE)))
    gone = hand.open(paid(1, (1, PRICE)))
    hand.end(hold, "commit", paid(1, (1, PRICE)))
    hand.end(gone, "expire")
    hand.late(gone, paid(2, (1, 2 * PRICE)))
    hand.books.settle(*hand.entries)
    ((row,), ledger) = run(hand.books.ledger.usage(hand.account)).rows, hand.books.ledger
    assert (row.requests, row.units, row.charged) == (2, 3, 3 * PRICE)
    opening, end = run(ledger.event_by_key(hand.account, "caller's")), run(
        ledger.event_by_key(hand.account, f"spillover:end:{hold.id}")
    )  # fmt: skip
    assert opening is not None
    assert (opening.event.kind, opening.charge) == ("hold", None)
    assert end is not None
    assert end.event.kind == "commit"
    assert end.charge is not None
    assert end.charge.amount == PRICE
    facts = hand.books.rows("SELECT kind, ends, late, estimated FROM usage_facts WHERE sequence > 4 ORDER BY sequence")
    assert facts == [
        ("hold", None, 0, 0), ("extend", None, 0, 0), ("hold", None, 0, 0), ("commit", hold.id, 0, 0),
        ("expire", gone.id, 0, 0), ("commit", gone.id, 1, 0),
    ]  # fmt: skip
