"""A range of accounts, audited one after the other in one snapshot; content that cannot be read never stops it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from spillover.audit.account import AccountAudit, Sums
from spillover.audit.books import Books, one, open_books
from spillover.audit.elsewhere import Found, HotSource, StoredHot, bridged, settled_down
from spillover.audit.events import BROKEN
from spillover.audit.hot import HotTables
from spillover.audit.policies import Policies
from spillover.audit.report import Finding, Findings
from spillover.audit.state import HotAccount
from spillover.audit.tables import BOOKS, HOT, Row, open_tape, readable_text

ID_MIN, ID_MAX = -(2**63), 2**63 - 1

ReadHot = Callable[[int, tuple[int, int]], HotAccount | None]
"""The hot state of an account, whose place in the books is given."""


class Part(Struct):
    """What a range of accounts came to."""

    sums: Sums
    digests: list[bytes]
    findings: list[Finding]
    counts: dict[str, int]


class Auditor:
    """Audits ranges of accounts in books that stand at one moment."""

    def __init__(
        self, books: Books, hot: HotSource | None, progress: Callable[[int], None], *, again: bool = True,
        policies: Policies | None = None,
    ) -> None:  # fmt: skip
        """`hot` where the hot state does not lie in the same database; else its tables are read, if there are any.

        `again`: what is found of an account whose hot state lies elsewhere is looked at again, at another moment.
        """
        self._again = again and hot is not None and bool(books.source)
        self._books, self._hot, self._progress = books, hot, progress
        self._unreadable: tuple[type[Exception], ...] = (*books.faults, UnicodeDecodeError)
        self._has_hot_tables = books.has_hot
        self._now: Books | None = None
        self.policies = policies or Policies(stored_policies(books))

    def part(self, low: int, high: int) -> Part:
        """The accounts with these ids. What cannot be read is narrowed down to its account, and is a finding."""
        books = self._books
        try:
            with books.attempt():
                return self._read(low, high, lenient=False)
        except UnicodeDecodeError:
            pass  # some text is not UTF-8: read again, with texts as bytes
        except books.faults as error:
            return self._halves(low, high, error)
        try:
            with books.attempt():
                return self._read(low, high, lenient=True)
        except self._unreadable as error:
            return self._halves(low, high, error)

    def _read(self, low: int, high: int, *, lenient: bool) -> Part:
        books = self._books
        tapes = {name: open_tape(books.tape, name, table, low, high, lenient) for name, table in BOOKS.items()}
        tables = HotTables(books, low, high, lenient) if self._has_hot_tables and self._hot is None else None
        everything = [*tapes.values(), *(tables.tapes.values() if tables else ())]
        all_, sums, digests = Findings(self._name_of), Sums(), []
        read_hot = tables or self._elsewhere()
        while ids := [tape.account for tape in everything if tape.account is not None]:
            account = min(ids)
            findings = Findings(self._name_of) if self._again else all_
            audit = AccountAudit(account, tapes, self.policies, findings, read_hot, self._find, self._progress)
            try:
                digest = audit.run(sums)
            except BROKEN as error:
                if isinstance(error, UnicodeDecodeError):
                    raise
                digest = self._broken(account, error, findings)
                for tape in everything:
                    tape.rows(account)
            if digest is not None:
                digests.append(digest)
            if self._again:
                all_.take(*settled_down((findings.kept, findings.counts), partial(self._later, account)))
        return Part(sums, digests, all_.kept, all_.counts)

    def _elsewhere(self) -> ReadHot | None:
        hot = self._hot
        if hot is None:
            return None
        if not self._again:
            return lambda account, _: hot(account)
        return self._state

    def _state(self, account: int, settled: tuple[int, int]) -> HotAccount | None:
        """The hot state as it is now, of an account whose books stood there at their moment."""
        hot = self._hot
        found = hot.beyond(account, settled) if isinstance(hot, StoredHot) else hot(account) if hot else None
        return None if found is None else bridged(found, settled, partial(self._events_now, account))

    def _events_now(self, account: int, epoch: int, first: int, last: int) -> list[tuple[int, int, str, bytes]]:
        if self._now is None:
            self._now = open_books(self._books.source)
        return list(self._now.rows("events_between", account, epoch, first, last))

    def _later(self, account: int) -> Found:
        """What is found of an account at a moment of its own, now: its hot state is read right after that."""
        books = open_books(self._books.source)
        try:
            books.begin()
            place = next(books.rows("place_of", account), (0, 0))
            state = self._state(account, place)
            auditor = Auditor(books, lambda _: state, lambda _: None, again=False, policies=self.policies)
            part = auditor.part(account, account)
            return part.findings, part.counts
        finally:
            books.close()

    def close(self) -> None:
        """Give back a connection of its own."""
        if self._now is not None:
            self._now.close()

    def _broken(self, account: int, error: Exception, findings: Findings) -> bytes:
        """An account that damage has made unreadable: name its rows that are not of their types."""
        before = len(findings)
        for name, table in (BOOKS | HOT if self._has_hot_tables else BOOKS).items():
            for row in open_tape(self._books.tape, name, table, account, account, lenient=True).rows(account):
                if wrong := table.misfits(row):
                    named = zip(table.columns.split()[1:4], row[1:4], strict=False)
                    place = ", ".join(f"{column} {value}" for column, value in named)
                    findings.add("form", name, account, place, wrong, "values of the types of the schema")
        if len(findings) == before:
            found = f"rows that cannot be followed ({type(error).__name__}: {error})"
            findings.add("form", "accounts", account, "", found, "rows as in docs/LEDGER.md")
        return b"broken"

    def _halves(self, low: int, high: int, error: Exception) -> Part:
        """Find the accounts that a damaged page hides, by halving the range as long as it holds more than one."""
        ids = self._ids(low, high)
        if len(ids) > 1:
            middle = ids[len(ids) // 2]
            return merged([self.part(low, middle - 1), self.part(middle, high)])
        findings = Findings(self._name_of)
        account = ids[0] if ids else low
        findings.add("pages", "accounts", account, "", f"rows that cannot be read ({error})", "intact pages")
        return Part(Sums(), [], findings.kept, findings.counts)

    def _ids(self, low: int, high: int) -> list[int]:
        try:
            with self._books.attempt():
                return [int(row[0]) for row in self._books.rows("account_ids", low, high)]
        except self._books.faults:
            return []

    def _find(self, account: int, key: str) -> Row | None:
        return next(self._books.rows("event_of_key", account, key), None)

    def _name_of(self, account: int) -> str | None:
        try:
            with self._books.attempt():
                found = one(self._books.rows("name_of", account))
            return None if found is None else str(found)
        except self._unreadable:
            return None


def stored_policies(books: Books) -> dict[str, bytes]:
    """Hash -> document; none where they cannot be read, so that every event says which one it lacks."""
    faults: tuple[type[Exception], ...] = (*books.faults, *BROKEN)
    try:
        with books.attempt():
            return {readable_text(name): document for name, document in books.rows("policy_documents")}
    except faults:
        return {}


def merged(parts: list[Part]) -> Part:
    """Several parts as one."""
    sums, counts = Sums(), dict[str, int]()
    for part in parts:
        for name in ("accounts", "events", "charges", "updates", "lots", "unsettled"):
            setattr(sums, name, getattr(sums, name) + getattr(part.sums, name))
        for measure, books in part.sums.books.items():
            into = sums.books.setdefault(measure, {})
            for book, amount in books.items():
                into[book] = into.get(book, 0) + amount
        for check, count in part.counts.items():
            counts[check] = counts.get(check, 0) + count
    digests = [digest for part in parts for digest in part.digests]
    return Part(sums, digests, [finding for part in parts for finding in part.findings], counts)
