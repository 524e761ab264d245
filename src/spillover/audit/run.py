"""`audit`: the whole of it, from a file, a URL or an open connection to the report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter

from spillover.audit.books import Books, Source, one, open_books
from spillover.audit.crew import Crew
from spillover.audit.digest import combined
from spillover.audit.elsewhere import HotSource
from spillover.audit.events import BROKEN
from spillover.audit.house import check_names, check_policies, check_schema, ranges, readable
from spillover.audit.part import ID_MAX, ID_MIN, Auditor, Part, merged
from spillover.audit.report import CHECKS, KEPT_MAX, AuditReport, BookTotal, Finding, Findings
from spillover.model.errors import InvalidInput, UnknownName

Progress = Callable[[int, int], None]
"""Told now and then: events audited so far, and how many there are."""
ALONE_MAX = 20_000
"""Events up to which a second process costs more than it saves."""
RANGE_LEAST = 5_000
RANGES_EACH = 16


def audit(
    source: Source,
    *,
    progress: Progress | None = None,
    processes: int | None = None,
    accounts: Iterable[str | int] | None = None,
    hot: HotSource | None = None,
) -> AuditReport:
    """Compute all books again from the data sets and the policies, and compare; nothing is changed.

    `source`: a database file or the URL of a PostgreSQL database (postgresql://...), which may be in use, or an open
    connection (a ledger in memory). `processes`: how many to work with, by default all cores for larger books.
    `accounts`: only these, by name or id. `hot`: gives the hot state of an account where it does not lie in the same
    database (`StoredHot` asks a store), read by one process; without it, it is left out, and a note says so.
    Content of any kind ends as findings. Raises NotADatabase, NewerSchema, StoreUnavailable, UnknownName, InvalidInput.
    """
    started = perf_counter()
    if processes is not None and processes < 1:
        raise InvalidInput("processes", str(processes), "1 or more")
    books = open_books(source)
    try:
        run = Run(books, progress, accounts, hot)
        with books.translated():
            wanted = processes or (cores() if books.events_about() > ALONE_MAX else 1)
            if wanted > 1 and hot is None and books.source and sys.executable:
                with Crew(books.place, books.source, wanted) as crew:
                    return run.together(crew, wanted, started)
            return run.alone(started)
    finally:
        books.close()


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Run:
    """One audit of books."""

    def __init__(
        self, books: Books, progress: Progress | None, accounts: Iterable[str | int] | None, hot: HotSource | None
    ) -> None:
        self._books, self._progress, self._hot = books, progress, hot
        self._faults: tuple[type[Exception], ...] = (*books.faults, *BROKEN)
        self._wanted = None if accounts is None else list(accounts)
        self._done = self._total = 0
        self._findings = Findings(lambda _: None)

    def alone(self, started: float) -> AuditReport:
        """In this process."""
        self._books.begin()
        try:
            return self._audit(None, 1, started)
        finally:
            self._books.end()

    def together(self, crew: Crew, processes: int, started: float) -> AuditReport:
        """With workers, if all can begin at the same moment."""
        crew.ready()
        still = self._books.begin(crew.begin)
        try:
            return self._audit(crew if still else None, processes if still else 1, started)
        finally:
            self._books.end()

    def _audit(self, crew: Crew | None, processes: int, started: float) -> AuditReport:
        try:
            with self._books.attempt():
                whole = readable(self._books, self._findings)
        except self._faults as error:
            self._findings.add("pages", "pages", 0, "", str(error), "a schema that can be read")
            whole = False
        if not whole:
            return self._report(merged([]), processes, started, 0)
        auditor = Auditor(self._books, self._hot, self._moved)
        cuts = self._ranges(processes)
        try:
            parts = crew.parts(cuts, self._moved) if crew else [auditor.part(low, high) for low, high in cuts]
        finally:
            auditor.close()
        self._house(auditor)
        return self._report(merged(parts), processes, started, len(auditor.policies.known))

    def _house(self, auditor: Auditor) -> None:
        """What concerns no single account. Where one look fails for damage, the others go on."""
        books, findings = self._books, self._findings
        looks = (
            partial(check_schema, books, findings),
            partial(check_policies, books, auditor.policies, findings),
            partial(check_names, books, findings),
            partial(books.check_pages, findings),
        )
        for look in looks:
            try:
                with books.attempt():
                    look()
            except self._faults as error:
                findings.add("pages", "pages", 0, "", str(error), "pages that can be read")

    def _ranges(self, processes: int) -> list[tuple[int, int]]:
        if self._wanted is not None:
            ids = sorted({self._id(account) for account in self._wanted})
            return [(id_, id_) for id_ in ids]
        try:
            with self._books.attempt():
                counts = {int(id_): max(int(count), 0) for id_, count in self._books.stream("event_counts")}
        except self._faults:
            return [(ID_MIN, ID_MAX)]
        self._total = sum(counts.values())
        return ranges(counts, processes * RANGES_EACH, RANGE_LEAST, ID_MIN, ID_MAX)

    def _id(self, account: str | int) -> int:
        if isinstance(account, int):
            return account
        found = one(self._books.rows("account_named", account))
        if not isinstance(found, int):
            raise UnknownName("account", repr(account), "the name or the id of an account")
        return found

    def _moved(self, events: int) -> None:
        self._done += events
        if self._progress and events:
            self._progress(self._done, max(self._total, self._done))

    def _report(self, all_: Part, processes: int, started: float, policies: int) -> AuditReport:
        sums, found = all_.sums, dict(self._findings.counts)
        for check, count in all_.counts.items():
            found[check] = found.get(check, 0) + count
        findings = _bounded([*self._findings.kept, *all_.findings])
        books = [
            BookTotal(measure, book, amount)
            for measure, books in sorted(sums.books.items())
            for book, amount in sorted(books.items())
        ]
        notes = []
        if self._hot is not None:
            notes.append(
                "the hot state lies elsewhere: of keys only those of grants were checked, which the books have;"
                " those of requests lie with the hot state and were not read"
            )
        elif not self._books.has_hot:
            notes.append(
                "the hot state does not lie in this database: it was not checked, and of keys only those of grants were"
            )
        if sums.unsettled:
            many = "events are" if sums.unsettled != 1 else "event is"
            notes.append(f"{sums.unsettled} {many} not settled yet: checked as decisions, and not in the digest")
        if self._wanted is not None:
            notes.append(f"only {sums.accounts} chosen accounts: books and digest are theirs alone")
        has_keys = self._hot is None and self._books.has_hot
        checked = _checked(all_, policies, has_hot=has_keys or self._hot is not None, has_keys=has_keys)
        return AuditReport(
            not found, combined(all_.digests), sums.accounts, sums.events, sums.charges, sums.updates, sums.unsettled,
            findings, {name: found[name] for name in CHECKS if name in found}, checked, tuple(books), tuple(notes),
            processes, round(perf_counter() - started, 3),
        )  # fmt: skip


def _bounded(findings: list[Finding]) -> tuple[Finding, ...]:
    """The first of each check, in the order of the checks."""
    kept: dict[str, list[Finding]] = {name: [] for name in CHECKS}
    for finding in findings:
        if len(kept[finding.check]) < KEPT_MAX:
            kept[finding.check].append(finding)
    return tuple(finding for some in kept.values() for finding in some)


def _checked(all_: Part, policies: int, *, has_hot: bool, has_keys: bool) -> dict[str, int]:
    """How many things each check has looked at. `has_keys`: the keys of requests lie beside the books, and were read;
    else those of grants alone."""
    sums = all_.sums
    decided = sums.events + sums.unsettled
    rows = sums.events + sums.charges + sums.updates
    looked = dict.fromkeys(CHECKS, sums.accounts)
    looked |= dict.fromkeys(("rating", "waterfall", "limits", "serial", "form"), decided)
    looked |= {"zero-sum": sums.updates, "history": sums.updates, "once": rows, "complete": rows, "phantom": rows}
    looked |= {
        "funding": sums.updates,
        "conservation": sums.lots,
        "keys": decided if has_keys else sums.lots,
        "chain": rows,
        "policies": policies,
    }
    looked |= {} if has_hot else {"hot-state": 0}
    return looked | {"schema": len(CHECKS), "pages": 1}
