"""The desks of a ledger in PostgreSQL: each a session of its own, as a role that may do only what its work needs."""

from __future__ import annotations

import time
from collections.abc import Callable

from spillover.core.decide import RULES
from spillover.ledgers.books.tables import T, Tables
from spillover.ledgers.postgres import erasing
from spillover.ledgers.postgres.tables import PACKAGE, PostgresTables
from spillover.postgres import Database, open_database
from spillover.postgres.layout import OWNER
from spillover.sql import Component

LEDGER = Component.of("ledger", PACKAGE)
PAUSE_S = 30.0
"""Between two tries to finish an erasure that nobody waits for: each writes the table of names anew."""


class PostgresDesk:
    """A `Desk` over one session; `tables` has the statements, those of the books by default."""

    def __init__(self, database: Database, tables: type[PostgresTables] = PostgresTables) -> None:
        self.database, self._tables = database, tables

    def read(self, work: Callable[[Tables], T]) -> T:
        return self.database.read(lambda connection: work(self._tables(connection)))

    def write(self, work: Callable[[Tables], T]) -> T:
        return self.database.write(lambda connection: work(self._tables(connection)))


class PostgresDesks:
    """`Desks` of the books: three sessions, and the owner's for as long as an erasure takes."""

    def __init__(self, url: str, timeout_ms: int) -> None:
        self._url, self._timeout_ms = url, timeout_ms
        self._desks: list[PostgresDesk] = []
        try:
            self.books, self.terms = self._desk("spillover_books"), self._desk("spillover_terms")
            self.reads = self._desk("spillover_reads")
        except BaseException:
            self.close()
            raise
        self._not_before = 0.0

    def erase(self, account: int) -> None:
        owner = self._open(OWNER)
        try:
            erasing.erase(owner, account)
            erasing.finish(owner, self._timeout_ms)
        finally:
            owner.close()

    def finish_erasure(self, *, patient: bool) -> bool:
        if not patient and time.monotonic() < self._not_before:
            return False
        if not erasing.is_noted(self.reads.database):
            return False
        if not patient:
            self._not_before = time.monotonic() + PAUSE_S
        owner = self._open(OWNER)
        try:
            return erasing.finish(owner, self._timeout_ms if patient else erasing.IMPATIENT_MS)
        finally:
            owner.close()

    def close(self) -> None:
        for desk in self._desks:
            desk.database.close()

    def _desk(self, role: str) -> PostgresDesk:
        desk = PostgresDesk(self._open(role))
        self._desks.append(desk)
        return desk

    def _open(self, role: str) -> Database:
        return open_database(self._url, LEDGER, role=role, rules=RULES, timeout_ms=self._timeout_ms)
