"""From what was decided to what is booked: the charge and the transfers of one usage event (design, section 7).

Settlement decides nothing. It checks that the event adds up and turns each paid leg into movements between books:

    credits leg, units leg    each lot drawn: from `lot/ID` to `revenue/FEATURE`, delta = -amount (the lot has less)
    overage leg               from `receivable` to `revenue/FEATURE`, delta = +amount (the account owes more)
    allowance leg             nothing: windows are counted, not booked

Every transfer takes from one book what it gives to the other, so all books together sum to zero by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from spillover.core.decide import LEGS_MAX
from spillover.core.lots import lot_cell
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.books import Charge, Transfer
from spillover.model.event import SCHEMA, Event
from spillover.model.leg import Leg

USAGE = "usage"
"""The reason of every update that settles a usage event; its cause names the event."""
ITSELF = "account"
"""The actor where a request named no subject: the account itself."""


class Poison(Exception):
    """An event that cannot be booked as it stands; its text says why, for the quarantine."""


class Settlement(NamedTuple):
    """What is booked for one event: its charge, if anything is charged, and its transfers in the order of the legs."""

    charge: Charge | None
    transfers: tuple[Transfer, ...]


NOTHING = Settlement(None, ())


def settle(event: Event, epoch: int, sequence: int) -> Settlement:
    """The charge and the transfers of an event. Raises Poison if the event does not add up."""
    if event.schema != SCHEMA:
        raise Poison(f"schema {event.schema}, expected {SCHEMA}")
    if event.kind == "terms":
        # A grant was booked when it was raised; here only the settled state learns of it.
        if event.terms is None or (event.terms.account, event.terms.version) != (event.account, event.profile):
            raise Poison(f"terms of another account or version, expected {event.profile} of {event.account}")
        return NOTHING
    drawn = _checked(event)
    paid = tuple(leg for leg in event.legs if leg.amount)
    if not drawn and not paid:
        return NOTHING
    return Settlement(_charge(event, paid), _transfers(event, f"{epoch}.{sequence}"))


def grant_transfer(
    lot: int, measure: str, amount: int, *, promotional: bool, cause: str, reason: str, actor: str, at: int
) -> Transfer:
    """The transfer that raises a new lot: from `promotion` or `purchases` to `lot/ID`, delta = +amount."""
    source = "promotion" if promotional else "purchases"
    return Transfer("grant", measure, lot, amount, source, lot_book(lot), cause, reason, actor, at)


def lot_book(lot: int) -> str:
    """The name of the book of one of the account's lots."""
    return f"lot/{lot}"


def revenue_book(feature: str) -> str:
    """The name of the book that takes what is paid for a feature, in credits and in its own gifted units."""
    return f"revenue/{feature}"


def _checked(event: Event) -> Mapping[int, int]:
    """Lot -> amount drawn by the event as a whole. Raises Poison unless sums, ranges and cell changes agree."""
    granted = charged = entries = 0
    drawn: dict[int, int] = {}
    for leg in event.legs:
        _check_leg(leg)
        granted += leg.units
        charged += leg.amount
        entries += len(leg.lots) or 1
        for lot, amount in leg.lots:
            drawn[lot] = drawn.get(lot, 0) + amount
    if granted != event.granted:
        raise Poison(f"legs of {granted} units, expected the {event.granted} granted")
    if not (0 <= event.at <= AMOUNT_MAX and granted <= AMOUNT_MAX and charged <= AMOUNT_MAX):
        raise Poison(f"an instant or a sum outside 0 .. 2^53 - 1 (at {event.at}, {granted} units, amount {charged})")
    if entries > LEGS_MAX:
        raise Poison(f"{entries} legs and lots, expected at most {LEGS_MAX}")
    if drawn:
        _check_cells(event, drawn)
    return drawn


def _check_leg(leg: Leg) -> None:
    layer, units, amount = leg.layer, leg.units, leg.amount
    if not (0 <= units <= AMOUNT_MAX and 0 <= amount <= AMOUNT_MAX and 0 <= leg.price <= AMOUNT_MAX):
        raise Poison(f"leg {layer}: a number outside 0 .. 2^53 - 1 ({units} units, amount {amount}, price {leg.price})")
    total = 0
    for lot, part in leg.lots:
        if not (0 < part <= AMOUNT_MAX and 0 < lot <= AMOUNT_MAX):
            raise Poison(f"leg {layer}: lot {lot} gives {part}, expected a lot and an amount from 1 to 2^53 - 1")
        total += part
    if layer in ("allowance", "units") and amount:
        raise Poison(f"leg {layer}: amount {amount}, expected 0: nothing is charged for it")
    expected = amount if layer == "credits" else units if layer == "units" else 0
    if total != expected:
        raise Poison(f"leg {layer}: lots give {total}, expected {expected}")


def _check_cells(event: Event, drawn: Mapping[int, int]) -> None:
    # Books and hot state must fall by the same amount, or the two would part without anyone noticing.
    moved = {name: add for name, floor, add in event.changes if floor is None}
    for lot, amount in drawn.items():
        if (found := moved.get(lot_cell(lot), 0)) != -amount:
            raise Poison(f"lot {lot}: legs draw {amount}, but its cell changed by {found}")


def _charge(event: Event, paid: tuple[Leg, ...]) -> Charge | None:
    if not paid:
        return None
    legs = tuple((leg.layer, leg.units, leg.price, leg.amount) for leg in paid)
    return Charge(event.feature, event.at, event.subject, sum(leg.amount for leg in paid), legs)


def _transfers(event: Event, cause: str) -> tuple[Transfer, ...]:
    revenue, actor, at = revenue_book(event.feature), event.subject or ITSELF, event.at
    found = []
    for leg in event.legs:
        measure = "credits" if leg.layer == "credits" else event.feature
        for lot, amount in leg.lots:
            found.append(Transfer("debit", measure, lot, -amount, lot_book(lot), revenue, cause, USAGE, actor, at))
        if leg.layer == "overage" and leg.amount:
            found.append(Transfer("overage", "credits", 0, leg.amount, "receivable", revenue, cause, USAGE, actor, at))
    return tuple(found)
