"""Opening a Spillover file, and the two ways to use it: `read()` one snapshot, `write()` one fair transaction."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Callable, Collection
from functools import partial
from types import TracebackType
from typing import Literal

import apsw

from spillover.model.errors import StoreUnavailable
from spillover.sql import Component
from spillover.sqlite.authority import only_writes
from spillover.sqlite.faults import translate, translated
from spillover.sqlite.forks import inherited, require_not_inherited, watch
from spillover.sqlite.identity import APPLICATION_ID, require_ours
from spillover.sqlite.turnstile import Turnstile
from spillover.sqlite.upgrades import is_current, upgrade

WAIT_MS = 10_000
"""How long a writer waits for its turn, then for SQLite's own lock, before it answers StoreUnavailable."""
CACHE_KIB = 32_768
CHECKPOINT_PAGES = 2_000
"""The log is copied into the file when it has grown to this many pages (8 MB)."""


class Transaction:
    """`with` begins it and ends it. It ends only itself: what was begun after it is not its own.

    A signal's exception can come at the first step of `__exit__`: then it stays open and nobody owns it. The database's
    next one ends it first (and so does this thread's next write to the file).
    """

    __slots__ = ("_connection", "_database", "_turn", "thread")

    def __init__(self, database: Database, turn: Turnstile | None) -> None:
        """With a turn it writes; without, it reads."""
        self._database, self._turn = database, turn
        self.thread = threading.get_ident()

    def __enter__(self) -> apsw.Connection:
        database = self._database
        try:
            self._connection = connection = database.ready()
            database.running = self
            if self._turn is None:
                connection.execute("BEGIN")
            else:
                self._turn.__enter__()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except apsw.BusyError as busy:
                    if getattr(busy, "extendedresult", 0) != apsw.SQLITE_BUSY_SNAPSHOT:
                        raise
                    gc.collect()  # an interrupted read's cursor, in its traceback's cycle, still holds the old snapshot
                    connection.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            database.mend(self)
            if isinstance(error, apsw.Error):
                raise translate(error, database.path) from error
            raise
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is GeneratorExit:
            return  # an abandoned generator is being collected: at any moment, in any thread, perhaps inside another's
        try:
            if self._database.running is self:
                self._end(commits=kind is None and self._turn is not None)
            elif kind is None:
                raise self._lost()
        except apsw.Error as failed:
            raise translate(failed, self._database.path) from failed
        if isinstance(error, apsw.Error):
            raise translate(error, self._database.path) from error

    def _end(self, commits: bool) -> None:
        connection, database = self._connection, self._database
        try:
            if not commits:
                _roll_back(connection)
            elif connection.in_transaction:
                connection.execute("COMMIT")
            else:
                raise self._lost()
            if self._turn is not None:
                self._turn.__exit__(None, None, None)
            database.running = None
        except BaseException:
            database.mend(self)
            raise

    def _lost(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._database.path}: found the transaction ended by something else, expected it still open;"
            " use a connection for one thing at a time, and send the same keys again"
        )


class Database:
    """One connection to one file; used by one thread at a time, and never by a forked child."""

    def __init__(
        self,
        path: str,
        connection: apsw.Connection,
        turnstile: Turnstile,
        component: Component,
        rules: int,
        reopen: Callable[[], apsw.Connection] | None = None,
    ) -> None:
        self.path = path
        self.running: Transaction | None = None  # the one that may end what is open on the connection
        self._connection: apsw.Connection | None = connection
        self._turnstile, self._component, self._rules = turnstile, component, rules
        self._reopen = reopen  # gives a new connection in place of one whose transaction could not be ended
        self._mending = threading.Lock()
        self._pid = os.getpid()
        _databases.add(self)
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
            if self._reopen is None:
                raise StoreUnavailable(f"{self.path}: found the store closed, expected an open one; connect again")
            self._connection = self._reopen()
        return self._connection

    def read(self) -> Transaction:
        """One snapshot for all statements inside."""
        return Transaction(self, None)

    def write(self) -> Transaction:
        """A fair turn and one transaction: committed at the end, rolled back whole by any exception.

        Not inside another `write()` of this thread to the same file: that one could not commit any more.
        Raises StoreUnavailable, at the end, if the transaction is not open any more.
        """
        return Transaction(self, self._turnstile)

    def ready(self) -> apsw.Connection:
        """The connection with no transaction open: what an interrupted one left is rolled back, its turn given up."""
        connection = self.connection
        if self.running is not None or connection.in_transaction:
            self.mend(self.running)
        return connection

    def mend(self, left: Transaction | None) -> None:
        """End what this transaction left, if none was begun since. One that cannot be ended costs the connection."""
        with self._mending:
            if self.running is not left:
                return
            connection = self._connection
            try:
                if connection is not None:
                    _roll_back(connection)
            except apsw.Error:
                self._connection = None
                if connection is not None:
                    connection.close(True)  # with force it never raises
                raise
            finally:  # still open only if this was interrupted too: then it is done by whoever comes next
                if self._connection is None or not self._connection.in_transaction:
                    self._turnstile.close()
                    self.running = None

    def shares_turns_with(self, waiting: Turnstile) -> bool:
        """Whether it may hold the turn that another connection of this process waits for."""
        return self._turnstile is not waiting and self.path == waiting.path and os.getpid() == self._pid

    def require_current(self) -> None:
        """Raises NewerSchema or NewerRules if a newer program has upgraded the file since it was opened."""
        is_current(self.connection, self._component, self._rules, self.path)

    def close(self) -> None:
        """Give back every handle. Safe to repeat; in a forked child it leaves the parent's connection alone."""
        if os.getpid() != self._pid:
            return
        connection, self._connection, self._reopen = self._connection, None, None
        self._turnstile.close()
        if connection is not None:
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
        turnstile = Turnstile(real, wait_ms / 1000, _end_what_this_thread_left)
        connect = partial(_connect, turnstile, component, real, durability, rules, wait_ms, vfs, writes)
        return Database(real, connect(), turnstile, component, rules, connect)


def _connect(
    turnstile: Turnstile,
    component: Component,
    path: str,
    durability: str,
    rules: int,
    wait_ms: int,
    vfs: str | None,
    writes: Collection[str] | None,
) -> apsw.Connection:
    connection = apsw.Connection(path, vfs=vfs, statementcachesize=200)
    try:
        _prepare(connection, turnstile, component, path, durability, rules, wait_ms)
    except BaseException:
        connection.close()
        turnstile.close()
        raise
    if writes is not None:
        connection.authorizer = only_writes(frozenset(writes))
    return connection


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
    connection.pragma("recursive_triggers", True)  # else REPLACE deletes rows of append-only tables unasked
    connection.pragma("cache_size", -CACHE_KIB)
    connection.pragma("temp_store", "MEMORY")
    connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
    if not is_current(connection, component, rules, path):
        with turnstile:  # any exception costs this connection, and its transaction with it
            connection.execute("BEGIN IMMEDIATE")
            upgrade(connection, component, rules, path)
            connection.execute("COMMIT")


def _roll_back(connection: apsw.Connection) -> None:
    # After some errors SQLite has already rolled back by itself; a failing ROLLBACK must not hide the first error.
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except apsw.Error:
            if connection.in_transaction:
                raise


_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _end_what_this_thread_left(waiting: Turnstile) -> None:
    # A thread that waits for its own earlier turn would wait in vain: that one was interrupted and nobody owns it.
    for database in list(_databases):
        left = database.running
        if database.shares_turns_with(waiting) and left is not None and left.thread == threading.get_ident():
            database.mend(left)
