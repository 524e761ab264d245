"""Booking a batch onto a snapshot: which entries are booked, parked or quarantined, and the rows that this makes.

Pure: it reads and changes the snapshot in memory, and collects rows for settling.py to write. So it can be done before
the lock, and done again under it if the books have moved meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spillover.core.adds_up import LOT, Poison, is_end
from spillover.core.settle import NOTHING, Settlement, settle
from spillover.ledgers.books.again import Twice, twice
from spillover.ledgers.books.batch import Item
from spillover.ledgers.books.chain import link
from spillover.ledgers.books.keys import again_key
from spillover.ledgers.books.posting import LotState, Posting, Sums, Unpayable, update_row
from spillover.ledgers.books.snapshot import Place, Snapshot
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.books import Charge
from spillover.model.event import Event
from spillover.model.hold import Hold

Row = tuple[object, ...]
Cells = dict[tuple[int, str], int]
"""(account, name) -> value."""
EMPTY = Posting(lambda _: None, lambda _: Sums())
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
        self.twice: list[Twice] = []
        self.terms: set[int] = set()
        self.lots: set[tuple[int, int]] = set()
        self.measures: set[tuple[int, str]] = set()
        self.cells: Cells = {}
        self.holds: dict[tuple[int, str], Hold | None] = {}
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
        identity = (entry.epoch, entry.sequence, entry.payload)
        keys = entry.key, again_key(entry.epoch, entry.sequence)
        if all(self.snapshot.booked.get((entry.account, key)) != identity for key in keys):
            self._quarantine(item, reason, counted=False, applied=False)

    def _next(self, place: Place, item: Item) -> None:
        """The account's next event takes its sequence, booked or quarantined."""
        entry = item.entry
        place.sequence = entry.sequence
        cells = self._changed_cells(item)
        settlement, posting, reason = NOTHING, EMPTY, item.poison
        if not reason:
            try:
                settlement = self._settle(place, item, cells)
                if settlement.transfers:
                    posting = self._posting(entry.account)
                for transfer in settlement.transfers:
                    posting.post(transfer)
                self._check_lots(item, posting, cells or {})
            except (Poison, Unpayable) as refused:
                reason = str(refused)
        if cells is not None:
            # Also of a quarantined event: the hot state has these changes too, and must stay comparable.
            self.cells.update(cells)
            self.snapshot.cells.update(cells)
            self._move_hold(item)
        if reason:
            self._quarantine(item, reason, counted=True, applied=cells is not None)
            return
        self._book(place, item, settlement, posting)

    def _book(self, place: Place, item: Item, settlement: Settlement, posting: Posting) -> None:
        """The rows of an event that is booked: under its own key, or, if that came again, under its place."""
        entry, event, booked = item.entry, item.event, self.snapshot.booked
        assert event is not None  # else it would be in quarantine
        key, first = entry.key, booked.get((entry.account, entry.key))
        if first is not None:
            key = again_key(entry.epoch, entry.sequence)
            if (found := twice(event, key, first[2])) is not None:
                self.twice.append(found)
        row = (entry.account, entry.epoch, entry.sequence, key)
        place.usage_head = link(place.usage_head, (*row, item.text))
        place.usage_count += 1
        self.usage.append((*row, entry.payload, place.usage_head))
        booked[entry.account, key] = (entry.epoch, entry.sequence, entry.payload)
        if event.kind == "terms":
            place.settled_version = event.profile
            self.terms.add(place.id)
        if settlement.charge is not None:
            self._charge(place, item, settlement.charge)
        if posting.rows:
            self._keep(place, posting)

    def _settle(self, place: Place, item: Item, cells: Cells | None) -> Settlement:
        """The event's charge and transfers. Raises Poison if it cannot be booked on these books."""
        entry, event, snapshot = item.entry, item.event, self.snapshot
        if event is None or cells is None:
            raise Poison("a cell would leave the range of -2^53 + 1 .. 2^53 - 1, or its hold has no due time in it")
        if item.settlement is not None:
            return item.settlement
        if event.kind == "terms":
            self._check_terms(place, entry.key, event)
        held = snapshot.holds.get((entry.account, item.hold()))
        lots = {lot: snapshot.lots.get((entry.account, lot)) for lot in item.lots}
        measures = {lot: found.measure for lot, found in lots.items() if found is not None}
        raised = snapshot.raised.get((entry.account, event.profile), ()) if event.kind == "terms" else ()
        return settle(event, entry.epoch, entry.sequence, held, measures, dict(raised))

    def _check_terms(self, place: Place, key: str, event: Event) -> None:
        """Terms are the next that the ledger has made, and come once. Raises Poison."""
        if (known := self.snapshot.booked.get((place.id, key))) is not None:
            raise Poison(f"its key was booked before, as event {known[0]}.{known[1]}")
        if not place.settled_version < event.profile <= place.version:
            raise Poison(f"terms {event.profile}, expected {place.settled_version + 1} to {place.version}")

    def _check_lots(self, item: Item, posting: Posting, cells: Cells) -> None:
        """Each lot is of its leg's measure, and its cell between 0 and what the books say. Raises Poison."""
        event, account = item.event, item.entry.account
        if event is None or not item.lots:
            return
        for leg in event.legs:
            measure = "credits" if leg.layer == "credits" else event.feature
            for number, _ in leg.lots:
                lot = self.snapshot.lots.get((account, number))
                if lot is None or lot.measure != measure:
                    found = "no such lot" if lot is None else f"a lot of {lot.measure}"
                    raise Poison(f"lot {number}: found {found}, expected one of {measure}")
        for number in item.lots:
            name, known = (account, f"{LOT}{number}"), self.snapshot.lots.get((account, number))
            lot = posting.lots.get(number) or known
            before = self.snapshot.cells.get(name, 0)
            cell = cells.get(name, before)
            # Where one event in quarantine has left them apart, those behind it are not to blame.
            if not 0 <= cell <= _balance(lot) and 0 <= before <= _balance(known):
                raise Poison(f"lot {number}: {cell} is left in its cell, {_balance(lot)} in the books")

    def _move_hold(self, item: Item) -> None:
        """The settled state's open holds after the event."""
        event, account, id_ = item.event, item.entry.account, item.hold()
        if event is None or not id_:
            return
        if event.hold is not None:
            self.snapshot.holds[account, id_] = event.hold
            self.holds[account, id_] = event.hold
        elif is_end(event):
            self.snapshot.holds.pop((account, id_), None)
            self.holds[account, id_] = None

    def _changed_cells(self, item: Item) -> Cells | None:
        """The account's cells after the event; None if it cannot be read or a value would leave its range."""
        if item.event is None or (item.event.hold is not None and not 0 < item.event.hold.due <= AMOUNT_MAX):
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

    def _charge(self, place: Place, item: Item, charge: Charge) -> None:
        place.charge_count += 1
        row = (
            place.id, place.charge_count, item.entry.epoch, item.entry.sequence, charge.feature, charge.at,
            charge.subject, charge.amount, _json(charge.legs).decode(),
        )  # fmt: skip
        place.charge_head = link(place.charge_head, row)
        self.charges.append((*row, place.charge_head))

    def _posting(self, account: int) -> Posting:
        lots, sums = self.snapshot.lots, self.snapshot.sums
        return Posting(lambda lot: lots.get((account, lot)), lambda of: sums.get((account, of)) or Sums())

    def _keep(self, place: Place, posting: Posting) -> None:
        """What was posted becomes the state of the books, and rows in the account's chain."""
        for number, lot in posting.lots.items():
            self.snapshot.lots[place.id, number] = lot
            self.lots.add((place.id, number))
        for measure, sums in posting.sums.items():
            self.snapshot.sums[place.id, measure] = sums
            self.measures.add((place.id, measure))
        for posted in posting.rows:
            place.update_count += 1
            row = update_row(place.id, place.update_count, *posted)
            place.update_head = link(place.update_head, row)
            self.updates.append((*row, place.update_head))

    def _quarantine(self, item: Item, reason: str, *, counted: bool, applied: bool) -> None:
        entry = item.entry
        identity = (entry.account, entry.epoch, entry.sequence, entry.key, entry.payload)
        if identity in self.snapshot.quarantined:
            return
        at = item.event.at if item.event is not None and 0 <= item.event.at <= AMOUNT_MAX else None
        self.quarantine.append((*identity, reason, at, int(counted), int(applied)))


def _balance(lot: LotState | None) -> int:
    return 0 if lot is None else lot.balance
