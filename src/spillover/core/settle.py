"""From what was decided to what is booked: the charge and the transfers of one event (design, section 7).

Settlement decides nothing. It checks that the event adds up and turns it into movements between books, in this order:

    credits leg, units leg    each lot drawn: `debit`, from `lot/ID` to `revenue/FEATURE`, delta = -amount
    overage leg               `overage`, from `receivable` to `revenue/FEATURE`, delta = +amount (the account owes more)
    allowance leg             nothing: windows are counted, not booked
    overshoot                 `debit` of lot 0 from `overshoot`, `overshoot_refund` of what is forgiven, `owed`
    moves                     `expire`, `revoke`, `adjust`, `owed`, `rollover`: what left a lot other than by a draw
    entries                   delta 0, from what was to what is

A hold's opening and extension book nothing: what they keep is still in the books' balance. Every transfer takes from
one book what it gives to the other, so all books together sum to zero by construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from spillover.core.adds_up import (
    DEBT,
    OPENS,
    Cells,
    Poison,
    check_hold,
    check_legs,
    check_lots,
    is_end,
    lowered_by,
)
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.books import Charge, Transfer
from spillover.model.event import SCHEMA, Event, Move
from spillover.model.hold import Hold

USAGE = "usage"
"""The reason of every update that settles usage; its cause names the event."""
HOLD_ENDED = "hold ended"
"""The reason of what falls back from a hold to a lot that is gone."""
ITSELF = "account"
"""The actor where a request named no subject: the account itself."""
GONE = {"expire": "expired", "revoke": "revoked", "adjust": "adjustments", "owed": "owed"}
"""Kind of move -> the book that takes what left the lot."""
NO_LOTS: Mapping[int, str] = {}
NOTHING_RAISED: Mapping[int, int] = {}


class Settlement(NamedTuple):
    """What is booked for one event: its charge, if anything is charged, and its transfers in their order."""

    charge: Charge | None
    transfers: tuple[Transfer, ...]


NOTHING = Settlement(None, ())


def settle(
    event: Event,
    epoch: int,
    sequence: int,
    held: Hold | None = None,
    measures: Mapping[int, str] = NO_LOTS,
    raised: Mapping[int, int] = NOTHING_RAISED,
) -> Settlement:
    """The charge and the transfers of an event. Raises Poison if the event does not add up.

    `held` is the hold that it ends or extends, as the books know it; `measures` those of the lots that it moves;
    `raised` what the ledger has ordered lots to be raised by with the terms that it brings.
    """
    if event.schema not in (1, SCHEMA):
        raise Poison(f"schema {event.schema}, expected 1 or {SCHEMA}")
    if not 0 <= event.at <= AMOUNT_MAX:
        raise Poison(f"an instant outside 0 .. 2^53 - 1 (at {event.at})")
    cells, cause = Cells(event.changes), f"{epoch}.{sequence}"
    if event.kind == "terms":
        return _terms(event, cause, cells, measures, raised)
    if event.entries or (event.moves and not is_end(event)):
        raise Poison(f"an event of kind {event.kind} with moves or entries")
    drawn = check_legs(event, held)
    check_hold(event, cells, held, drawn)
    fallen = lowered_by(event.moves, held=True) if event.moves else {}
    kept = held.lots if held is not None and is_end(event) else {}
    check_lots(cells, drawn, kept, fallen)
    if cells.debt != (owed := event.overshoot.owed if event.overshoot else 0):
        raise Poison(f"overshoot: {owed} is owed, but the cell `{DEBT}` changed by {cells.debt}")
    if event.kind in OPENS:
        return NOTHING
    transfers = _draws(event, cause)
    for move in event.moves:
        transfers += _move(move, measures, cause, HOLD_ENDED, event.subject or ITSELF, event.at)
    return Settlement(_charge(event), tuple(transfers))


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


def _terms(
    event: Event, cause: str, cells: Cells, measures: Mapping[int, str], raised: Mapping[int, int]
) -> Settlement:
    """New terms. What they raise was booked when it was ordered; booked here is what they took, and what they say."""
    if event.terms is None or (event.terms.account, event.terms.version) != (event.account, event.profile):
        raise Poison(f"terms of another account or version, expected {event.profile} of {event.account}")
    if event.legs or event.overshoot or event.hold or event.ends or cells.hold or cells.holds:
        raise Poison("terms that draw or end a hold")
    lowered = lowered_by(event.moves, held=False)
    gained = dict(raised)
    for move in event.moves:
        if move.to:
            gained[move.to] = gained.get(move.to, 0) + move.amount
    check_lots(cells, lowered, gained, {})
    paid = sum(move.amount for move in event.moves if move.kind == "owed")
    if cells.debt != -paid:
        raise Poison(f"moves pay {paid} that is owed, but the cell `{DEBT}` changed by {cells.debt}")
    transfers: list[Transfer] = []
    for move in event.moves:
        transfers += _move(move, measures, cause, event.reason, event.actor, event.at)
    for kind, what, before, after in ((one.kind, one.what, one.before, one.after) for one in event.entries):
        if before != after:
            transfers.append(Transfer(kind, what, 0, 0, before, after, cause, event.reason, event.actor, event.at))
    return Settlement(None, tuple(transfers))


def _charge(event: Event) -> Charge | None:
    legs: list[tuple[str, int, int, int]] = [
        (leg.layer, leg.units, leg.price, leg.amount) for leg in event.legs if leg.amount
    ]
    if (over := event.overshoot) is not None and over.amount:
        legs.append(("overshoot", over.units, over.price, over.amount))
        if over.forgiven:
            legs.append(("forgiven", 0, 0, -over.forgiven))
    if not legs:
        return None
    return Charge(event.feature, event.at, event.subject, sum(leg[3] for leg in legs), tuple(legs))


def _draws(event: Event, cause: str) -> list[Transfer]:
    revenue, actor, at = revenue_book(event.feature), event.subject or ITSELF, event.at
    found = []
    for leg in event.legs:
        measure = "credits" if leg.layer == "credits" else event.feature
        for lot, amount in leg.lots:
            found.append(Transfer("debit", measure, lot, -amount, lot_book(lot), revenue, cause, USAGE, actor, at))
        if leg.layer == "overage" and leg.amount:
            found.append(Transfer("overage", "credits", 0, leg.amount, "receivable", revenue, cause, USAGE, actor, at))
    if (over := event.overshoot) is not None and over.amount:
        rest = (cause, USAGE, actor, at)
        found.append(Transfer("debit", "credits", 0, over.amount, "overshoot", revenue, *rest))
        if over.forgiven:
            found.append(Transfer("overshoot_refund", "credits", 0, -over.forgiven, "forgiven", "overshoot", *rest))
        if over.owed:
            found.append(Transfer("owed", "credits", 0, over.owed, "owed", "overshoot", *rest))
    return found


def _move(move: Move, measures: Mapping[int, str], cause: str, reason: str, actor: str, at: int) -> Iterable[Transfer]:
    if not move.amount:
        return
    for lot in (move.lot, move.to) if move.to else (move.lot,):
        if lot not in measures:
            raise Poison(f"lot {lot}: found no such lot, expected one that {move.kind} can move")
    book, measure, rest = lot_book(move.lot), measures[move.lot], (cause, reason, actor, at)
    if (move.kind == "owed" and measure != "credits") or (move.to and measures[move.to] != measure):
        raise Poison(f"{move.kind} from lot {move.lot}: a lot of {measure}, expected one that fits")
    if move.kind != "rollover":
        yield Transfer(move.kind, measure, move.lot, -move.amount, book, GONE[move.kind], *rest)
        return
    yield Transfer("rollover", measure, move.lot, -move.amount, book, "rollover", *rest)
    yield Transfer("rollover", measure, move.to, move.amount, "rollover", lot_book(move.to), *rest)
