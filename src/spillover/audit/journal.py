"""Balance updates: followed in their own order with running balances, and each laid beside what caused it.

What was ordered (grants, adjustments up, refunds) stands wherever it was booked between the updates of events; updates
of events come in the events' order.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from spillover.audit.bookings import bookings
from spillover.audit.chains import Row, canonical, genesis
from spillover.audit.digest import Digest
from spillover.audit.report import Report
from spillover.audit.sums import ENTRIES, Ledger
from spillover.model.event import Event

TABLE = "balance_updates"
_COLUMNS = (
    "account", "number", "kind", "measure", "lot", "delta", "source", "target", "lot_after", "account_after", "cause",
    "reason", "actor", "at",
)  # fmt: skip
_BREAKS = {
    "number": "chain", "source": "zero-sum", "target": "zero-sum", "lot_after": "history", "account_after": "history",
}  # fmt: skip
"""Which promise a column breaks that is not as its event (or its history) makes it; else there is no such event."""


class Journal:
    """An account's balance updates, read beside its usage events.

    `refunds`: place of an event -> the rows that refund it; `orders`: key -> the rows that raise lots under it.
    """

    def __init__(self, account: int, rows: Iterator[Row], report: Report, digest: Digest) -> None:
        self._account, self._rows, self._report, self._digest = account, rows, report, digest
        self.count = 0
        self.head = genesis(TABLE, account)
        self.ledger = Ledger(self._note)
        self.lots, self.sums = self.ledger.lots, self.ledger.sums
        self.refunds: dict[str, list[Row]] = {}
        self.orders: dict[str, list[Row]] = {}
        self._returned: dict[int, Row] = {}
        self._granted = 0
        self._totals: dict[tuple[str, str], int] = {}
        self._spent: dict[tuple[str, str], int] = {}
        self._number = 0
        self._next: Row | None = next(rows, None)

    def of(self, event: Event, epoch: int, sequence: int) -> None:
        """The updates that an event makes, in their order."""
        cause = f"{epoch}.{sequence}"
        if event.kind == "usage" and event.overshoot is None:
            actor, revenue = event.subject or "account", f"revenue/{event.feature}"
            for leg in event.legs:
                if leg.lots:
                    measure = event.feature if leg.layer == "units" else "credits"
                    for lot, amount in leg.lots:
                        self._debit(measure, lot, amount, revenue, cause, actor, event.at)
                elif leg.amount and leg.layer == "overage":
                    facts = ("overage", "credits", 0, leg.amount, "receivable", revenue, 0, 0)
                    self._expect((self._account, 0, *facts, cause, "usage", actor, event.at))
            return
        self._skip_ordered()  # it may move a lot that was raised just before
        for kind, measure, lot, delta, source, target, reason, actor in bookings(event, self._measure):
            facts = (kind, measure, lot, delta, source, target, 0, 0)
            self._expect((self._account, 0, *facts, cause, reason, actor, event.at))

    def _measure(self, lot: int) -> str:
        history = self.lots.get(lot)
        return history.measure if history else "credits"

    def _debit(self, measure: str, lot: int, amount: int, revenue: str, cause: str, actor: str, at: int) -> None:
        """One debit, the most frequent of all rows: where it is as it must be, nothing is done that is not needed."""
        row, history, sums = self._next, self.lots.get(lot), self.sums.get(measure)
        if row is not None and row[2] == "debit" and history is not None and sums is not None:
            left, total, number = history.balance - amount, sums.balance - amount, self._number + 1
            if left >= 0 and history.measure == measure and row[:14] == (
                self._account, number, "debit", measure, lot, -amount, f"lot/{lot}", revenue, left, total, cause,
                "usage", actor, at,
            ):  # fmt: skip
                self._follow(row)
                history.balance, sums.balance = left, total
                history.spent += amount
                sums.spent += amount
                self._spent[measure, revenue] = self._spent.get((measure, revenue), 0) + amount
                return
        self._expect((
            self._account, 0, "debit", measure, lot, -amount, f"lot/{lot}", revenue, 0, 0, cause, "usage", actor, at,
        ))  # fmt: skip

    def _expect(self, expected: Row) -> None:
        """A row that an event calls for; its number and its balances follow from the rows before it."""
        self._skip_ordered()
        row, cause = self._next, expected[10]
        while row is not None and row[10] != cause and (self._is_ordered(row) or _place(row[10]) < _place(cause)):
            self._stray(row)
            row = self._next
        if row is None or row[10] != cause:
            found = f"no {expected[2]} of {abs(expected[5])} {expected[3]} from {expected[6]}"
            self._report("complete", TABLE, f"event {cause}", found, "the balance update that it makes")
            return
        self._compare(row, expected)
        self._take(row)

    def _skip_ordered(self) -> None:
        while self._next is not None and self._is_ordered(self._next):
            self._ordered(self._next)

    def finish(self, count: int, head: bytes) -> None:
        """Only what was ordered may be left; then the end must be the account's."""
        while self._next is not None:
            self._stray(self._next)
        if (self.count, self.head) != (count, head):
            found = f"{self.count} rows up to {self.head.hex()}"
            self._report("chain", TABLE, "", found, f"{count} up to {head.hex()}, by the account's row")

    def _is_ordered(self, row: Row) -> bool:
        """Whether it follows from an order, not from an event: also that what was refunded to an ended lot is gone."""
        kind, lot, delta = row[2], row[4], row[5]
        if kind in ("grant", "refund") or (kind == "adjust" and delta > 0):
            return True
        given = self._returned.get(lot) if kind in ("expire", "revoke") else None
        return given is not None and given[10] == row[10]

    def _ordered(self, row: Row) -> None:
        """One row of an order: its books are those of its kind."""
        _, number, kind, _, lot, delta, source, target, *_ = row
        cause, book = row[10], f"lot/{lot}"
        if kind == "refund":
            self.refunds.setdefault(cause, []).append(row)
            # What it is refunded from is seen with the event.
            wanted = (source, book if lot else "receivable")
            if lot:
                self._returned[lot] = row
        elif kind in ("expire", "revoke"):
            self.refunds.setdefault(cause, []).append(row)
            given = self._returned.pop(lot)
            wanted = (book, "expired" if kind == "expire" else "revoked")
            if delta != -given[5]:
                self._note("phantom", number, f"{-delta} gone of a refund", f"{given[5]}, all of it")
        else:
            self.orders.setdefault(cause, []).append(row)
            giver = "adjustments" if kind == "adjust" else "promotion" if source == "promotion" else "purchases"
            wanted = (giver, book)
        if kind == "grant":
            self._first(row)
        if (source, target) != wanted or (delta <= 0 and kind in ("grant", "adjust")):
            self._note("zero-sum", number, f"{delta} from {source} to {target}", f"{wanted[0]} to {wanted[1]}")
        self._compare(row, row)
        self._take(row, ordered=True)
        if lot and (history := self.lots.get(lot)) is not None:
            history.ordered += delta

    def _first(self, row: Row) -> None:
        """A lot is granted once, and later lots have higher numbers."""
        number, lot = row[1], row[4]
        if lot in self.lots:
            self._note("once", number, f"a second grant of lot {lot}", "one grant for each lot")
        elif lot <= self._granted:
            self._note("chain", number, f"lot {lot}", f"a number above {self._granted}, the last that was granted")
        self._granted = max(self._granted, lot)

    def _stray(self, row: Row) -> None:
        """A row that no event calls for; what was ordered needs none."""
        if self._is_ordered(row):
            self._ordered(row)
            return
        found = f"{row[2]} of {row[5]} {row[3]} for event {row[10]}"
        self._note("phantom", row[1], found, "something that an event makes, once")
        self._compare(row, row)
        self._take(row)

    def _take(self, row: Row, *, ordered: bool = False) -> None:
        _, _, kind, measure, _, delta, source, target, *_ = row
        self._follow(row, ordered=ordered)
        self.ledger.move(row)
        if kind not in ("refund", "expire", "revoke"):
            self._returned.clear()
        if kind in ENTRIES:
            return
        # Lots are the account's own books and are checked as such; here they go into one total.
        giver = "lots" if source.startswith("lot/") else source
        taker = "lots" if target.startswith("lot/") else target
        self._totals[measure, giver] = self._totals.get((measure, giver), 0) - abs(delta)
        self._totals[measure, taker] = self._totals.get((measure, taker), 0) + abs(delta)

    def _follow(self, row: Row, *, ordered: bool = False) -> None:
        """The row's place in the chain."""
        hashed = row[14]
        if sha256(self.head + canonical(row[:14])).digest() != hashed:
            found = f"hash {hashed.hex()}"
            self._note("chain", row[1], found, "the hash of this row and the one before")
        self.head, self._number = hashed, row[1]
        self.count += 1
        if ordered:
            self._digest.ordered(row)
        else:
            self._digest.update(row)
        self._next = next(self._rows, None)

    def books(self) -> dict[tuple[str, str], int]:
        """(measure, book) -> what it holds by this account's updates; lots and receivable as one book each."""
        totals = dict(self._totals)
        for (measure, revenue), amount in self._spent.items():
            totals[measure, "lots"] = totals.get((measure, "lots"), 0) - amount
            totals[measure, revenue] = totals.get((measure, revenue), 0) + amount
        return totals

    def _compare(self, row: Row, expected: Row) -> None:
        """Report each column that is not as expected; its place and its balances must follow from the rows before."""
        after = self.ledger.after(*row[2:6])
        expected = (self._account, self._number + 1, *expected[2:8], *after, *expected[10:14])
        for name, found, wanted in zip(_COLUMNS, row, expected, strict=False):
            if found != wanted:
                self._note(_BREAKS.get(name, "phantom"), row[1], f"{name} {found}", wanted)

    def _note(self, check: str, number: object, found: object, wanted: object) -> None:
        self._report(check, TABLE, f"number {number}", found, wanted)


def _place(cause: object) -> tuple[int, int]:
    """EPOCH.SEQUENCE as a place in the account's order; what is no such place comes before all."""
    epoch, _, sequence = str(cause).partition(".")
    return (int(epoch), int(sequence)) if epoch.isdecimal() and sequence.isdecimal() else (-1, -1)
