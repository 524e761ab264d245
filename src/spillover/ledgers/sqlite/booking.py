"""Booking a batch onto a snapshot: which entries are booked, parked or quarantined, and the rows that this makes.

Pure: it reads and changes the snapshot in memory, and collects rows for settling.py to write. So it can be done before
the lock, and done again under it if the books have moved meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spillover.ledgers.sqlite.batch import Item
from spillover.ledgers.sqlite.chain import link
from spillover.ledgers.sqlite.grants import update_row
from spillover.ledgers.sqlite.snapshot import Balance, Place, Snapshot
from spillover.model.amounts import AMOUNT_MAX

Row = tuple[object, ...]
_json = msgspec.json.Encoder().encode


class Booking:
    """The rows of one batch, by table, and what became of its entries."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.usage: list[Row] = []
        self.charges: list[Row] = []
        self.updates: list[Row] = []
        self.quarantine: list[Row] = []
        self.moved: list[Place] = []
        self.lots: set[tuple[int, int]] = set()
        self.measures: set[tuple[int, str]] = set()
        self.cells: dict[tuple[int, str], int] = {}
        self.parked: set[tuple[int, int, int]] = set()

    def account(self, account: int, items: Sequence[Item]) -> None:
        """Book one account's entries, which come in (epoch, sequence) order."""
        place = self.snapshot.places.get(account)
        if place is None:
            for item in items:
                self._outside(item, "the account is unknown")
            return
        before = place.sequence
        for item in items:
            entry = item.entry
            if entry.epoch < place.epoch:
                self._outside(item, f"fenced: epoch {entry.epoch} is older than the account's {place.epoch}")
            elif entry.epoch > place.epoch or entry.sequence > place.sequence + 1:
                self.parked.add((account, entry.epoch, entry.sequence))
            elif entry.sequence <= place.sequence:
                self._outside(item, "its place is taken by another event: the hot state went back in time")
            else:
                self._next(place, item)
        if place.sequence != before:
            self.moved.append(place)

    def _outside(self, item: Item, reason: str) -> None:
        """Not next in the account's order: done if it was booked or quarantined before, else quarantined uncounted."""
        entry = item.entry
        known = self.snapshot.booked.get((entry.account, entry.key))
        if known != (entry.epoch, entry.sequence, entry.payload):
            self._quarantine(item, reason, counted=False, applied=False)

    def _next(self, place: Place, item: Item) -> None:
        """The account's next event takes its sequence, booked or quarantined."""
        entry, event = item.entry, item.event
        place.sequence = entry.sequence
        cells = self._changed_cells(item)
        reason = item.poison or self._refusal(place, item, cells)
        if cells is not None:
            # Also of a quarantined event: the hot state has these changes too, and must stay comparable.
            self.cells.update(cells)
            self.snapshot.cells.update(cells)
        if reason:
            self._quarantine(item, reason, counted=True, applied=cells is not None)
            return
        row = (entry.account, entry.epoch, entry.sequence, entry.key)
        place.usage_head = link(place.usage_head, (*row, item.text))
        place.usage_count += 1
        self.usage.append((*row, entry.payload, place.usage_head))
        self.snapshot.booked[entry.account, entry.key] = (entry.epoch, entry.sequence, entry.payload)
        if event is not None and event.kind == "terms":
            place.settled_version = event.profile
        if item.settlement.charge is not None:
            self._charge(place, item)
        if item.settlement.transfers:
            self._move(place, item)

    def _changed_cells(self, item: Item) -> dict[tuple[int, str], int] | None:
        """The account's cells after the event; None if it cannot be read or a value would leave its range."""
        if item.event is None:
            return None
        account, known = item.entry.account, self.snapshot.cells
        changed: dict[tuple[int, str], int] = {}
        for name, floor, add in item.event.changes:
            if floor is None and not add:
                continue
            cell = (account, name)
            value = before = changed[cell] if cell in changed else known.get(cell, 0)
            if floor is not None and value < floor:
                value = floor
            value += add
            if not -AMOUNT_MAX <= value <= AMOUNT_MAX:
                return None
            if value != before:
                changed[cell] = value
        return changed

    def _refusal(self, place: Place, item: Item, cells: dict[tuple[int, str], int] | None) -> str:
        """Why an event that adds up cannot be booked on these books; "" if it can."""
        entry, event = item.entry, item.event
        if event is None or cells is None:
            return "a cell would leave the range of -2^53 + 1 .. 2^53 - 1"
        known = self.snapshot.booked.get((entry.account, entry.key))
        if known is not None:
            return f"its key was booked before, as event {known[0]}.{known[1]}"
        if event.kind == "terms":
            if not place.settled_version < event.profile <= place.version:
                return f"terms {event.profile}, expected {place.settled_version + 1} to {place.version}"
            return ""
        return self._unpayable(item) if item.settlement.transfers else ""

    def _unpayable(self, item: Item) -> str:
        account, owed = item.entry.account, 0
        drawn: dict[int, int] = {}
        for transfer in item.settlement.transfers:
            if transfer.kind == "overage":
                owed += transfer.delta
                continue
            lot = self.snapshot.lots.get((account, transfer.lot))
            if lot is None or lot.measure != transfer.measure:
                found = "no such lot" if lot is None else f"a lot of {lot.measure}"
                return f"lot {transfer.lot}: found {found}, expected one of {transfer.measure}"
            drawn[transfer.lot] = drawn.get(transfer.lot, 0) - transfer.delta
            if drawn[transfer.lot] > lot.balance:
                return f"lot {transfer.lot}: draws {drawn[transfer.lot]} of a balance of {lot.balance}"
        if owed and self._balance(account, "credits").owed + owed > AMOUNT_MAX:
            return f"what the account owes would pass 2^53 - 1 by this overage of {owed}"
        return ""

    def _charge(self, place: Place, item: Item) -> None:
        charge = item.settlement.charge
        assert charge is not None
        place.charge_count += 1
        row = (
            place.id, place.charge_count, item.entry.epoch, item.entry.sequence, charge.feature, charge.at,
            charge.subject, charge.amount, _json(charge.legs).decode(),
        )  # fmt: skip
        place.charge_head = link(place.charge_head, row)
        self.charges.append((*row, place.charge_head))

    def _move(self, place: Place, item: Item) -> None:
        for transfer in item.settlement.transfers:
            balance = self._balance(place.id, transfer.measure)
            if transfer.kind == "overage":
                balance.owed += transfer.delta
                lot_after, account_after = 0, balance.owed
            else:
                lot = self.snapshot.lots[place.id, transfer.lot]
                lot.balance += transfer.delta
                lot.spent -= transfer.delta
                balance.balance += transfer.delta
                balance.spent -= transfer.delta
                lot_after, account_after = lot.balance, balance.balance
                self.lots.add((place.id, transfer.lot))
            self.measures.add((place.id, transfer.measure))
            place.update_count += 1
            row = update_row(place.id, place.update_count, transfer, lot_after, account_after)
            place.update_head = link(place.update_head, row)
            self.updates.append((*row, place.update_head))

    def _balance(self, account: int, measure: str) -> Balance:
        return self.snapshot.balances.setdefault((account, measure), Balance())

    def _quarantine(self, item: Item, reason: str, *, counted: bool, applied: bool) -> None:
        entry = item.entry
        identity = (entry.account, entry.epoch, entry.sequence, entry.key, entry.payload)
        if identity in self.snapshot.quarantined:
            return
        at = item.event.at if item.event is not None and 0 <= item.event.at <= AMOUNT_MAX else None
        self.quarantine.append((*identity, reason, at, int(counted), int(applied)))
