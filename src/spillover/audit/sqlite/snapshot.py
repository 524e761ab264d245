"""Reading a live database: read-only connections that all see the same moment, while writers go on.

A read transaction is a snapshot, but nothing makes two processes begin theirs at the same moment. So the write lock is
held for the instant in which all of them begin: nothing is written, and no writer waits longer than that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

import apsw

from spillover.model.errors import NewerSchema, NotADatabase, StoreUnavailable
from spillover.sqlite import Turnstile, translated
from spillover.sqlite.identity import require_ours

SCHEMA = 3
"""The version of the ledger's tables that this audit reads."""
WAIT_MS = 10_000
CACHE_KIB = 65_536
MAP_BYTES = 1 << 40
"""Pages are read in place as far as the system can map the file: an account's rows lie on pages far apart."""


def open_to_read(path: str) -> apsw.Connection:
    """A connection that can change nothing. Raises NotADatabase, NewerSchema, StoreUnavailable."""
    with translated(path):
        require_ours(path)
        connection = _open(path)
        try:
            _require_known(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def begin(connection: apsw.Connection) -> None:
    """The snapshot is this moment's."""
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()


@contextmanager
def writers_waiting(path: str) -> Iterator[bool]:
    """Inside, nobody writes; False where that cannot be had: the file may only be read, or a writer has stopped."""
    with ExitStack() as stack:
        try:
            if os.path.exists(f"{path}-door"):  # other writers queue there; without it there are none to be fair to
                stack.enter_context(Turnstile(path, WAIT_MS / 1000))
            connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
            stack.callback(connection.close)
            connection.set_busy_timeout(WAIT_MS)
            connection.execute("BEGIN IMMEDIATE")
        except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.BusyError, StoreUnavailable):
            yield False
            return
        yield True


def _open(path: str) -> apsw.Connection:
    """Without a log nobody has the file open. Then a plain connection leaves nothing behind, where a read-only one
    would leave an empty log, and a file that may only be read is read as it lies."""
    logged = os.path.exists(f"{path}-wal")
    try:
        connection = _connect(path, "ro" if logged else "rw")
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        if logged:
            raise
        connection = _connect(path, "ro&immutable=1")
    connection.pragma("query_only", True)
    connection.pragma("cache_size", -CACHE_KIB)
    connection.pragma("mmap_size", MAP_BYTES)
    connection.pragma("temp_store", "MEMORY")
    return connection


def _connect(path: str, mode: str) -> apsw.Connection:
    flags = (apsw.SQLITE_OPEN_READWRITE if mode == "rw" else apsw.SQLITE_OPEN_READONLY) | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{quote(path)}?mode={mode}", flags=flags, statementcachesize=200)
    try:
        connection.set_busy_timeout(
            WAIT_MS
        )  # the last writer that closes, and the first that opens, hold it for a moment
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _require_known(connection: apsw.Connection, path: str) -> None:
    version = 0
    if connection.table_exists("main", "spillover_schema"):
        version = connection.execute("SELECT version FROM spillover_schema WHERE component = 'ledger'").get or 0
    if not version:
        raise NotADatabase(f"{path}: found no ledger, expected the database of an engine; check the path")
    if version < SCHEMA:
        raise StoreUnavailable(
            f"{path}: found schema ledger {version}, expected {SCHEMA}; open it once with this version of Spillover,"
            " such as by `spillover settle`, which upgrades it"
        )
    if version > SCHEMA:
        raise NewerSchema(
            f"{path}: found schema ledger {version}, expected at most {SCHEMA};"
            " use the version of Spillover that upgraded this file, or a newer one"
        )
