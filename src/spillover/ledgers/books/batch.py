"""A batch of the stream, decoded, and where it can be settled by the pure rule without knowing the books."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from spillover.core.adds_up import LOT, Poison
from spillover.core.settle import Settlement, settle
from spillover.ledgers.books import nuls
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.event import Event, StreamEntry, decode_event
from spillover.model.hold import Hold

_encode = msgspec.json.Encoder().encode


class Item:
    """One entry on its way into the books. `event` is None if it cannot be read; `poison` says why it is not booked.

    `settlement` is None where it depends on what the books know: a hold, a lot's measure, what was ordered. `lots` are
    those that it draws on, moves, or whose cell it changes.
    """

    __slots__ = ("entry", "event", "lots", "poison", "settlement", "text")

    def __init__(self, entry: StreamEntry) -> None:
        self.entry = entry if nuls.NUL not in entry.key else replace(entry, key=nuls.shown(entry.key))
        self.event: Event | None = None
        self.settlement: Settlement | None = None
        self.text = self.poison = ""
        try:
            if self.entry is not entry or nuls.in_json(entry.payload):
                raise Poison("not an event: a text with a NUL in it")
            self.text = entry.payload.decode()
            self.event = event = decode_event(entry.payload)
            if event.account != entry.account or event.key != entry.key:
                raise Poison(f"the event of account {event.account}, key {event.key!r}, stands in another's place")
            if event.kind == "usage":
                self.settlement = settle(event, entry.epoch, entry.sequence)
        except Poison as reason:
            self.poison = str(reason)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self.poison = nuls.shown(f"not an event: {error}")
        self.lots = () if self.event is None else _lots(self.event)

    def hold(self) -> str:
        """The hold that it opens, extends or ends; "" where it concerns none."""
        event = self.event
        return "" if event is None else event.hold.id if event.hold is not None else event.ends

    def charges(self) -> bool:
        """Whether it may change what the account owes, or what overshoot left."""
        event = self.event
        return event is not None and (event.overshoot is not None or any(leg.layer == "overage" for leg in event.legs))


def _lots(event: Event) -> tuple[int, ...]:
    found = [lot for leg in event.legs if leg.lots for lot, _ in leg.lots]
    found += [lot for move in event.moves for lot in (move.lot, move.to) if lot]
    found += [lot_of(name) for name, _, add in event.changes if add and name.startswith(LOT)]
    return tuple({lot: None for lot in found if 0 < lot <= AMOUNT_MAX})


def lot_of(cell: str) -> int:
    """The lot whose cell this is; 0 if it is no lot's."""
    number = cell.removeprefix(LOT)
    found = int(number) if number.isascii() and number.isdecimal() and len(number) <= 16 else 0
    return found if str(found) == number and found <= AMOUNT_MAX else 0


def record_of(hold: Hold) -> bytes:
    """A hold as the settled state keeps it."""
    return _encode(hold)


def prepare(entries: Sequence[StreamEntry]) -> dict[int, list[Item]]:
    """The entries by account, each account's in (epoch, sequence) order; what came twice is taken once."""
    found: dict[int, list[Item]] = {}
    seen: set[tuple[int, int, int, str, bytes]] = set()
    for entry in sorted(entries, key=_place):
        identity = (entry.account, entry.epoch, entry.sequence, entry.key, entry.payload)
        if identity not in seen:
            seen.add(identity)
            found.setdefault(entry.account, []).append(Item(entry))
    return found


def _place(entry: StreamEntry) -> tuple[int, int, int]:
    # Accounts in one order for everyone, as for locks.
    return (entry.account, entry.epoch, entry.sequence)
