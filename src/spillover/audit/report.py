"""What an audit found: findings that name their row, bounded in number, and the report that holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

KEPT_MAX = 100
"""Findings kept of one check; all are counted."""
SHOWN_MAX = 300
"""Characters of what was found, or expected, that a finding shows."""


class Check(NamedTuple):
    """One promise that the audit verifies: the invariant's number (0: none of its own), and what is promised."""

    invariant: int
    promise: str


CHECKS = {
    "zero-sum": Check(1, "each balance update takes from one book what it gives to the other"),
    "history": Check(2, "every balance is the sum of its history, at every row"),
    "once": Check(3, "an event is settled once"),
    "complete": Check(4, "every event in the order has its charge and its updates; none is missing"),
    "phantom": Check(6, "every charge and debit has its usage event, of the same content"),
    "funding": Check(7, "no lot gives more than it was granted, and no balance is below zero"),
    "holds": Check(8, "a hold ends once, and gives back what it does not keep"),
    "conservation": Check(10, "granted = balance + spent + expired + revoked"),
    "refunds": Check(11, "a refund never exceeds what was charged, and goes back to where it came from"),
    "rating": Check(12, "units, prices and amounts are those of the policy that the event names"),
    "waterfall": Check(13, "no layer or lot is drawn while an earlier one has room"),
    "limits": Check(14, "no window, ceiling, spending limit or cap admits more than its maximum"),
    "settled-state": Check(15, "the settled state follows from the events, by their changes and by their legs"),
    "hot-state": Check(15, "the hot state is the settled state and what the stream still holds"),
    "keys": Check(18, "a key stands for one request"),
    "chain": Check(19, "rows are gapless, unchanged and whole up to the account's heads"),
    "serial": Check(21, "each event was admitted by the terms in force, in the account's order"),
    "terms": Check(0, "the account's terms are on record, version by version"),
    "form": Check(0, "rows can be read and have the stated form"),
    "policies": Check(0, "every policy that is referred to is stored under the hash of its document"),
    "quarantine": Check(0, "no event waits in quarantine"),
    "schema": Check(0, "tables are as described and append-only by their triggers"),
    "pages": Check(0, "the database's pages are intact"),
}
"""Name -> what it is, in the order of the invariants."""


class Finding(Struct, frozen=True):
    """One thing that is not as it must be. `account` is 0 where none is concerned, `name` None where it is erased."""

    check: str
    invariant: int
    table: str
    account: int
    name: str | None
    row: str  # epoch.sequence and key, number, lot, cell, version ...; "" for the table as a whole
    found: str
    expected: str

    def __str__(self) -> str:
        number = f" ({self.invariant})" if self.invariant else ""
        whose = f" of account {self.name or '(erased)'} [{self.account}]" if self.account else ""
        row = f" {self.row}" if self.row else ""
        return f"{self.check}{number}: {self.table}{row}{whose}: found {self.found}, expected {self.expected}"


Report = Callable[[str, str, str, object, object], None]
"""Takes note of a finding about one account: (check, table, row, found, expected)."""


class Findings:
    """Collects findings: at most KEPT_MAX of each check are kept, all are counted."""

    def __init__(self, name_of: Callable[[int], str | None]) -> None:
        """`name_of` gives the name behind an account's id; asked only for findings that are kept."""
        self._name_of = name_of
        self.kept: list[Finding] = []
        self.counts: dict[str, int] = {}

    def add(self, check: str, table: str, account: int, row: str, found: object, expected: object) -> None:
        """One finding. Texts that are too long are cut."""
        count = self.counts[check] = self.counts.get(check, 0) + 1
        if count > KEPT_MAX:
            return
        name = self._name_of(account) if account else None
        invariant = CHECKS[check].invariant
        self.kept.append(Finding(check, invariant, table, account, name, row, _shown(found), _shown(expected)))

    def take(self, kept: Iterable[Finding], counts: Mapping[str, int]) -> None:
        """What was found before."""
        for finding in kept:
            if self.counts.get(finding.check, 0) < KEPT_MAX:
                self.kept.append(finding)
        for check, count in counts.items():
            self.counts[check] = self.counts.get(check, 0) + count

    def __len__(self) -> int:
        return sum(self.counts.values())


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


class BookTotal(Struct, frozen=True):
    """What a kind of book holds over all accounts that were audited. Over one measure these sum to zero."""

    measure: str
    book: str  # "lots", "receivable", "purchases", "promotion", "expired", "overshoot", "owed", "revenue/FEATURE"
    amount: int


class AuditReport(Struct, frozen=True):
    """The outcome of an audit. `ok`: nothing was found.

    `digest` is the digest of the books (docs/AUDIT.md), of these accounts as far as they are settled. `events` counts
    settled events, those that brought terms among them; `unsettled` those that the stream still holds. `checked` says
    how many items each check looked at, `found` how many findings each has; `findings` are the first of each.
    `accepted`: what lies in quarantine and an administrator has accepted, of those first; it counts as no finding.
    """

    ok: bool
    digest: str
    accounts: int
    events: int
    charges: int
    updates: int
    unsettled: int
    findings: tuple[Finding, ...]
    found: dict[str, int]
    checked: dict[str, int]
    books: tuple[BookTotal, ...]
    notes: tuple[str, ...]
    processes: int
    seconds: float
    accepted: tuple[Finding, ...] = ()
