"""What the books say of everything that a batch touches, read before the lock, so that the lock is for writing only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw
from msgspec import Struct

from spillover.ledgers.sqlite.batch import Item
from spillover.sqlite import statements

SQL = statements("spillover.ledgers.sqlite", "settling.sql")


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


class LotState(Struct):
    """A lot as the batch finds it, and then leaves it."""

    measure: str
    balance: int
    spent: int


class Balance(Struct):
    """An account's sums in one measure."""

    balance: int = 0
    spent: int = 0
    owed: int = 0


Identity = tuple[int, int, bytes]
"""Where an event with a known key stands: (epoch, sequence), and its payload."""


class Snapshot:
    """The state of the books for the accounts, lots, cells and keys of one batch; booking changes it as it goes."""

    __slots__ = ("_accounts", "_stands", "balances", "booked", "cells", "lots", "places", "quarantined")

    def __init__(self, connection: apsw.Connection, batch: Mapping[int, Sequence[Item]]) -> None:
        run = connection.executemany
        self.places = {row[0]: Place(*row) for row in run(SQL["place"], [(account,) for account in batch])}
        self._accounts = list(batch)
        self._stands = {id_: (place.epoch, place.sequence, place.update_count) for id_, place in self.places.items()}
        # Dictionaries for sets: they keep the batch's order by account, so look-ups meet pages that are at hand.
        keys: dict[tuple[int, str], None] = {}
        lots: dict[tuple[int, int], None] = {}
        measures: dict[tuple[int, str], None] = {}
        cells: dict[tuple[int, str], None] = {}
        again: list[tuple[int, int, int, str]] = []
        for account, items in batch.items():
            place = self.places.get(account)
            for item in items:
                entry = item.entry
                keys[account, entry.key] = None
                if place is None or (entry.epoch, entry.sequence) <= (place.epoch, place.sequence):
                    again.append((account, entry.epoch, entry.sequence, entry.key))
                for transfer in item.settlement.transfers:
                    lots[account, transfer.lot] = None
                    measures[account, transfer.measure] = None
                if item.event is not None:
                    for name, floor, add in item.event.changes:
                        if add or floor is not None:
                            cells[account, name] = None
        self.booked: dict[tuple[int, str], Identity] = {
            (account, key): (epoch, sequence, payload)
            for account, key, epoch, sequence, payload in run(SQL["booked"], list(keys))
        }
        self.quarantined: set[tuple[int, int, int, str, bytes]] = set(run(SQL["quarantined"], again))
        self.lots = {(account, lot): LotState(*rest) for account, lot, *rest in run(SQL["lot"], list(lots))}
        self.balances = {(account, m): Balance(*rest) for account, m, *rest in run(SQL["balance"], list(measures))}
        self.cells: dict[tuple[int, str], int] = {
            (account, name): value for account, name, value in run(SQL["cell"], list(cells))
        }

    def holds(self, connection: apsw.Connection) -> bool:
        """Whether the accounts still stand where they stood: nobody has booked anything of them since."""
        rows = connection.executemany(SQL["still"], [(account,) for account in self._accounts])
        return {row[0]: row[1:] for row in rows} == self._stands
