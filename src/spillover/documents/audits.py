"""The report of an audit as JSON."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Struct

from spillover.audit import report as nouns
from spillover.documents.amounts import Amount, fields_of, said


class Finding(Struct, frozen=True, gc=False):
    """One thing that is not as it must be."""

    check: Annotated[str, said("The check that found it", "zero-sum")]
    invariant: Annotated[int, said("The number of the invariant that it breaks; 0 for none of its own", 1)]
    table: str
    account: Annotated[int, said("The number under which the books know the account; 0 where none is concerned")]
    name: Annotated[str | None, said("The account's name; null where it was erased or none is concerned")]
    row: Annotated[str, said('Which row: its place, number, lot or cell; "" for the table as a whole')]
    found: str
    expected: str

    def noun(self) -> nouns.Finding:
        """The finding."""
        return nouns.Finding(
            self.check, self.invariant, self.table, self.account, self.name, self.row, self.found, self.expected
        )


class BookTotal(Amount, frozen=True, gc=False):
    """What a kind of book holds over all accounts: credits, or units of a feature. Over one measure these sum to 0."""

    measure: Annotated[str, said('"credits", or a feature', "credits")]
    book: Annotated[str, said("lots, receivable, purchases, promotion, expired, owed, revenue/FEATURE ...", "lots")]

    def noun(self) -> nouns.BookTotal:
        """The sum."""
        return nouns.BookTotal(self.measure, self.book, self.value)


class AuditReport(Struct, frozen=True):
    """The outcome of an audit."""

    ok: Annotated[bool, said("Nothing was found")]
    digest: Annotated[str, said("Of the books, of these accounts as far as they are settled")]
    accounts: int
    events: Annotated[int, said("Settled events, those that brought terms among them")]
    charges: int
    updates: int
    unsettled: Annotated[int, said("Events that the stream still holds")]
    findings: Annotated[tuple[Finding, ...], said("The first of each check")]
    found: Annotated[dict[str, int], said("How many each check found")]
    checked: Annotated[dict[str, int], said("How many items each check looked at")]
    books: tuple[BookTotal, ...]
    notes: tuple[str, ...]
    processes: int
    seconds: float
    accepted: Annotated[tuple[Finding, ...], said("In quarantine, and accepted by an administrator: no findings")] = ()

    @classmethod
    def of(cls, report: nouns.AuditReport) -> Self:
        """The outcome; it needs no policy, as units of every feature stand as they are."""
        findings, accepted = (
            tuple(
                Finding(one.check, one.invariant, one.table, one.account, one.name, one.row, one.found, one.expected)
                for one in some
            )
            for some in (report.findings, report.accepted)
        )
        books = tuple(
            BookTotal(one.measure, one.book, **fields_of(one.measure == "credits", one.amount)) for one in report.books
        )
        return cls(
            report.ok, report.digest, report.accounts, report.events, report.charges, report.updates,
            report.unsettled, findings, report.found, report.checked, books, report.notes, report.processes,
            report.seconds, accepted,
        )  # fmt: skip

    def noun(self) -> nouns.AuditReport:
        """The outcome."""
        return nouns.AuditReport(
            self.ok, self.digest, self.accounts, self.events, self.charges, self.updates, self.unsettled,
            tuple(one.noun() for one in self.findings), self.found, self.checked,
            tuple(one.noun() for one in self.books), self.notes, self.processes, self.seconds,
            tuple(one.noun() for one in self.accepted),
        )  # fmt: skip
