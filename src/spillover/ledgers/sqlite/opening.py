"""The ledger's connections: each may change only what its work needs; just settlement and grants touch the books."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from spillover.core.decide import RULES
from spillover.sqlite import Component, Database, Turnstile, open_database, translated
from spillover.sqlite.upgrades import upgrade

LEDGER = Component.of("ledger", "spillover.ledgers.sqlite")
MEMORY = ":memory:"

BOOKS = frozenset({
    "usage_events", "monetization_events", "balance_updates", "quarantine", "accounts", "profiles", "outbox", "lots",
    "grants", "account_balances", "settled_cells",
})  # fmt: skip
TERMS = frozenset({"accounts", "profiles", "outbox", "names", "policies"})


class Desk:
    """One connection for one purpose; threads take turns at it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()
        # Without this, REPLACE deletes rows of append-only tables and their triggers are not asked.
        database.connection.pragma("recursive_triggers", True)

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """One snapshot for all statements inside."""
        with self._turn, self._database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """One transaction: committed at the end, rolled back whole by any exception."""
        with self._turn, self._database.write() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[apsw.Connection]:
        """The connection outside of any transaction, for what SQLite does not do inside one."""
        with self._turn, translated(self._database.path):
            yield self._database.connection

    def close(self) -> None:
        """Give back the connection. Safe to repeat."""
        with self._turn:
            self._database.close()


class Desks:
    """All desks of a ledger: `books` for settlement and grants, `terms` for accounts, names and policies, `reads`.

    In memory they are one connection, since such a database has no other.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if self.path == MEMORY:
            self.books = self.terms = self.reads = Desk(_in_memory())
            return
        self.books = Desk(open_database(path, LEDGER, writes=BOOKS, rules=RULES))
        self.terms = Desk(open_database(path, LEDGER, writes=TERMS, rules=RULES))
        self.reads = Desk(open_database(path, LEDGER, writes=(), rules=RULES))

    @contextmanager
    def unbound(self) -> Iterator[Desk]:
        """A desk that may change anything, for one piece of work."""
        if self.path == MEMORY:
            yield self.terms
            return
        desk = Desk(open_database(self.path, LEDGER, rules=RULES))
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


def _in_memory() -> Database:
    connection = apsw.Connection(MEMORY, statementcachesize=200)
    connection.pragma("foreign_keys", True)
    connection.pragma("temp_store", "MEMORY")
    with connection:
        upgrade(connection, LEDGER, RULES, MEMORY)
    return Database(MEMORY, connection, _NoQueue(), LEDGER, RULES)
