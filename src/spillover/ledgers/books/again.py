"""A key that comes again after the hot state had forgotten it: booked under a key of its own, and where it is the same
request, given back at once, so that both stand in the books and nobody pays twice (0006).

What legs paid is refunded. What overshoot left to be paid is given as credits, which pay it as they are pushed.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from spillover.ledgers.books.grants import grant
from spillover.ledgers.books.refunds import refund
from spillover.ledgers.books.tables import Tables
from spillover.ledgers.books.terms import newest
from spillover.model.account import Lot
from spillover.model.errors import StoreError
from spillover.model.event import Event
from spillover.ports import Grant, Refund

REASON = "the same request came again"
ACTOR = "spillover"


class Twice(Struct, frozen=True):
    """An event that was booked under such a key, to be given back: `units` by its legs, `owed` by its overshoot."""

    account: int
    key: str
    at: int
    units: int
    owed: int


class _Request(Struct):
    """What makes two events the same request; the fingerprint of a hold's end knows only how it ended."""

    fingerprint: str
    feature: str = ""
    subject: str = ""
    attributes: dict[str, str] = {}


_request = msgspec.json.Decoder(_Request).decode


def twice(event: Event, key: str, first: bytes) -> Twice | None:
    """What is to be given back of an event whose key had made `first`; None if that was another request, or nothing."""
    units = sum(leg.units for leg in event.legs)
    owed = event.overshoot.owed if event.overshoot is not None else 0
    same = _Request(event.fingerprint, event.feature, event.subject, event.attributes)
    if event.kind not in ("usage", "commit") or not (units or owed) or _request(first) != same:
        return None
    return Twice(event.account, key, event.at, units, owed)


def give_back(tables: Tables, what: Twice) -> None:
    """Refund it, through the same machinery as any refund. Also of an erased account: nobody ordered it."""
    account, key, at = what.account, what.key, what.at
    try:
        newest(tables, account)
    except StoreError:
        return  # damage to one account, for an audit to name: it must not keep back the events of all
    if what.units:
        refund(tables, account, Refund(key, key, REASON, ACTOR), at=at, own=True)
    if what.owed:
        lot = Lot(0, "credits", promotional=True)
        grant(tables, account, Grant(lot, what.owed, f"{key}:owed", REASON, ACTOR), at=at, own=True)
