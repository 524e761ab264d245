"""Balance updates: followed in their own order with running balances, and each laid beside the leg that caused it.

Grants stand wherever they were booked between the updates of events; updates of events come in the events' order.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from spillover.audit.chains import Row, canonical, genesis
from spillover.audit.digest import Digest
from spillover.audit.report import Report
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


class LotHistory:
    """One lot by its updates: its balance never leaves 0 .. granted."""

    __slots__ = ("balance", "grant", "granted", "measure", "spent")

    def __init__(self, measure: str, grant: Row | None) -> None:
        self.measure, self.grant = measure, grant
        self.granted = self.balance = self.spent = 0


class Sums:
    """An account's sums in one measure."""

    __slots__ = ("balance", "granted", "owed", "spent")

    def __init__(self) -> None:
        self.granted = self.spent = self.balance = self.owed = 0


class Journal:
    """An account's balance updates, read beside its usage events."""

    def __init__(self, account: int, rows: Iterator[Row], report: Report, digest: Digest) -> None:
        self._account, self._rows, self._report, self._digest = account, rows, report, digest
        self.count = 0
        self.head = genesis(TABLE, account)
        self.lots: dict[int, LotHistory] = {}
        self.sums: dict[str, Sums] = {}
        self._totals: dict[tuple[str, str], int] = {}
        self._spent: dict[tuple[str, str], int] = {}
        self._number = 0
        self._next: Row | None = next(rows, None)

    def of(self, event: Event, epoch: int, sequence: int) -> None:
        """The updates that an event's legs make, in their order."""
        cause, actor, revenue = f"{epoch}.{sequence}", event.subject or "account", f"revenue/{event.feature}"
        for leg in event.legs:
            if leg.lots:
                measure = event.feature if leg.layer == "units" else "credits"
                for lot, amount in leg.lots:
                    self._debit(measure, lot, amount, revenue, cause, actor, event.at)
            elif leg.amount and leg.layer == "overage":
                facts = ("overage", "credits", 0, leg.amount, "receivable", revenue, 0, 0)
                self._expect((self._account, 0, *facts, cause, "usage", actor, event.at))

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
        while self._next is not None and self._next[2] == "grant":
            self._grant(self._next)
        row, cause = self._next, expected[10]
        while row is not None and row[10] != cause and (row[2] == "grant" or _place(row[10]) < _place(cause)):
            self._stray(row)
            row = self._next
        if row is None or row[10] != cause:
            found = f"no {expected[2]} of {abs(expected[5])} {expected[3]} from {expected[6]}"
            self._report("complete", TABLE, f"event {cause}", found, "the balance update of its leg")
            return
        self._compare(row, expected)
        self._take(row)

    def finish(self, count: int, head: bytes) -> None:
        """Only grants may be left; then the end must be the account's."""
        while self._next is not None:
            self._stray(self._next)
        if (self.count, self.head) != (count, head):
            found = f"{self.count} rows up to {self.head.hex()}"
            self._report("chain", TABLE, "", found, f"{count} up to {head.hex()}, by the account's row")

    def _after(self, kind: str, measure: str, lot: int, delta: int) -> tuple[int, int]:
        """What the lot and the account must have after such a row."""
        sums = self.sums.get(measure)
        if kind == "overage":
            return 0, (sums.owed if sums else 0) + delta
        history = self.lots.get(lot)
        return (history.balance if history else 0) + delta, (sums.balance if sums else 0) + delta

    def _grant(self, row: Row) -> None:
        number, lot, delta, source, target = row[1], *row[4:8]
        if lot in self.lots:
            self._report("once", TABLE, f"number {number}", f"a second grant of lot {lot}", "one grant for each lot")
        elif lot != len(self.lots) + 1:
            self._report("chain", TABLE, f"number {number}", f"lot {lot}", f"lot {len(self.lots) + 1}, the next one")
        if source not in ("purchases", "promotion") or target != f"lot/{lot}" or delta <= 0:
            found = f"{delta} from {source} to {target}"
            self._report("zero-sum", TABLE, f"number {number}", found, f"purchases or promotion to lot/{lot}")
        self._compare(row, row)
        self._take(row)

    def _stray(self, row: Row) -> None:
        """A row that no event calls for; a grant needs none."""
        if row[2] == "grant":
            self._grant(row)
            return
        found = f"{row[2]} of {row[5]} {row[3]} for event {row[10]}"
        self._report("phantom", TABLE, f"number {row[1]}", found, "a leg of a usage event that makes it, once")
        self._compare(row, row)
        self._take(row)

    def _take(self, row: Row) -> None:
        _, _, kind, measure, lot, delta, source, target, *_ = row
        self._follow(row)
        self._move(kind, measure, lot, delta, row)
        # Lots and receivables are the account's own books and are checked as such; here they go into one total each.
        giver = "lots" if kind == "debit" else source
        taker = "lots" if kind == "grant" else target
        self._totals[measure, giver] = self._totals.get((measure, giver), 0) - abs(delta)
        self._totals[measure, taker] = self._totals.get((measure, taker), 0) + abs(delta)

    def _follow(self, row: Row) -> None:
        """The row's place in the chain."""
        hashed = row[14]
        if sha256(self.head + canonical(row[:14])).digest() != hashed:
            found = f"hash {hashed.hex()}"
            self._report("chain", TABLE, f"number {row[1]}", found, "the hash of this row and the one before")
        self.head, self._number = hashed, row[1]
        self.count += 1
        self._digest.update(row)
        self._next = next(self._rows, None)

    def books(self) -> dict[tuple[str, str], int]:
        """(measure, book) -> what it holds by this account's updates; lots and receivable as one book each."""
        totals = dict(self._totals)
        for (measure, revenue), amount in self._spent.items():
            totals[measure, "lots"] = totals.get((measure, "lots"), 0) - amount
            totals[measure, revenue] = totals.get((measure, revenue), 0) + amount
        return totals

    def _move(self, kind: str, measure: str, lot: int, delta: int, row: Row) -> None:
        sums = self.sums.get(measure)
        if sums is None:
            sums = self.sums[measure] = Sums()
        if kind == "overage":
            sums.owed += delta
            return
        history = self.lots.get(lot)
        if history is None:
            history = self.lots[lot] = LotHistory(measure, row if kind == "grant" else None)
        elif history.measure != measure:
            self._report("funding", TABLE, f"number {row[1]}", f"{measure} from lot {lot}", history.measure)
        history.balance += delta
        sums.balance += delta
        if kind == "grant":
            history.granted += delta
            sums.granted += delta
        else:
            history.spent -= delta
            sums.spent -= delta
        if not 0 <= history.balance <= history.granted:
            found = f"{history.balance} left in lot {lot}"
            self._report("funding", TABLE, f"number {row[1]}", found, f"0 to the {history.granted} that it was granted")

    def _compare(self, row: Row, expected: Row) -> None:
        """Report each column that is not as expected; its place and its balances must follow from the rows before."""
        expected = (self._account, self._number + 1, *expected[2:8], *self._after(*row[2:6]), *expected[10:14])
        for name, found, wanted in zip(_COLUMNS, row, expected, strict=False):
            if found != wanted:
                self._report(_BREAKS.get(name, "phantom"), TABLE, f"number {row[1]}", f"{name} {found}", wanted)


def _place(cause: object) -> tuple[int, int]:
    """EPOCH.SEQUENCE as a place in the account's order; what is no such place comes before all."""
    epoch, _, sequence = str(cause).partition(".")
    return (int(epoch), int(sequence)) if epoch.isdecimal() and sequence.isdecimal() else (-1, -1)
