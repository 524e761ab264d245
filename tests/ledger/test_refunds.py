"""Refunds: in reverse draw order, whole units, never more than was taken, once for each key."""

from __future__ import annotations

from typing import Any

import apsw
import psycopg
import pytest

from spillover.model.account import Lot
from spillover.model.errors import BoundExceeded, InvalidInput, KeyReused, NotSettled, UnknownName
from spillover.model.leg import Leg
from spillover.model.terms import Lower
from spillover.ports import Refunded
from tests.ledger.support import (
    FEATURE,
    PRICE,
    START,
    Books,
    Hand,
    gifted,
    included,
    opened,
    over,
    overage,
    paid,
    run,
)
from tests.ledger.verifier import faults

REVENUE = f"revenue/{FEATURE}"


@pytest.fixture
def hand(books: Books) -> Hand:
    """acme: 4 credits, 1 credit, 5 messages; one event that took of all: 2 included, 3 gifted, 4 paid, 2 overage."""
    hand = opened(books, "acme", ("credits", 4 * PRICE), ("credits", PRICE), (FEATURE, 5))
    hand.use(
        included(2), gifted(3, (3, 3)), paid(4, (1, 3 * PRICE), (2, PRICE)), overage(2), key="all",
        changes=(("owed:used", None, 2 * PRICE),),
    )  # fmt: skip
    books.settle(*hand.entries)
    return hand


def rows(hand: Hand, after: int = 0) -> list[tuple[Any, ...]]:
    found = run(hand.books.ledger.statement(hand.account, after=after)).rows
    return [(row.kind, row.lot, row.delta, row.source, row.target, row.lot_after, row.account_after) for row in found]


def settled(hand: Hand) -> None:
    hand.push()
    assert hand.books.settle(*hand.entries).quarantined == 0
    assert faults(hand.books.image()) == []


def test_a_refund_goes_back_from_the_last_leg_to_the_first_and_the_last_lot_to_the_first(hand: Hand) -> None:
    steps = [
        (1, Refunded(1, (), PRICE)),
        (3, Refunded(3, ((2, PRICE), (1, PRICE)), PRICE)),
        (4, Refunded(4, ((1, 2 * PRICE), (3, 2)))),
        (None, Refunded(3, ((3, 1),))),
    ]
    for number, (units, wanted) in enumerate(steps):
        assert hand.books.refund(hand.account, "all", units, key=f"{number}") == wanted
        settled(hand)
    assert rows(hand, after=7) == [
        ("refund", 0, -PRICE, REVENUE, "receivable", 0, PRICE),
        ("refund", 0, -PRICE, REVENUE, "receivable", 0, 0),
        ("refund", 2, PRICE, REVENUE, "lot/2", PRICE, 2 * PRICE),
        ("refund", 1, PRICE, REVENUE, "lot/1", 2 * PRICE, 3 * PRICE),
        ("refund", 1, 2 * PRICE, REVENUE, "lot/1", 4 * PRICE, 5 * PRICE),
        ("refund", 3, 2, REVENUE, "lot/3", 4, 4),
        ("refund", 3, 1, REVENUE, "lot/3", 5, 5),
    ]
    found = run(hand.books.ledger.statement(hand.account, after=7)).rows
    assert {(row.cause, row.reason, row.actor) for row in found} == {("0.5", "sorry", "ops")}
    assert hand.books.rows("SELECT granted, balance, spent FROM lots ORDER BY lot") == [
        (4 * PRICE, 4 * PRICE, 0), (PRICE, PRICE, 0), (5, 5, 0),
    ]  # fmt: skip
    assert hand.cells["owed:used"] == 0
    assert hand.books.rows("SELECT refunded, units FROM refunded") == [(11, 11)]


@pytest.mark.parametrize("units", [12, 0, -1, 2**53])
def test_more_units_than_were_paid_are_not_refunded(hand: Hand, units: int) -> None:
    before = hand.books.dump()
    with pytest.raises(InvalidInput, match="units"):
        hand.books.refund(hand.account, "all", units)
    assert hand.books.dump() == before


@pytest.mark.parametrize("units", [None, 1, 7])
def test_what_is_refunded_is_not_refunded_again(hand: Hand, units: int | None) -> None:
    hand.books.refund(hand.account, "all", 5, key="first")
    with pytest.raises(InvalidInput, match="found 7, expected 1 to 6 units: of 11 that were paid, 5 are refunded"):
        hand.books.refund(hand.account, "all", 7, key="too much")
    hand.books.refund(hand.account, "all", 6, key="second")
    with pytest.raises(InvalidInput, match="expected none: of 11 that were paid, 11 are refunded"):
        hand.books.refund(hand.account, "all", units, key="third")
    settled(hand)


def test_the_database_itself_bounds_what_is_refunded(filed: Books) -> None:
    hand = opened(filed)
    hand.use(included(2), key="two")
    filed.settle(*hand.entries)
    filed.refund(hand.account, "two", 1)
    with pytest.raises((apsw.ConstraintError, psycopg.errors.CheckViolation)):
        filed.meddle("UPDATE refunded SET refunded = 3")


def test_units_of_an_allowance_count_and_restore_nothing(books: Books) -> None:
    hand = opened(books)
    hand.use(included(3), key="free")
    books.settle(*hand.entries)
    assert books.refund(hand.account, "free", 2) == Refunded(2, ())
    with pytest.raises(InvalidInput, match="1 to 1 units"):
        books.refund(hand.account, "free", 2, key="again")
    settled(hand)


def test_overshoot_is_no_part_of_what_was_paid(books: Books) -> None:
    hand = opened(books, "acme", ("credits", PRICE))
    hand.use(paid(1, (1, PRICE)), overshoot=over(3, PRICE), mode="record", key="late")
    books.settle(*hand.entries)
    assert books.refund(hand.account, "late") == Refunded(1, ((1, PRICE),))
    settled(hand)
    assert books.one("SELECT owed FROM account_balances") == PRICE, "the credits that came back have paid of it"


def test_a_committed_hold_is_refunded_by_the_key_of_its_end_only(books: Books) -> None:
    hand = opened(books, "acme", ("credits", 4 * PRICE))
    hold = hand.open(paid(3, (1, 3 * PRICE)), key="mine")
    hand.end(hold, "commit", paid(2, (1, 2 * PRICE)))
    books.settle(*hand.entries)
    with pytest.raises(InvalidInput, match="of kind hold"):
        books.refund(hand.account, "mine")
    assert books.refund(hand.account, f"spillover:end:{hold.id}", 1) == Refunded(1, ((1, PRICE),))
    settled(hand)


def test_an_event_that_the_books_do_not_have_is_not_settled(hand: Hand) -> None:
    hand.use(included(1), key="waits")
    with pytest.raises(NotSettled, match="'waits'"):
        hand.books.refund(hand.account, "waits")
    hand.use(included(1), key="bad", granted=5)
    hand.books.settle(*hand.entries)
    with pytest.raises(InvalidInput, match="in quarantine: legs of 1 units"):
        hand.books.refund(hand.account, "bad")


def test_the_same_key_is_the_answer_of_then_and_another_request_an_error(hand: Hand) -> None:
    first = hand.books.refund(hand.account, "all", 5, key="once")
    before = hand.books.dump()
    assert hand.books.refund(hand.account, "all", 5, key="once", at=START + 9) == first
    for other in ({"units": 4}, {"lasts": 5}):
        with pytest.raises(KeyReused):
            hand.books.refund(hand.account, "all", **({"units": 5, "key": "once"} | other))
    with pytest.raises(KeyReused):
        hand.books.grant(hand.account, 5, key="once")
    assert hand.books.dump() == before
    settled(hand)


def expiring(books: Books) -> Hand:
    """One lot of 3 credits that expires at START + 10,000, with a scope; all of it is used, and settled."""
    account = books.put().account
    terms = {"expires": START + 10_000, "promotional": True, "scope": (("model", ("large",)),), "priority": 7}
    books.grant(account, 3 * PRICE, **terms)
    hand = Hand(books, account)
    hand.push()
    hand.use(paid(3, (1, 3 * PRICE)), key="used")
    books.settle(*hand.entries)
    return hand


def test_a_drained_lot_returns_to_the_profile_when_it_is_refunded(books: Books) -> None:
    hand = expiring(books)
    assert books.put(zone="Asia/Tokyo").lots == ()
    books.refund(hand.account, "used", 1)
    (lot,) = run(books.ledger.profile(hand.account)).lots
    assert (lot.id, lot.scope, lot.priority) == (1, (("model", ("large",)),), 7)
    settled(hand)
    assert hand.cells["lot:1"] == PRICE


@pytest.mark.parametrize(("at", "expired"), [(-1, 0), (0, PRICE), (1, PRICE)])
def test_a_lot_that_has_expired_by_then_gets_the_refund_posted_and_its_expiry(
    books: Books, at: int, expired: int
) -> None:
    hand = expiring(books)
    answer = books.refund(hand.account, "used", 1, at=START + 10_000 + at)
    assert answer == Refunded(1, ((1, PRICE),), 0, expired)
    posted = [
        ("refund", 1, PRICE, REVENUE, "lot/1", PRICE, PRICE),
        ("expire", 1, -PRICE, "lot/1", "expired", 0, 0),
    ]
    assert rows(hand, after=2) == posted[: 2 if expired else 1]
    settled(hand)
    assert hand.cells["lot:1"] == PRICE - expired


def test_with_a_life_of_its_own_it_becomes_a_new_lot_like_the_old_one(books: Books) -> None:
    hand = expiring(books)
    at = START + 20_000
    assert books.refund(hand.account, "used", 2, at=at, lasts=500) == Refunded(2, ((2, 2 * PRICE),))
    assert rows(hand, after=2) == [("refund", 2, 2 * PRICE, REVENUE, "lot/2", 2 * PRICE, 2 * PRICE)]
    (lot,) = run(books.ledger.profile(hand.account)).lots
    assert lot == Lot(2, "credits", 7, 0, at + 500, promotional=True, scope=(("model", ("large",)),))
    settled(hand)
    assert hand.cells["lot:2"] == 2 * PRICE
    assert books.rows("SELECT granted, balance, spent, key FROM lots WHERE lot = 2") == [
        (2 * PRICE, 2 * PRICE, 0, "refund of used")
    ]


def test_two_legs_of_one_expired_lot_become_one_new_lot(books: Books) -> None:
    hand = expiring(books)
    books.grant(hand.account, 3 * PRICE, key="more", expires=START + 10_000)
    hand.push()
    hand.use(paid(1, (2, PRICE)), paid(1, (2, PRICE)), key="twice")
    books.settle(*hand.entries)
    answer = books.refund(hand.account, "twice", at=START + 20_000, lasts=5)
    assert answer == Refunded(2, ((3, PRICE), (3, PRICE)))
    settled(hand)


def test_a_revoked_lot_gets_the_refund_posted_and_its_revocation(books: Books) -> None:
    hand = expiring(books)
    books.change(hand.account, lowers=(Lower(1, "revoke"),))
    settled(hand)
    assert books.refund(hand.account, "used", 1, lasts=500) == Refunded(1, ((1, PRICE),), revoked=((1, PRICE),))
    assert rows(hand, after=2) == [
        ("refund", 1, PRICE, REVENUE, "lot/1", PRICE, PRICE),
        ("revoke", 1, -PRICE, "lot/1", "revoked", 0, 0),
    ]
    settled(hand)


def test_a_price_with_a_factor_was_rounded_once_so_parts_are_shares_and_all_gives_all_back(books: Books) -> None:
    hand = opened(books)
    hand.use(Leg("overage", 3, 1, 4), key="odd", changes=(("owed:used", None, 4),))
    books.settle(*hand.entries)
    backs = [books.refund(hand.account, "odd", 1, key=f"{number}").relieved for number in range(3)]
    assert backs == [1, 2, 1]
    assert books.one("SELECT receivable FROM account_balances") == 0


def test_a_refund_to_nobody_or_to_an_erased_account_is_refused(hand: Hand) -> None:
    with pytest.raises(UnknownName):
        hand.books.refund(4711, "all")
    run(hand.books.ledger.erase_account(hand.account))
    with pytest.raises(UnknownName, match="erased"):
        hand.books.refund(hand.account, "all")


def test_a_lot_that_returns_needs_its_place_in_the_profile(books: Books) -> None:
    hand = expiring(books)
    for number in range(256):
        books.grant(hand.account, 1, key=f"{number}")
    before = books.dump()
    with pytest.raises(BoundExceeded, match="live lots"):
        books.refund(hand.account, "used", 1)
    assert books.dump() == before
