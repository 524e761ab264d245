"""Whether an event adds up: legs, lots, holds and overshoot against the cells that it changed, before it is booked.

Books and hot state must move by the same amounts, or the two would part without anyone noticing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from spillover.core.decide import LEGS_MAX
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.decision import Overshoot
from spillover.model.event import Event, Move
from spillover.model.hold import Hold
from spillover.model.leg import Leg

LOT, HOLD, HOLDS, DEBT = "lot:", "hold:", "holds", "debt"
OPENS, ENDS = ("hold", "extend"), ("commit", "release", "expire")


class Poison(Exception):
    """An event that cannot be booked as it stands; its text says why, for the quarantine."""


def hold_id(key: str) -> str:
    """The short form of a hold's key, as in its cell `hold:ID`."""
    return blake2b(key.encode(), digest_size=8).hexdigest()


class Cells:
    """By how much the event changed the cells that books follow: lots (by cell name), open holds, what is owed."""

    __slots__ = ("debt", "hold", "holds", "lots")

    def __init__(self, changes: Iterable[tuple[str, int | None, int]]) -> None:
        self.lots: dict[str, int] = {}
        self.hold: dict[str, tuple[int | None, int]] = {}
        self.holds = self.debt = 0
        for name, floor, add in changes:
            if name.startswith(HOLD):
                self.hold[name.removeprefix(HOLD)] = (floor, add)
            elif name in (HOLDS, DEBT) or name.startswith(LOT):
                if floor is not None:
                    raise Poison(f"cell {name!r} was set by a floor, expected what was added to it")
                if name == HOLDS:
                    self.holds += add
                elif name == DEBT:
                    self.debt += add
                elif add:
                    self.lots[name] = self.lots.get(name, 0) + add


def is_end(event: Event) -> bool:
    """Whether the event ends an open hold; a late commit does not, for its hold has expired."""
    return event.kind in ENDS and not event.late


def check_legs(event: Event, held: Hold | None) -> dict[int, int]:
    """Lot -> amount drawn by the legs as a whole. Raises Poison unless sums and ranges agree."""
    granted = charged = entries = 0
    drawn: dict[int, int] = {}
    for leg in event.legs:
        _check_leg(leg)
        granted += leg.units
        charged += leg.amount
        entries += len(leg.lots) or 1
        for lot, amount in leg.lots:
            drawn[lot] = drawn.get(lot, 0) + amount
    if event.overshoot is not None:
        _check_overshoot(event, event.overshoot)
        granted += event.overshoot.units
        charged += event.overshoot.amount
    if granted != event.granted:
        raise Poison(f"legs of {granted} units, expected the {event.granted} granted")
    if not (granted <= AMOUNT_MAX and charged <= AMOUNT_MAX):
        raise Poison(f"a sum outside 0 .. 2^53 - 1 ({granted} units, amount {charged})")
    most = LEGS_MAX + (sum(len(part.leg.lots) or 1 for part in held.parts) if held else 0)
    if entries > most:
        raise Poison(f"{entries} legs and lots, expected at most {most}")
    if event.legs and event.kind in ("release", "expire"):
        raise Poison(f"legs of an event of kind {event.kind}, expected none")
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


def _check_overshoot(event: Event, over: Overshoot) -> None:
    if event.kind not in ("usage", "commit"):
        raise Poison(f"overshoot of an event of kind {event.kind}, expected none")
    if not (0 < over.units <= AMOUNT_MAX and 0 <= over.price <= AMOUNT_MAX and over.amount == over.units * over.price):
        raise Poison(f"overshoot: {over.units} units at {over.price} are {over.amount}, expected their product")
    if not 0 <= over.forgiven <= over.amount:
        raise Poison(f"overshoot: {over.forgiven} of {over.amount} is forgiven, expected 0 to all of it")


def check_lots(cells: Cells, drawn: Mapping[int, int], kept: Mapping[int, int], fallen: Mapping[int, int]) -> None:
    """For each lot: what it lost is what was drawn and what fell away, less what was kept. Raises Poison."""
    if not (cells.lots or drawn or kept or fallen):
        return
    found = dict(cells.lots)
    for lot in drawn.keys() | kept.keys() | fallen.keys():
        expected = kept.get(lot, 0) - drawn.get(lot, 0) - fallen.get(lot, 0)
        if (change := found.pop(f"{LOT}{lot}", 0)) != expected:
            raise Poison(
                f"lot {lot}: by legs, moves and holds {expected:+} is expected, but its cell changed by {change}"
            )
    if found:
        raise Poison(f"cells {sorted(found)} changed, but no leg or move says why")


def check_hold(event: Event, cells: Cells, held: Hold | None, drawn: Mapping[int, int]) -> None:
    """The record and the cells of holds fit the kind of the event. Raises Poison."""
    if event.kind == "usage" and not (event.hold or event.ends or event.late or cells.hold or cells.holds):
        return
    opened, ended = event.kind == "hold", is_end(event)
    if event.late and event.kind != "commit":
        raise Poison(f"an event of kind {event.kind} that is late, expected a commit")
    record = event.hold
    if (record is not None) != (event.kind in OPENS):
        raise Poison(f"an event of kind {event.kind} {'with' if record else 'without'} the record of a hold")
    if record is None and bool(event.ends) != (event.kind in ENDS):
        raise Poison(f"an event of kind {event.kind} that ends {event.ends or 'no hold'}")
    id_ = record.id if record is not None else event.ends
    if opened or event.late:
        if held is not None:
            raise Poison(f"hold {id_} is open, expected that it {'is new' if opened else 'has expired'}")
    elif (record is not None or ended) and held is None:
        raise Poison(f"hold {id_} is not open in the books")
    if record is not None:
        _check_record(event, record, held, drawn)
    before, after = held.due if held is not None else 0, record.due if record is not None else 0
    floor, add = cells.hold.pop(id_, (None, 0))
    if (before if floor is None else max(before, floor)) + add != after:
        raise Poison(f"cell {HOLD}{id_}: changed by {add} from {before}, expected {after} after it")
    if cells.hold:
        raise Poison(f"cells of other holds changed: {sorted(cells.hold)}")
    if cells.holds != (expected := int(opened) - int(ended)):
        raise Poison(f"cell `{HOLDS}` changed by {cells.holds}, expected {expected}")


def _check_record(event: Event, record: Hold, held: Hold | None, drawn: Mapping[int, int]) -> None:
    """What the record keeps is what was kept before and what is drawn now. Raises Poison."""
    if record.account != event.account or record.id != hold_id(record.key) or record.feature != event.feature:
        raise Poison(f"the record of hold {record.id} is of another account, key or feature")
    if event.kind == "hold" and record.key != event.key:
        raise Poison(f"the record of a hold with key {record.key!r}, expected {event.key!r}")
    if not (held.due if held is not None else 0) < record.due <= AMOUNT_MAX:
        raise Poison(f"hold {record.id}: due {record.due}, expected later than before")
    wanted = dict(held.lots) if held is not None else {}
    for lot, amount in drawn.items():
        wanted[lot] = wanted.get(lot, 0) + amount
    if record.lots != wanted:
        raise Poison(f"hold {record.id}: its record keeps {record.lots}, expected {wanted}")


def lowered_by(moves: Iterable[Move], *, held: bool) -> dict[int, int]:
    """Lot -> what left it. Raises Poison for moves that such an event cannot make."""
    lowered: dict[int, int] = {}
    for move in moves:
        if not (0 <= move.amount <= AMOUNT_MAX and 0 < move.lot <= AMOUNT_MAX):
            raise Poison(f"{move.kind} of {move.amount} from lot {move.lot}, expected 0 to 2^53 - 1 of a lot")
        if move.held != held or (held and move.kind not in ("expire", "revoke")):
            raise Poison(f"{move.kind} from lot {move.lot}, held {move.held}: not what this event can do")
        if (move.to != 0) != (move.kind == "rollover") or move.to == move.lot:
            raise Poison(f"{move.kind} from lot {move.lot} to lot {move.to}")
        lowered[move.lot] = lowered.get(move.lot, 0) + move.amount
    return lowered
