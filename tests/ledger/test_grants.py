"""A grant is booked once for each key, with its transfer and its push, or refused before anything is written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from spillover.core.lots import burn_order
from spillover.model.account import NEVER, Lot
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import BoundExceeded, InvalidInput, KeyReused, UnknownName
from spillover.ports import Grant
from tests.ledger.support import FEATURE, PRICE, START, Books, opened, paid, run
from tests.ledger.verifier import faults

GRANT = Grant(Lot(0, "credits", 50, START, START + 1000, True), 70, "ch_1", "gift", "ops", "1.00", "EUR", "0.19", "r")


def test_a_grant_is_lot_transfer_profile_and_push_in_one(books: Books) -> None:
    account = books.put().account
    lot = run(books.ledger.grant(account, GRANT, at=START + 5))
    assert lot == msgspec.structs.replace(GRANT.lot, id=1)
    assert books.rows("SELECT * FROM lots") == [
        (account, 1, "credits", 70, 70, 0, 0, 0, 1, START, START + 1000, 50, "1.00", "EUR", "0.19", "r", START + 5,
         "[]", "ch_1", "")
    ]  # fmt: skip
    assert books.rows("SELECT number, kind, source, target, delta, cause, reason, actor, at FROM balance_updates") == [
        (1, "grant", "promotion", "lot/1", 70, "ch_1", "gift", "ops", START + 5)
    ]
    assert books.rows("SELECT measure, granted, balance, spent FROM account_balances") == [("credits", 70, 70, 0)]
    profile = run(books.ledger.profile(account))
    assert (profile.version, profile.lots) == (2, (lot,))
    assert [(push.profile, push.raised) for push in books.unpushed()][1:] == [(profile, ((1, 70),))]
    assert faults(books.image()) == []


def test_the_same_key_and_content_is_the_lot_of_then(books: Books) -> None:
    account = books.put().account
    first = run(books.ledger.grant(account, GRANT, at=START))
    before = books.dump()
    assert run(books.ledger.grant(account, GRANT, at=START + 9999)) == first
    assert books.dump() == before


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 71}, {"reason": "x"}, {"actor": "x"}, {"paid": "2"}, {"currency": "USD"}, {"tax": ""},
        {"reference": ""}, {"lot": Lot(0, "credits")}, {"lot": Lot(0, FEATURE, 50, START, START + 1000, True)},
    ],
    ids=str,
)  # fmt: skip
def test_the_same_key_with_another_content_is_an_error_and_changes_nothing(books: Books, other: dict[str, Any]) -> None:
    account = books.put().account
    run(books.ledger.grant(account, GRANT, at=START))
    before = books.dump()
    with pytest.raises(KeyReused, match=r"'ch_1' of account 'acme'"):
        run(books.ledger.grant(account, msgspec.structs.replace(GRANT, **other), at=START))
    assert books.dump() == before


def test_the_same_key_of_another_account_is_another_grant(books: Books) -> None:
    for name in ("acme", "bolt"):
        assert run(books.ledger.grant(books.put(name).account, GRANT, at=START)).id == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount": 0}, "amount"), ({"amount": -1}, "amount"), ({"amount": AMOUNT_MAX + 1}, "amount"),
        ({"amount": 1.5}, "amount"), ({"amount": True}, "amount"), ({"key": ""}, "key"), ({"key": "k" * 1001}, "key"),
        ({"reason": "r" * 1001}, "reason"), ({"actor": "\ud800"}, "actor"), ({"lot": Lot(3, "credits")}, "lot.id"),
        ({"lot": Lot(0, "")}, "lot.measure"), ({"lot": Lot(0, "credits", expires=0)}, "lot.expires"),
        ({"lot": Lot(0, "credits", effective=-1)}, "lot.expires"),
        ({"lot": Lot(0, "credits", expires=NEVER + 1)}, "lot.expires"),
        ({"lot": Lot(0, "credits", priority=2**31)}, "lot.priority"),
    ],
)  # fmt: skip
def test_a_wrong_grant_is_refused_by_field_before_any_write(books: Books, wrong: dict[str, Any], field: str) -> None:
    account = books.put().account
    before = books.dump()
    with pytest.raises(InvalidInput) as refused:
        run(books.ledger.grant(account, msgspec.structs.replace(GRANT, **wrong), at=START))
    assert refused.value.field == field
    assert books.dump() == before


def test_a_grant_to_nobody_is_refused(books: Books) -> None:
    with pytest.raises(UnknownName):
        run(books.ledger.grant(4711, GRANT, at=START))


def test_all_that_was_ever_granted_stays_below_two_to_53(books: Books) -> None:
    account = books.put().account
    books.grant(account, AMOUNT_MAX - 5)
    before = books.dump()
    with pytest.raises(BoundExceeded, match="credits ever granted"):
        books.grant(account, 6)
    assert books.dump() == before
    books.grant(account, 5)
    books.grant(account, AMOUNT_MAX, measure=FEATURE)
    assert faults(books.image()) == []


def test_live_lots_are_bounded_and_drained_ones_make_room(books: Books) -> None:
    hand = opened(books, "acme", *[("credits", PRICE)] * 256)
    before = books.dump()
    with pytest.raises(BoundExceeded, match=r"live lots.*257.*256"):
        books.grant(hand.account, PRICE, key="one more")
    assert books.dump() == before
    hand.use(paid(2, (1, PRICE), (7, PRICE)))
    books.settle(*hand.entries)
    assert books.grant(hand.account, PRICE, key="one more").id == 257
    lots = [lot.id for lot in run(books.ledger.profile(hand.account)).lots]
    assert lots == [number for number in range(1, 258) if number not in (1, 7)]


def test_lots_stand_in_the_profile_in_burn_order(books: Books) -> None:
    account = books.put().account
    terms = [
        {"priority": 200}, {"expires": START + 5}, {"promotional": True}, {}, {"effective": 5}, {"priority": 1}, {},
    ]  # fmt: skip
    lots = [books.grant(account, 10, key=f"{number}", **term) for number, term in enumerate(terms)]
    kept = run(books.ledger.profile(account)).lots
    assert kept == burn_order(lots)
    assert [lot.id for lot in kept] == [6, 2, 3, 4, 7, 5, 1]


def test_expired_lots_make_room_and_what_they_had_stays_in_the_books(books: Books) -> None:
    account = books.put().account
    for number in range(256):
        books.grant(account, 5, key=f"{number}", expires=START + 1000 + number)
    with pytest.raises(BoundExceeded, match=r"live lots.*257.*256"):
        books.grant(account, 5, key="one more", at=START + 1999)
    books.grant(account, 5, key="one more", at=START + 2000)
    lots = [lot.id for lot in run(books.ledger.profile(account)).lots]
    assert sorted(lots) == list(range(2, 258)), "the first one expired 1000 ms ago, the second 999"
    (measure,) = run(books.ledger.balances(account))
    assert measure.balance == 257 * 5
    assert books.one("SELECT balance FROM lots WHERE lot = 1") == 5
    assert faults(books.image()) == []


def test_expired_lots_leave_with_any_new_version_and_a_new_lot_comes_even_expired(books: Books) -> None:
    account = books.put().account
    books.grant(account, 5, key="past", expires=START - 5000)
    assert [lot.id for lot in run(books.ledger.profile(account)).lots] == [1]
    assert books.unpushed(account)[-1].raised == ((1, 5),)
    assert books.put(plan="enterprise").lots == ()


def test_an_erased_account_gets_no_lot(books: Books) -> None:
    account = books.put().account
    books.grant(account, 5, key="before")
    run(books.ledger.erase_account(account))
    before = books.dump()
    for key in ("before", "after"):
        with pytest.raises(UnknownName, match="it was erased"):
            books.grant(account, 5, key=key)
    assert books.dump() == before


def test_a_lot_that_could_not_be_read_again_is_never_written(books: Books) -> None:
    account = books.put().account
    before = books.dump()
    with pytest.raises(InvalidInput, match="lots"):
        books.grant(account, 5, priority=True)
    assert books.dump() == before
