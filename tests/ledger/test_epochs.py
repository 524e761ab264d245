"""Rebuilding from the books: the settled state to put back, the fence before it, and the terms that come again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from spillover.model.commit import OpenHold, Place, Standing
from spillover.model.errors import Contended, InvalidInput, UnknownName
from spillover.model.event import StreamEntry
from spillover.model.reports import RaisedEpoch
from tests.ledger.hand import decode_hold
from tests.ledger.support import PRICE, START, Books, Hand, included, opened, paid, run
from tests.ledger.verifier import faults


def lived(books: Books) -> Hand:
    """An account with two lots, usage of both kinds and an open hold; all of it settled."""
    hand = opened(books, "acme", ("credits", 5 * PRICE), ("credits", 5 * PRICE))
    hand.use(included(2), key="a", changes=(("w:used", None, 2),))
    hand.use(paid(1, (1, PRICE)), key="b")
    hand.open(paid(2, (1, 2 * PRICE)), key="held")
    books.settle(*hand.entries)
    return hand


def there(hand: Hand) -> dict[str, int]:
    return {name: value for name, value in hand.cells.items() if value}


def test_the_settled_state_is_that_of_the_hot_state_at_the_same_place(books: Books) -> None:
    hand = lived(books)
    found = books.standing(hand.account)
    assert (found.account, found.epoch, found.sequence, found.shut, found.keys) == (hand.account, 0, 6, False, ())
    assert found.profile == run(books.ledger.profile_of(hand.account, 3))
    assert found.cells == there(hand)
    ((id_, hold),) = hand.holds.items()
    assert [(one.account, one.id, one.due) for one in found.holds] == [(hand.account, id_, hold.due)]
    assert decode_hold(found.holds[0].record) == hold


def test_holds_stand_in_the_order_of_their_ids(books: Books) -> None:
    hand = opened(books, "acme", ("credits", 9 * PRICE))
    for number in range(6):
        hand.open(paid(1, (1, PRICE)), key=f"held {number}")
    books.settle(*hand.entries)
    assert [hold.id for hold in books.standing(hand.account).holds] == sorted(hand.holds)


def test_the_settled_state_stays_behind_what_is_not_settled(books: Books) -> None:
    hand = lived(books)
    before = books.standing(hand.account)
    hand.use(paid(1, (1, PRICE)))
    books.grant(hand.account, PRICE, key="new")
    hand.push()
    assert books.standing(hand.account) == before


def test_an_account_of_which_nothing_is_settled_has_no_profile_yet(books: Books) -> None:
    account = books.put().account
    assert books.standing(account, 0) == Standing(account, 0, 0, None, {})


def test_places_are_those_of_the_last_settled_event_page_by_page(books: Books) -> None:
    accounts = sorted(opened(books, f"acme {number}").account for number in range(5))
    hand = opened(books, "bolt")
    books.settle(*hand.entries)
    books.raise_epoch(hand.account)
    want = sorted([(account, 0, 0, 0) for account in accounts] + [(hand.account, 1, 0, 1)])
    assert run(books.ledger.places()) == [Place(*one) for one in want]
    first = run(books.ledger.places(limit=2))
    assert run(books.ledger.places(limit=10, after=first[-1].account)) == [Place(*one) for one in want[2:]]
    with pytest.raises(InvalidInput):
        run(books.ledger.places(limit=0))


def test_a_raise_counts_the_epoch_up_and_says_who_when_and_why(books: Books) -> None:
    hand = lived(books)
    before = books.standing(hand.account, 0)
    found = books.raise_epoch(hand.account, at=START + 500_000)
    assert found == Standing(hand.account, 1, 0, before.profile, before.cells, before.holds, before.keys)
    assert books.standing(hand.account, 0) == found
    assert run(books.ledger.epochs(hand.account)) == [RaisedEpoch(hand.account, 1, 6, START + 500_000, "lost", "ops")]
    assert faults(books.image()) == []


def test_a_repeated_raise_changes_nothing_and_gives_the_same_state(books: Books) -> None:
    hand = lived(books)
    found = books.raise_epoch(hand.account)
    before = books.dump()
    assert books.raise_epoch(hand.account, at=START + 9) == found
    assert books.raise_epoch(hand.account, epoch=7) == found
    assert books.dump() == before
    assert books.raise_epoch(hand.account, epoch=1).epoch == 2


def test_who_wants_to_be_the_first_to_raise_it_is_told_that_another_was(books: Books) -> None:
    hand = lived(books)
    raises = {"at": START, "reason": "lost", "actor": "ops", "first": True}
    assert run(books.ledger.raise_epoch(hand.account, epoch=0, **raises)).epoch == 1
    before = books.dump()
    with pytest.raises(Contended):
        run(books.ledger.raise_epoch(hand.account, epoch=0, **raises))
    assert books.dump() == before


def test_raises_at_once_raise_it_once(filed: Books) -> None:
    hand = lived(filed)
    others = [filed.again(seed=number) for number in range(4)]
    together = threading.Barrier(len(others))

    def raise_it(books: Books) -> int:
        together.wait()
        return books.raise_epoch(hand.account).epoch

    with ThreadPoolExecutor(len(others)) as pool:
        assert set(pool.map(raise_it, others)) == {1}
    assert len(run(filed.ledger.epochs(hand.account))) == 1
    for books in others:
        books.close()


@pytest.mark.parametrize("wrong", [{"epoch": -1}, {"epoch": 1.0}, {"epoch": True}, {"at": -1}, {"reason": "x" * 1001}])
def test_a_raise_refuses_what_the_books_cannot_hold(books: Books, wrong: dict[str, object]) -> None:
    hand = lived(books)
    before = books.dump()
    values: dict[str, object] = {"epoch": 0, "at": START, "reason": "lost", "actor": "ops"} | wrong
    with pytest.raises(InvalidInput):
        run(books.ledger.raise_epoch(hand.account, **values))  # type: ignore[arg-type]
    assert books.dump() == before


def test_an_account_that_never_was_has_no_state(books: Books) -> None:
    with pytest.raises(UnknownName):
        books.standing(4711)
    with pytest.raises(UnknownName):
        books.raise_epoch(4711)
    assert run(books.ledger.epochs(4711)) == []


def test_books_and_chains_go_on_in_the_new_epoch(books: Books) -> None:
    hand = lived(books)
    hand.put_back(books.raise_epoch(hand.account))
    hand.use(paid(1, (1, PRICE)), key="c")
    (hold,) = hand.holds.values()
    hand.end(hold, "commit", paid(1, (1, PRICE)))
    assert books.settle(*hand.entries).quarantined == 0
    assert books.rows("SELECT epoch, settled_sequence, usage_count FROM accounts") == [(1, 2, 8)]
    assert books.rows("SELECT cause FROM balance_updates WHERE kind = 'debit'") == [("0.5",), ("1.1",), ("1.2",)]
    assert books.refund(hand.account, "c").units == 1
    hand.push()
    books.settle(*hand.entries)
    hand.put_back(books.raise_epoch(hand.account, epoch=1))
    hand.use(paid(1, (1, PRICE)), key="d")
    books.settle(*hand.entries)
    assert [one.ended for one in run(books.ledger.epochs(hand.account))] == [6, 3]
    assert books.standing(hand.account).cells == there(hand)
    assert faults(books.image()) == []


def test_what_an_older_epoch_still_says_reaches_no_balance(books: Books) -> None:
    hand = lived(books)
    lost = hand.use(paid(1, (1, PRICE)), key="c")
    hand.put_back(books.raise_epoch(hand.account))
    answer = books.settle(lost)
    assert (answer.done, answer.quarantined) == ((lost,), 1)
    assert books.one("SELECT reason FROM quarantine") == "fenced: epoch 0 is older than the account's 1"
    # Its caller sends the key again: nothing stands in its way.
    hand.use(paid(1, (1, PRICE)), key="c")
    assert books.settle(*hand.entries).quarantined == 0
    assert books.rows("SELECT epoch, sequence FROM usage_events WHERE key = 'c'") == [(1, 1)]


def test_an_entry_that_was_booked_before_the_raise_is_done(books: Books) -> None:
    hand = lived(books)
    books.raise_epoch(hand.account)
    before = books.dump()
    answer = books.settle(*hand.entries)
    assert (len(answer.done), answer.quarantined) == (len(hand.entries), 0)
    assert books.dump() == before


def test_an_entry_of_the_new_epoch_waits_for_a_raise_that_is_not_seen_yet(books: Books) -> None:
    hand = lived(books)
    early = StreamEntry(hand.account, 1, 1, "c", hand.use(included(1), key="c").payload)
    assert books.settle(early).parked == (early,)
    books.raise_epoch(hand.account)
    assert books.settle(early).done == (early,)
    assert books.one("SELECT epoch FROM usage_events WHERE key = 'c'") == 1


def test_a_batch_that_was_read_before_a_raise_is_booked_by_the_state_after_it(
    filed: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = lived(filed)
    hand.use(paid(1, (1, PRICE)), key="c")
    desk, other = filed.ledger._books, filed.again()
    read = desk.read

    def raised_after(work):  # type: ignore[no-untyped-def]
        found = read(work)
        other.raise_epoch(hand.account)
        return found

    monkeypatch.setattr(desk, "read", raised_after)
    assert filed.settle(*hand.entries).quarantined == 1
    assert filed.one("SELECT count(*) FROM usage_events WHERE key = 'c'") == 0
    other.close()
    assert faults(filed.source) == []


def test_what_came_again_in_the_new_epoch_is_known_by_the_old_one(books: Books) -> None:
    hand = lived(books)
    hand.put_back(books.raise_epoch(hand.account))
    hand.use(paid(1, (1, PRICE)), key="b")
    books.settle(*hand.entries)
    hand.push()
    books.settle(*hand.entries)
    assert books.rows("SELECT epoch, sequence, refunded FROM refunded") == [(1, 1, 1)]
    assert books.one("SELECT key FROM usage_events WHERE epoch = 1 AND sequence = 1") == "spillover:again:1.1"
    assert faults(books.image()) == []


def test_the_record_of_a_hold_is_given_as_bytes(books: Books) -> None:
    hand = lived(books)
    (hold,) = books.standing(hand.account).holds
    assert isinstance(hold, OpenHold)
    assert isinstance(hold.record, bytes)


def test_raises_stand_in_the_order_of_time_whatever_a_clock_says(books: Books) -> None:
    hand = lived(books)
    for epoch, at in enumerate([START + 9000, START, START + 8000]):
        books.raise_epoch(hand.account, epoch=epoch, at=at)
    assert [one.at for one in run(books.ledger.epochs(hand.account))] == [START + 9000, START + 9001, START + 9002]


def test_terms_that_were_pushed_and_are_not_settled_are_told_by_account(books: Books) -> None:
    def told(**page: int) -> list[tuple[int, int]]:
        return run(books.ledger.pushed_terms(**page))

    hands = [opened(books, f"acme {number}", ("credits", PRICE)) for number in range(3)]
    assert told() == sorted((hand.account, 2) for hand in hands)
    for hand in hands:
        books.settle(*hand.entries)
    assert told() == []
    for hand in hands:
        books.grant(hand.account, PRICE, key="more")
        books.grant(hand.account, PRICE, key="and more")
    assert told() == []  # what waits in the outbox is not pushed
    for hand in hands:
        hand.push()
    want = sorted((hand.account, 4) for hand in hands)
    assert told() == want
    assert told(limit=2) == want[:2]
    assert told(limit=2, after=want[1][0]) == want[2:]
    books.settle(*hands[0].entries[:-1])  # of its two the first
    assert told() == want
    books.settle(*hands[0].entries)
    assert told() == [one for one in want if one[0] != hands[0].account]
    books.raise_epoch(hands[1].account)  # they wait in the outbox again
    assert told() == [(hands[2].account, 4)]
    with pytest.raises(InvalidInput):
        told(limit=0)
