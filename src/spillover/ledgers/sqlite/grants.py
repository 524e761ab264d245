"""Raising a lot: booked first, with its transfer and its push, in one transaction, once for each key (section 7)."""

from __future__ import annotations

import hashlib
from typing import Any

import apsw
import msgspec

from spillover.core.settle import grant_transfer
from spillover.ledgers.sqlite.chain import link
from spillover.ledgers.sqlite.names import name_of
from spillover.ledgers.sqlite.terms import check_instant, check_text, keep, newest, next_version
from spillover.model.account import NEVER, Lot
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.books import Transfer
from spillover.model.errors import BoundExceeded, InvalidInput, KeyReused, UnknownName
from spillover.ports import Grant
from spillover.sqlite import statements

SQL = statements("spillover.ledgers.sqlite", "grants.sql")
LOTS_MAX = 256
"""Live lots of an account (law 14)."""
PRIORITY_MAX = 2**31

_encode = msgspec.json.Encoder().encode


def grant(connection: apsw.Connection, account: int, wanted: Grant, *, at: int) -> Lot:
    """Book a lot. The same key and content again: the lot of then, and nothing is written.

    Raises UnknownName for an account that was erased: nothing may be raised any more.
    """
    _check(wanted)
    check_instant("at", at)
    before = newest(connection, account)
    name = name_of(connection, account)
    if name is None:  # an engine may still know the id
        raise UnknownName("account", str(account), "an account that exists; it was erased")
    fingerprint = hashlib.sha256(_encode(wanted)).digest()
    known = connection.execute(SQL["find"], (account, wanted.key)).fetchone()
    if known:
        if known[0] != fingerprint:
            raise KeyReused(name, wanted.key)
        return _lot(connection, account, known[1])
    number, update_count, update_head = row_of(connection.execute(SQL["place"], (account,)))
    lot = msgspec.structs.replace(wanted.lot, id=number)
    balance = _require_room(connection, account, lot.measure, wanted.amount)
    profile = next_version(connection, before, at, lot)
    if len(profile.lots) > LOTS_MAX:
        advice = "let lots be spent and settled or expire, or grant fewer and larger ones"
        raise BoundExceeded("live lots of the account", len(profile.lots), LOTS_MAX, advice)
    transfer = grant_transfer(
        number, lot.measure, wanted.amount,
        promotional=lot.promotional, cause=wanted.key, reason=wanted.reason, actor=wanted.actor, at=at,
    )  # fmt: skip
    row = update_row(account, update_count + 1, transfer, wanted.amount, balance + wanted.amount)
    head = link(update_head, row)
    connection.execute(SQL["remember"], (account, wanted.key, fingerprint, number))
    connection.execute(SQL["add_update"], (*row, head))
    connection.execute(SQL["set_place"], (account, number + 1, update_count + 1, head))
    connection.execute(SQL["raise_balance"], (account, lot.measure, wanted.amount))
    connection.execute(
        SQL["add_lot"],
        (
            account, number, lot.measure, wanted.amount, int(lot.promotional), lot.effective, lot.expires, lot.priority,
            wanted.paid, wanted.currency, wanted.tax, wanted.reference, at,
        ),
    )  # fmt: skip
    keep(connection, profile, at=at, reason=wanted.reason, actor=wanted.actor, raised=((number, wanted.amount),))
    return lot


def update_row(
    account: int, number: int, transfer: Transfer, lot_after: int, account_after: int
) -> tuple[str | int, ...]:
    """A balance update in the order of its columns, without the hash."""
    return (
        account, number, transfer.kind, transfer.measure, transfer.lot, transfer.delta, transfer.source,
        transfer.target, lot_after, account_after, transfer.cause, transfer.reason, transfer.actor, transfer.at,
    )  # fmt: skip


def _require_room(connection: apsw.Connection, account: int, measure: str, amount: int) -> int:
    """The account's present balance; raises BoundExceeded if all that it was ever granted would pass 2^53 - 1."""
    found: Any = connection.execute(SQL["balance"], (account, measure)).fetchone()
    granted, balance = found or (0, 0)
    if granted + amount > AMOUNT_MAX:
        raise BoundExceeded(
            f"{measure} ever granted to the account", granted + amount, AMOUNT_MAX, "grant less, or use another account"
        )
    return int(balance)


def row_of(cursor: apsw.Cursor) -> tuple[Any, ...]:
    """The one row that must be there."""
    row: tuple[Any, ...] | None = cursor.fetchone()
    assert row is not None
    return row


def _lot(connection: apsw.Connection, account: int, number: int) -> Lot:
    row = row_of(connection.execute(SQL["lot"], (account, number)))
    return Lot(*(*row[:5], bool(row[5])))


def _check(wanted: Grant) -> None:
    lot = wanted.lot
    amount: object = wanted.amount
    if lot.id:
        raise InvalidInput("lot.id", str(lot.id), "0: the ledger gives the next id")
    if type(amount) is not int or not 0 < amount <= AMOUNT_MAX:
        raise InvalidInput("amount", repr(amount), "a whole number from 1 to 2^53 - 1")
    if not -PRIORITY_MAX < lot.priority < PRIORITY_MAX:
        raise InvalidInput("lot.priority", str(lot.priority), "a number of at most 2^31")
    if not 0 <= lot.effective < lot.expires <= NEVER:
        raise InvalidInput("lot.expires", f"{lot.effective} to {lot.expires}", "an instant after it takes effect")
    if not lot.measure:
        raise InvalidInput("lot.measure", "''", '"credits" or a feature')
    if not wanted.key:
        raise InvalidInput("key", "''", "a key that is the same when the call is repeated")
    for field in ("key", "reason", "actor", "paid", "currency", "tax", "reference"):
        check_text(field, getattr(wanted, field))
    check_text("lot.measure", lot.measure)
