"""Terms and a rebuild: what was pushed and never settled waits again, as it was; what is settled does not."""

from __future__ import annotations

import pytest

from spillover.model.account import Override
from spillover.model.terms import Lower, Reset
from tests.ledger.support import PRICE, START, Books, Hand, opened, paid
from tests.ledger.test_epochs import lived, there
from tests.ledger.verifier import faults


def ordered(books: Books, hand: Hand) -> None:
    """Two versions that are not settled: 4 lowers, resets and limits, 5 raises."""
    books.change(
        hand.account, key="order", lowers=(Lower(2, "adjust", PRICE),), resets=(Reset("plus/w", ("w:used",)),),
        overrides=(Override("plus/w", 7),), reason="agreed",
    )  # fmt: skip
    books.grant(hand.account, 3 * PRICE, key="more")


def test_terms_that_were_pushed_and_never_settled_wait_again_as_they_were(books: Books) -> None:
    hand = lived(books)
    ordered(books, hand)
    wanted = books.unpushed()
    assert [push.profile.version for push in wanted] == [4, 5]
    hand.push()
    books.put_again(hand.account, "pro", START)
    wanted += books.unpushed()
    assert books.unpushed() == wanted[2:]
    hand.put_back(books.raise_epoch(hand.account, at=START + 9))
    found = books.unpushed()
    assert [(push.profile, push.raised, push.lowers, push.resets, push.entries, push.reason) for push in found] == [
        (push.profile, push.raised, push.lowers, push.resets, push.entries, push.reason) for push in wanted
    ]
    assert books.unpushed(hand.account) == found
    hand.push()
    assert books.settle(*hand.entries).quarantined == 0
    assert hand.cells["w:used"] == 0
    assert books.standing(hand.account).cells == there(hand)
    assert faults(books.image()) == []


def test_terms_that_are_settled_never_come_again(books: Books) -> None:
    hand = lived(books)
    ordered(books, hand)
    hand.push()
    books.settle(*hand.entries)
    assert books.rows("SELECT * FROM pushed") == []
    books.raise_epoch(hand.account)
    assert books.unpushed() == []


def test_terms_that_are_settled_before_they_are_taken_off_the_outbox_leave_nothing(books: Books) -> None:
    hand = lived(books)
    ordered(books, hand)
    pushes = books.unpushed()
    for push in pushes:
        hand.entry(hand._terms(push))
    books.settle(*hand.entries)
    books.pushed(pushes)
    assert books.rows("SELECT version FROM outbox UNION ALL SELECT version FROM pushed") == []


def test_terms_that_are_settled_before_the_raise_and_not_taken_off_do_not_wait_again(books: Books) -> None:
    hand = lived(books)
    ordered(books, hand)
    for push in books.unpushed():
        hand.entry(hand._terms(push))
    books.settle(*hand.entries)
    books.raise_epoch(hand.account)
    assert books.rows("SELECT version FROM outbox UNION ALL SELECT version FROM pushed") == []


def test_the_waiting_terms_of_others_keep_their_place(books: Books) -> None:
    hand, other = lived(books), books.put("bolt").account
    ordered(books, hand)
    books.pushed(books.unpushed(hand.account))
    books.put_again(hand.account, "pro", START)
    books.raise_epoch(hand.account)
    found = [(push.profile.account, push.profile.version) for push in books.unpushed()]
    assert found == [(other, 1), (hand.account, 4), (hand.account, 5), (hand.account, 6)]


@pytest.mark.parametrize("at", [START - 1000, START, START + 1000])
def test_who_has_pushed_terms_to_a_hot_state_that_is_no_more_does_not_take_them_off(books: Books, at: int) -> None:
    hand = lived(books)
    ordered(books, hand)
    before = books.unpushed()
    books.raise_epoch(hand.account, at=at)
    books.pushed(before)  # reached the old hot state just before it was shut
    found = books.unpushed()
    assert [push.profile.version for push in found] == [4, 5]
    books.raise_epoch(hand.account, epoch=1, at=at)
    books.pushed(found)
    assert len(books.unpushed()) == 2
    books.pushed(books.unpushed())
    assert books.unpushed() == []


def test_a_new_account_whose_first_terms_were_lost_gets_them_again(books: Books) -> None:
    hand = opened(books, "acme", ("credits", PRICE))
    hand.put_back(books.raise_epoch(hand.account))
    hand.push()
    hand.use(paid(1, (1, PRICE)))
    assert books.settle(*hand.entries).quarantined == 0
    assert faults(books.image()) == []
