"""What the books say of everything that a batch touches, read before the lock, so that the lock is for writing only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from spillover.core.adds_up import LOT
from spillover.ledgers.books.batch import Item
from spillover.ledgers.books.keys import again_key
from spillover.ledgers.books.posting import LotState, Sums
from spillover.ledgers.books.tables import Row, Tables
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.hold import Hold

T = TypeVar("T")
_hold = msgspec.json.Decoder(Hold).decode
_raised = msgspec.json.Decoder(tuple[tuple[int, int], ...]).decode


class Place(Struct):
    """An account's row: where it stands, and where its chains end."""

    id: int
    epoch: int
    sequence: int
    settled_version: int
    version: int
    usage_count: int
    usage_head: bytes
    charge_count: int
    charge_head: bytes
    update_count: int
    update_head: bytes


Identity = tuple[int, int, bytes]
"""Where an event with a known key stands: (epoch, sequence), and its payload."""


class Snapshot:
    """The state of the books for the accounts, lots, cells and keys of one batch; booking changes it as it goes."""

    __slots__ = (
        "_accounts", "_stands", "booked", "cells", "holds", "lots", "places", "quarantined", "raised", "sums",
    )  # fmt: skip

    def __init__(self, tables: Tables, batch: Mapping[int, Sequence[Item]]) -> None:
        run = tables.many
        self.places = {row[0]: Place(*row) for row in run("settling.place", [(account,) for account in batch])}
        self._accounts = list(batch)
        self._stands = {id_: (place.epoch, place.sequence, place.update_count) for id_, place in self.places.items()}
        touched = _Touched(batch, self.places)
        self.booked: dict[tuple[int, str], Identity] = {
            (account, key): (epoch, sequence, payload)
            for account, key, epoch, sequence, payload in run("settling.booked", list(touched.keys))
        }
        self.quarantined: set[tuple[int, int, int, str, bytes]] = set(run("settling.quarantined", touched.again))
        self.lots = {(account, lot): LotState(*rest) for account, lot, *rest in run("settling.lot", list(touched.lots))}
        measures = touched.credits | {(account, lot.measure): None for (account, _), lot in self.lots.items()}
        self.sums = {(account, of): Sums(*rest) for account, of, *rest in run("settling.balance", list(measures))}
        self.cells: dict[tuple[int, str], int] = {
            (account, name): value for account, name, value in run("settling.cell", list(touched.cells))
        }
        self.holds: dict[tuple[int, str], Hold] = _read(_hold, run("settling.hold", list(touched.holds)))
        self.raised: dict[tuple[int, int], tuple[tuple[int, int], ...]] = _read(
            _raised, run("settling.raised", list(touched.versions))
        )

    def stands(self, tables: Tables) -> bool:
        """Whether the accounts still stand where they stood: nobody has booked anything of them since."""
        rows = tables.many("settling.still", [(account,) for account in self._accounts])
        return {row[0]: row[1:] for row in rows} == self._stands


def _read(decode: Callable[[Any], T], rows: Iterable[Row]) -> dict[tuple[int, Any], T]:
    """What can be read. The rest is as if it were not there: its events go to quarantine, those of others go on."""
    found = {}
    for account, what, text in rows:
        with suppress(msgspec.DecodeError):
            found[account, what] = decode(text)
    return found


class _Touched:
    """What a batch needs to know, by table. Dictionaries for sets: they keep the batch's order by account, so
    look-ups meet pages that are at hand."""

    __slots__ = ("again", "cells", "credits", "holds", "keys", "lots", "versions")

    def __init__(self, batch: Mapping[int, Sequence[Item]], places: Mapping[int, Place]) -> None:
        self.keys: dict[tuple[int, str], None] = {}
        self.lots: dict[tuple[int, int], None] = {}
        self.credits: dict[tuple[int, str], None] = {}
        self.cells: dict[tuple[int, str], None] = {}
        self.holds: dict[tuple[int, str], None] = {}
        self.versions: dict[tuple[int, int], None] = {}
        self.again: list[tuple[int, int, int, str]] = []
        for account, items in batch.items():
            place = places.get(account)
            for item in items:
                entry = item.entry
                self.keys[account, entry.key] = None
                if place is None or (entry.epoch, entry.sequence) <= (place.epoch, place.sequence):
                    self.keys[account, again_key(entry.epoch, entry.sequence)] = None
                    self.again.append((account, entry.epoch, entry.sequence, entry.key))
                self._add(account, item)

    def _add(self, account: int, item: Item) -> None:
        event = item.event
        if event is None:
            return
        for name, floor, add in event.changes:
            if add or floor is not None:
                self.cells[account, name] = None
        for lot in item.lots:
            self.lots[account, lot] = None
            self.cells[account, f"{LOT}{lot}"] = None
        if id_ := item.hold():
            self.holds[account, id_] = None
        if item.charges():
            self.credits[account, "credits"] = None
        if event.kind == "terms" and 0 < event.profile <= AMOUNT_MAX:
            self.versions[account, event.profile] = None
