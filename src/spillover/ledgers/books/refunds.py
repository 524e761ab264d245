"""Giving back what a settled event took, in reverse draw order, a whole unit at a time and never more than it took.

The last leg first, and of a leg the last lot first. Units of an allowance count and restore nothing: lots come back,
windows never. What the overage line had advanced it is relieved of. A lot that was drained returns to the profile; one
that has ended gets the refund posted and, with it, that it is gone, or else a new lot is issued in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from spillover.core.settle import GONE, lot_book, revenue_book
from spillover.ledgers.books.orders import Order
from spillover.ledgers.books.tables import Tables, single
from spillover.ledgers.books.terms import check_text
from spillover.model.account import NEVER, Lot
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.books import Transfer, UpdateKind
from spillover.model.errors import InvalidInput, NotSettled
from spillover.model.event import Event, decode_event
from spillover.model.leg import Leg
from spillover.ports import Push, Refund, Refunded

_encode = msgspec.json.Encoder().encode
_answer = msgspec.json.Decoder(Refunded).decode


class Back(NamedTuple):
    """What goes back to one lot, or with lot 0 to the receivable."""

    lot: int
    amount: int


def refund(tables: Tables, account: int, wanted: Refund, *, at: int, own: bool = False) -> Refunded:
    """Book a refund. The same key and content again: the answer of then, and nothing is written."""
    for field, value in (("units", wanted.units), ("lasts", wanted.lasts)):
        if value is not None and (type(value) is not int or not 0 <= value <= AMOUNT_MAX):
            raise InvalidInput(field, repr(value), "a whole number from 0 to 2^53 - 1")
    check_text("event_key", wanted.event_key)
    order = Order(tables, account, wanted, at=at, own=own)
    if order.done is not None:
        return _answer(order.done.answer)
    epoch, sequence, event = _event(tables, account, wanted.event_key)
    whole = sum(leg.units for leg in event.legs)
    before = single(tables, int, "orders.refunded", account, epoch, sequence) or 0
    units = whole - before if wanted.units is None else wanted.units
    if not 0 < units <= whole - before:
        left = f"1 to {whole - before} units" if whole > before else "none"
        raise InvalidInput("units", str(units), f"{left}: of {whole} that were paid, {before} are refunded")
    returning = _Returning(order, event.feature, f"{epoch}.{sequence}", wanted.lasts)
    for back in backwards(event.legs, before, units):
        returning.give(back)
    answer = Refunded(units, tuple(returning.lots), returning.relieved, returning.expired, tuple(returning.revoked))
    tables.run("orders.add_refunded", account, epoch, sequence, units, whole)
    order.finish(Push(order.before, relieved=returning.relieved), answer=_encode(answer).decode())
    return answer


def backwards(legs: tuple[Leg, ...], skip: int, units: int) -> Iterator[Back]:
    """What the `units` before the last `skip` took, from the last leg to the first, and in a leg from the last lot."""
    for leg in reversed(legs):
        if not units:
            return
        passed = min(skip, leg.units)
        skip -= passed
        taken = min(units, leg.units - passed)
        units -= taken
        low, high = _worth(leg, passed), _worth(leg, passed + taken)
        if leg.layer == "overage" and high > low:
            yield Back(0, high - low)
        end = 0
        for lot, amount in reversed(leg.lots):
            start, end = end, end + amount
            if (part := min(end, high) - max(start, low)) > 0:
                yield Back(lot, part)


def _worth(leg: Leg, units: int) -> int:
    """What the last `units` of a leg took: their share, half up, as a price with a factor was rounded for the leg."""
    if leg.layer == "units" or not leg.units:
        return units
    return (2 * leg.amount * units + leg.units) // (2 * leg.units)


class _Returning:
    """The transfers of a refund, and what it gives back in all."""

    def __init__(self, order: Order, feature: str, cause: str, lasts: int) -> None:
        self._order, self._revenue, self._cause, self._lasts = order, revenue_book(feature), cause, lasts
        self.lots: list[tuple[int, int]] = []
        self.revoked: list[tuple[int, int]] = []
        self.relieved = self.expired = 0
        self._new: dict[int, Lot] = {}

    def give(self, back: Back) -> None:
        order = self._order
        if not back.lot:
            self.relieved += back.amount
            self._post("refund", "credits", 0, -back.amount, self._revenue, "receivable")
            return
        found = order.find_lot(back.lot)
        assert found is not None  # the event was booked, so it drew on a lot that is there
        lot, ended = found
        if not ended and lot.expires <= order.at:
            ended = "expire"
        if ended in ("expire", "rollover") and self._lasts:
            order.require_room(lot.measure, back.amount)
            lot, ended = self._anew(lot), ""
        self.lots.append((lot.id, back.amount))
        self._post("refund", lot.measure, lot.id, back.amount, self._revenue, lot_book(lot.id))
        if not ended:
            order.raise_lot(lot, back.amount)
            return
        kind: Literal["revoke", "expire"] = "revoke" if ended == "revoke" else "expire"
        if kind == "revoke":
            self.revoked.append((lot.id, back.amount))
        else:
            self.expired += back.amount
        self._post(kind, lot.measure, lot.id, -back.amount, lot_book(lot.id), GONE[kind])

    def _anew(self, lot: Lot) -> Lot:
        if lot.id not in self._new:
            expires = min(self._order.at + self._lasts, NEVER)
            order = self._order
            # It came from the same purchase: a chargeback is to find it.
            reference = single(order.tables, str, "orders.reference", order.account, lot.id) or ""
            self._new[lot.id] = order.issue(replace(lot, id=0, effective=0, expires=expires), reference=reference)
        return self._new[lot.id]

    def _post(self, kind: UpdateKind, measure: str, lot: int, delta: int, source: str, target: str) -> None:
        order = self._order
        rest = (self._cause, order.reason, order.actor, order.at)
        order.post(Transfer(kind, measure, lot, delta, source, target, *rest))


def _event(tables: Tables, account: int, key: str) -> tuple[int, int, Event]:
    """The booked event, with its place. Raises NotSettled for one that the books do not have."""
    row = tables.one("orders.event", account, key)
    if row is None:
        if (reason := single(tables, str, "orders.in_quarantine", account, key)) is not None:
            raise InvalidInput("event", repr(key), f"an event that was booked; this one is in quarantine: {reason}")
        raise NotSettled(f"event {key!r}: found none in the books, expected one that is settled; try again in a second")
    event = decode_event(row[2])
    if event.kind not in ("usage", "commit"):
        found = f"{key!r}, which is of kind {event.kind}"
        raise InvalidInput("event", found, "the key of usage, or of the end of a hold that was committed")
    return row[0], row[1], event
