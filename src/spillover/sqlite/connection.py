"""Opening a Spillover file, and the two ways to use it: `read()` one snapshot, `write()` one fair transaction."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Literal

import apsw

from spillover.model.errors import StoreUnavailable
from spillover.sqlite.authority import only_writes
from spillover.sqlite.faults import translated
from spillover.sqlite.forks import inherited, require_not_inherited, watch
from spillover.sqlite.identity import APPLICATION_ID, require_ours
from spillover.sqlite.turnstile import Turnstile
from spillover.sqlite.upgrades import Component, is_current, upgrade

WAIT_MS = 10_000
"""How long a writer waits for its turn, then for SQLite's own lock, before it answers StoreUnavailable."""
CACHE_KIB = 32_768
CHECKPOINT_PAGES = 2_000
"""The log is copied into the file when it has grown to this many pages (8 MB)."""


class Database:
    """One connection to one file; used by one thread at a time, and never by a forked child."""

    def __init__(
        self, path: str, connection: apsw.Connection, turnstile: Turnstile, component: Component, rules: int
    ) -> None:
        self.path = path
        self._connection: apsw.Connection | None = connection
        self._turnstile, self._component, self._rules = turnstile, component, rules
        self._pid = os.getpid()
        watch(self)

    def is_open(self) -> bool:
        """Whether it was not closed."""
        return self._connection is not None

    @property
    def connection(self) -> apsw.Connection:
        """The driver's connection. Raises StoreUnavailable if it is closed, or was opened before a fork."""
        if os.getpid() != self._pid:
            raise inherited(self.path)
        if self._connection is None:
            raise StoreUnavailable(f"{self.path}: found the store closed, expected an open one; connect again")
        return self._connection

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """One snapshot for all statements inside."""
        connection = self.connection
        with translated(self.path):
            try:  # a signal's exception just behind BEGIN must not leave the transaction open
                connection.execute("BEGIN")
                yield connection
            finally:
                _roll_back(connection)

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """A fair turn and one transaction: committed at the end, rolled back whole by any exception.

        Inside, another connection's `write()` on the same file would wait for this one.
        """
        connection = self.connection
        with translated(self.path), self._turnstile, _immediate(connection):
            yield connection

    def require_current(self) -> None:
        """Raises NewerSchema or NewerRules if a newer program has upgraded the file since it was opened."""
        is_current(self.connection, self._component, self._rules, self.path)

    def close(self) -> None:
        """Give back every handle. Safe to repeat; in a forked child it leaves the parent's connection alone."""
        if self._connection is None or os.getpid() != self._pid:
            return
        connection, self._connection = self._connection, None
        self._turnstile.close()
        with translated(self.path):
            connection.close()


def open_database(
    path: str | os.PathLike[str],
    component: Component,
    *,
    durability: Literal["strict", "fast"] = "strict",
    writes: Collection[str] | None = None,
    rules: int = 1,
    vfs: str | None = None,
    wait_ms: int = WAIT_MS,
) -> Database:
    """Open or create the file, upgrade this component's schema, and bind the connection to the tables it may change.

    `strict` waits for the disk at each commit. `fast` does not: a killed process loses nothing, a power loss may lose
    what was written since the last sync (a checkpoint, or any `strict` commit in the same file, syncs all before it).
    `vfs` names a file system of SQLite's (for tests).
    Raises NotADatabase, NewerSchema, NewerRules, StoreUnavailable, StoreFull.
    """
    real = os.path.realpath(os.fspath(path))
    with translated(real):
        require_not_inherited(real)
        require_ours(real)
        connection = apsw.Connection(real, vfs=vfs, statementcachesize=200)
        turnstile = Turnstile(real, wait_ms / 1000)
        try:
            _prepare(connection, turnstile, component, real, durability, rules, wait_ms)
        except BaseException:
            connection.close()
            turnstile.close()
            raise
        if writes is not None:
            connection.authorizer = only_writes(frozenset(writes))
    return Database(real, connection, turnstile, component, rules)


def _prepare(
    connection: apsw.Connection,
    turnstile: Turnstile,
    component: Component,
    path: str,
    durability: str,
    rules: int,
    wait_ms: int,
) -> None:
    connection.set_busy_timeout(wait_ms)
    if connection.pragma("journal_mode") != "wal":
        with turnstile:
            # Before the log exists, so that the mark stands in the file itself, where require_ours looks for it.
            if connection.pragma("application_id") != APPLICATION_ID:
                connection.pragma("application_id", APPLICATION_ID)
            if (mode := connection.pragma("journal_mode", "wal")) != "wal":
                raise StoreUnavailable(
                    f"{path}: found journal mode {mode}, expected wal; keep the file on a local disk, not on a share"
                )
    connection.pragma("synchronous", "FULL" if durability == "strict" else "NORMAL")
    connection.pragma("foreign_keys", True)
    connection.pragma("trusted_schema", False)
    connection.pragma("cache_size", -CACHE_KIB)
    connection.pragma("temp_store", "MEMORY")
    connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
    if not is_current(connection, component, rules, path):
        with turnstile, _immediate(connection):
            upgrade(connection, component, rules, path)


@contextmanager
def _immediate(connection: apsw.Connection) -> Iterator[None]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: apsw.Connection) -> None:
    # After some errors SQLite has already rolled back by itself; a failing ROLLBACK must not hide the first error.
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except apsw.Error:
            if connection.in_transaction:
                raise
