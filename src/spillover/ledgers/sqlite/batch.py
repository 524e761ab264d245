"""A batch of the stream, decoded and settled by the pure rule: what does not depend on the state of the books."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spillover.core.settle import NOTHING, Poison, Settlement, settle
from spillover.model.event import Event, StreamEntry, decode_event


class Item:
    """One entry on its way into the books. `event` is None if it cannot be read; `poison` says why it is not booked."""

    __slots__ = ("entry", "event", "poison", "settlement", "text")

    def __init__(self, entry: StreamEntry) -> None:
        self.entry = entry
        self.event: Event | None = None
        self.settlement: Settlement = NOTHING
        self.text = self.poison = ""
        try:
            self.text = entry.payload.decode()
            self.event = event = decode_event(entry.payload)
            if event.account != entry.account or event.key != entry.key:
                raise Poison(f"the event of account {event.account}, key {event.key!r}, stands in another's place")
            self.settlement = settle(event, entry.epoch, entry.sequence)
        except Poison as reason:
            self.poison = str(reason)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self.poison = f"not an event: {error}"


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
