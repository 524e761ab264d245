"""What the books have of many accounts at once is what they have of each."""

from __future__ import annotations

import random

import pytest

from spillover.model.account import Lot
from spillover.model.errors import StoreError, UnknownName
from spillover.ports import Grant, InBooks
from tests.ledger.support import FEATURE, PRICE, START, Books, included, opened, run, story

GRANTS = (("credits", 40 * PRICE), ("credits", 60 * PRICE), (FEATURE, 50))


def each(books: Books, *accounts: int) -> dict[int, InBooks]:
    """The same, asked for one by one."""
    ledger = books.ledger
    return {
        account: InBooks(
            run(ledger.profile(account)).version, books.standing(account), run(ledger.lots(account)),
            tuple(books.unpushed(account)),
        )
        for account in accounts
    }  # fmt: skip


def test_of_many_accounts_with_everything_in_them(books: Books) -> None:
    hands = [opened(books, f"account {number}", *GRANTS) for number in range(3)]
    new = books.put("new").account
    books.settle(*story(hands, 3, 120))
    for key in ("z", "a"):
        hands[0].open(included(2), key=key)
    assert books.settle(*hands[0].entries).quarantined == 0
    books.raise_epoch(hands[1].account)
    books.change(hands[2].account, adds=((1, 7),))
    for number in range(3):
        run(books.ledger.grant(new, Grant(Lot(0, "credits"), 5, f"{number}", "gift", "ops"), at=START))
    accounts = [*(hand.account for hand in hands), new]
    random.Random(1).shuffle(accounts)
    expected = each(books, *accounts)
    assert run(books.ledger.in_books([1, *accounts, 2, *accounts])) == expected
    assert [len(expected[account].waiting) for account in (hands[0].account, new)] == [0, 4]
    assert len(expected[hands[0].account].settled.holds) == 2
    assert any(one.settled.cells for one in expected.values())
    assert run(books.ledger.in_books([])) == run(books.ledger.in_books([1])) == {}


def test_terms_that_cannot_be_read_are_an_error_that_says_so(filed: Books) -> None:
    hand = opened(filed, "acme", ("credits", PRICE))
    filed.settle(*hand.entries)
    assert run(filed.ledger.in_books([hand.account]))[hand.account].settled.profile is not None
    filed.meddle("UPDATE profiles SET payload = '{}' WHERE account = ?", hand.account)
    with pytest.raises(StoreError, match="run an audit"):
        run(filed.ledger.in_books([hand.account]))


def test_terms_that_are_gone_are_an_error_that_says_so(filed: Books) -> None:
    hand = opened(filed, "acme", ("credits", PRICE))
    filed.settle(*hand.entries)
    filed.meddle("DELETE FROM profiles WHERE account = ?", hand.account)
    with pytest.raises(UnknownName, match="version"):
        run(filed.ledger.in_books([hand.account]))
