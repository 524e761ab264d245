"""What the stream still holds of an account, laid on its settled state: what the hot state must be then (invariant 15).

Pure. Cells follow the events' own changes, by the rule by which a store applies them; lots are added up a second time,
from legs and moves, so that cells and books can be compared without either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from spillover.core.adds_up import LOT, is_end
from spillover.core.apply import apply
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Cells, Operation, Standing
from spillover.model.event import Event, StreamEntry, decode_event
from spillover.model.hold import Hold

decode_hold = msgspec.json.Decoder(Hold).decode
Amounts = dict[int, int]
"""Lot -> amount."""


class Unreadable(Exception):
    """An event, or a hold's record, that cannot be read: what the hot state must be cannot be told."""


class Expected(Struct):
    """The state that follows. `drawn`: what events that are not booked yet take from each lot, so that the books still
    have it: draws, and what left a lot otherwise; less than 0 where a lot gains from another by a rollover."""

    sequence: int
    profile: Profile | None
    cells: Cells
    holds: dict[str, Hold]
    drawn: Amounts


def expected_of(settled: Standing, entries: Sequence[StreamEntry]) -> Expected:
    """The settled state with these entries, which follow it without a gap. Raises Unreadable."""
    found = Expected(settled.sequence, settled.profile, dict(settled.cells), holds_of(settled), {})
    for entry in entries:
        try:
            event = decode_event(entry.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreadable(f"event {entry.epoch}.{entry.sequence}: {error}") from error
        found.sequence = entry.sequence
        _change(found.cells, event)
        _hold(found.holds, event)
        _draw(found.drawn, event)
        if event.kind == "terms":
            found.profile = event.terms
    return found


def holds_of(standing: Standing) -> dict[str, Hold]:
    """Its open holds by their ids. Raises Unreadable."""
    found: dict[str, Hold] = {}
    for hold in standing.holds:
        try:
            found[hold.id] = decode_hold(hold.record)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Unreadable(f"hold {hold.id}: {error}") from error
    return found


def kept_by(holds: Iterable[Hold]) -> Amounts:
    """What open holds keep of each lot."""
    kept: Amounts = {}
    for hold in holds:
        for lot, amount in hold.lots.items():
            kept[lot] = kept.get(lot, 0) + amount
    return kept


def lots_in(cells: Cells) -> Amounts:
    """What the cells have of each lot."""
    found: Amounts = {}
    for name, value in cells.items():
        number = name.removeprefix(LOT)
        if name.startswith(LOT) and number.isascii() and number.isdecimal():
            found[int(number)] = value
    return found


def _change(cells: Cells, event: Event) -> None:
    for name, floor, add in event.changes:
        operation: Operation = (name, -AMOUNT_MAX, AMOUNT_MAX, floor, add)
        for changed, value in (apply(cells, (operation,)) or {}).items():
            cells[changed] = value
            if not value:
                del cells[changed]


def _hold(holds: dict[str, Hold], event: Event) -> None:
    if event.hold is not None:
        holds[event.hold.id] = event.hold
    elif is_end(event):
        holds.pop(event.ends, None)


def _draw(drawn: Amounts, event: Event) -> None:
    if event.kind not in ("hold", "extend"):  # what these draw is kept by the hold
        for leg in event.legs:
            for lot, amount in leg.lots:
                drawn[lot] = drawn.get(lot, 0) + amount
    for move in event.moves:
        drawn[move.lot] = drawn.get(move.lot, 0) + move.amount
        if move.to:
            drawn[move.to] = drawn.get(move.to, 0) - move.amount
