"""The ledger's connections: each may change only what its work needs; just settlement and orders touch the books."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import apsw

from spillover.core.decide import RULES
from spillover.model.errors import InvalidInput
from spillover.sql import Component
from spillover.sqlite import Database, Turnstile, open_database, translated
from spillover.sqlite.connection import CHECKPOINT_PAGES, WAIT_MS
from spillover.sqlite.upgrades import upgrade

LEDGER = Component.of("ledger", "spillover.ledgers.sqlite")
MEMORY = ":memory:"
"""What SQLite calls a database in memory; never taken for one when it comes as a path."""

BOOKS = frozenset({
    "usage_events", "monetization_events", "balance_updates", "quarantine", "accounts", "profiles", "outbox", "lots",
    "orders", "refunded", "account_balances", "settled_cells", "settled_holds", "pushed", "epochs",
})  # fmt: skip
TERMS = frozenset({"accounts", "profiles", "outbox", "pushed", "names", "policies", "publications", "erasures"})


class Desk:
    """One connection for one purpose; threads take turns at it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()
        # Without this, REPLACE deletes rows of append-only tables and their triggers are not asked.
        database.connection.pragma("recursive_triggers", True)
        self._log_pages = 0
        database.connection.set_wal_hook(self._note_log)

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """One snapshot for all statements inside."""
        with self._turn, self._database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """One transaction: committed at the end, rolled back whole by any exception."""
        with self._turn:
            with self._database.write() as connection:
                yield connection
            if self._log_pages >= CHECKPOINT_PAGES:
                self._checkpoint()

    def _note_log(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        # In place of SQLite's own checkpoint at commit, which would last while the turn to write is still ours.
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        # The commit stands whatever happens here; what cannot be copied now, because of a reader, is copied later.
        with suppress(apsw.Error):
            self._database.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    @contextmanager
    def alone(self) -> Iterator[apsw.Connection]:
        """The connection outside of any transaction, for what SQLite does not do inside one."""
        with self._turn, translated(self._database.path):
            yield self._database.connection

    def cut_log(self, wait_ms: int) -> None:
        """Copy the log into the file and cut it to nothing. Raises StoreUnavailable while someone reads for longer.

        Writers wait as long as this does: pass 0 where it can as well be done later.
        """
        with self.alone() as connection:
            patience = connection.pragma("busy_timeout")
            connection.set_busy_timeout(wait_ms)
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            finally:
                connection.set_busy_timeout(patience)

    def close(self) -> None:
        """Give back the connection. Safe to repeat."""
        with self._turn:
            self._database.close()


class Desks:
    """All desks of a ledger: `books` for settlement and orders, `terms` for accounts, names and policies, `reads`.

    Without a path, in memory: there they are one connection, since such a database has no other.
    """

    def __init__(self, path: str | os.PathLike[str] | None, wait_ms: int = WAIT_MS) -> None:
        self.path, self.wait_ms = None if path is None else os.fspath(path), wait_ms
        if self.path == MEMORY:
            raise InvalidInput("path", repr(MEMORY), "a file's path; SQLiteLedger.in_memory() gives books in memory")
        if self.path is None:
            self.books = self.terms = self.reads = Desk(in_memory(LEDGER))
            return
        path = self.path
        self.books, self.terms = self._open(path, BOOKS), self._open(path, TERMS)
        self.reads = self._open(path, frozenset())

    def _open(self, path: str, writes: frozenset[str] | None) -> Desk:
        return Desk(open_database(path, LEDGER, writes=writes, rules=RULES, wait_ms=self.wait_ms))

    @contextmanager
    def unbound(self) -> Iterator[Desk]:
        """A desk that may change anything, for one piece of work."""
        if self.path is None:
            yield self.terms
            return
        desk = self._open(self.path, None)
        try:
            yield desk
        finally:
            desk.close()

    def close(self) -> None:
        """Give back every connection. Safe to repeat."""
        for desk in (self.books, self.terms, self.reads):
            desk.close()


class _NoQueue(Turnstile):
    """Nobody else can write to a database in memory, so there is no queue and no lock file."""

    def __init__(self) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


def in_memory(component: Component) -> Database:
    """A database in memory with this component's tables; it has no other connection."""
    connection = apsw.Connection(MEMORY, statementcachesize=200)
    connection.pragma("foreign_keys", True)
    connection.pragma("temp_store", "MEMORY")
    with connection:
        upgrade(connection, component, RULES, MEMORY)
    return Database(MEMORY, connection, _NoQueue(), component, RULES)
