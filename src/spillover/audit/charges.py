"""Monetization events: each is the charge of one usage event, with the same content, and none is missing."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from spillover.audit.bookings import paid_legs
from spillover.audit.chains import Row, canonical, genesis
from spillover.audit.digest import Digest
from spillover.audit.report import Report
from spillover.model.event import Event

TABLE = "monetization_events"
_COLUMNS = ("account", "number", "epoch", "sequence", "feature", "at", "subject", "amount", "legs")
_NEVER = (2**63, 0)


class Charges:
    """An account's charges, read beside its usage events in the same order."""

    def __init__(self, account: int, rows: Iterator[Row], report: Report, digest: Digest) -> None:
        self._account, self._rows, self._report, self._digest = account, rows, report, digest
        self.count = 0
        self.head = genesis(TABLE, account)
        self._number = 0
        self._next: Row | None = next(rows, None)

    def of(self, event: Event, epoch: int, sequence: int) -> None:
        """The charge of a settled event; also where it must have none."""
        paid = paid_legs(event)
        row = self._next
        if row is not None and (row[3] < sequence or row[2] != epoch):
            row = self._overtake(epoch, sequence)
        if not paid:
            return
        expected = (
            self._account, self._number + 1, epoch, sequence, event.feature, event.at, event.subject,
            sum([leg[3] for leg in paid]), canonical(paid).decode(),
        )  # fmt: skip
        if row is not None and row[:9] == expected:
            self._take(row)
        elif row is None or (row[2], row[3]) > (epoch, sequence):
            found = "no charge of the event"
            self._report("complete", TABLE, f"event {epoch}.{sequence}", found, f"one of {expected[7]}")
        else:
            self._differs(row, expected)
            self._take(row)

    def _overtake(self, epoch: int, sequence: int) -> Row | None:
        """The next charge that is not of an earlier event; those that are were charged for nothing."""
        while self._next is not None and (self._next[2], self._next[3]) < (epoch, sequence):
            self._phantom(self._next)
        return self._next

    def finish(self, count: int, head: bytes) -> None:
        """What is left is charged for nothing; then the end must be the account's."""
        while self._next is not None:
            self._phantom(self._next)
        if (self.count, self.head) != (count, head):
            found = f"{self.count} rows up to {self.head.hex()}"
            self._report("chain", TABLE, "", found, f"{count} up to {head.hex()}, by the account's row")

    def _take(self, row: Row) -> None:
        hashed = row[9]
        if sha256(self.head + canonical(row[:9])).digest() != hashed:
            found = f"hash {hashed.hex()}"
            self._report("chain", TABLE, f"number {row[1]}", found, "the hash of this row and the one before")
        self.head, self._number = hashed, row[1]
        self.count += 1
        self._digest.charge(row)
        following = self._next = next(self._rows, None)
        if following is not None and following[3] == row[3] and following[2] == row[2]:
            self._report("once", TABLE, f"number {following[1]}", f"a second charge of {row[2]}.{row[3]}", "one")

    def _phantom(self, row: Row) -> None:
        found = f"a charge of {row[7]} for event {row[2]}.{row[3]}"
        self._report("phantom", TABLE, f"number {row[1]}", found, "a usage event that costs something")
        self._take(row)

    def _differs(self, row: Row, expected: Row) -> None:
        for name, found, wanted in zip(_COLUMNS, row, expected, strict=False):
            if found != wanted:
                check = "chain" if name == "number" else "phantom"
                self._report(check, TABLE, f"number {row[1]}", f"{name} {found}", f"{wanted}, as in its usage event")
