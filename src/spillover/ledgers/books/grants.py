"""Raising a new lot: booked first, with its transfer and its push, once for each key (design, section 7)."""

from __future__ import annotations

from msgspec.structs import replace

from spillover.core.settle import grant_transfer
from spillover.ledgers.books.orders import Order, check_amount, check_lot
from spillover.ledgers.books.tables import Tables
from spillover.ledgers.books.terms import check_text, with_gift
from spillover.model.account import Lot
from spillover.ports import Grant, Push


def grant(tables: Tables, account: int, wanted: Grant, *, at: int, own: bool = False) -> Lot:
    """Book a lot. The same key and content again: the lot of then, and nothing is written."""
    check_lot(wanted.lot)
    check_amount("amount", wanted.amount)
    for field in ("paid", "currency", "tax", "reference"):
        check_text(field, getattr(wanted, field))
    order = Order(tables, account, wanted, at=at, own=own)
    if order.done is not None and (found := order.find_lot(order.done.lot)) is not None:
        return found[0]
    order.require_room(wanted.lot.measure, wanted.amount)
    lot = order.issue(
        wanted.lot, paid=wanted.paid, currency=wanted.currency, tax=wanted.tax, reference=wanted.reference
    )
    order.lot = lot.id
    order.post(
        grant_transfer(
            lot.id, lot.measure, wanted.amount,
            promotional=lot.promotional, cause=wanted.key, reason=wanted.reason, actor=wanted.actor, at=at,
        )
    )  # fmt: skip
    order.raise_lot(lot, wanted.amount)
    profile = order.before
    if wanted.gift is not None:
        profile = replace(profile, gifts=with_gift(profile.gifts, wanted.gift))
    order.finish(Push(profile))
    return lot
