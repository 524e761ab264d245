"""Whether anything changed in a database between two moments: all of it is compared, but the log of what was refused.

The moment before is a reading transaction that stays open, so nothing is copied. Only where another connection has
written meanwhile is every row of both moments read.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from pathlib import Path

from spillover.model.event import Event, decode_event

LOG = ("office_acts", "office_words", "sqlite_sequence")
"""An act of an administrator is written down before it is done, so a refused one stands there too."""
LATER = ("denials", "office_watched", "office_messages", "office_sendings", "office_tries")
"""What is written some time after what it tells of: counts of denials, and notices."""
BESIDE = {"office_endpoints": ("failing_since",)}
"""Columns that a worker writes: whether a receiver of notices answers."""
QUIET_SECONDS = 30


class Watch:
    """Looks at one SQLite database."""

    def __init__(self, path: Path) -> None:
        self._before, self.now = (open_(path) for _ in range(2))
        self.tables = [
            name for (name,) in self.now.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            if name not in (*LOG, *LATER)
        ]  # fmt: skip
        self._quiet = self._written = -1
        self._copy: dict[str, bytes] | None = None
        self.compared = 0

    def begin(self, *, stay: bool = True) -> None:
        """From here on nothing may change. What was decided before is booked first, so that it does not count.
        `stay`: read on; where the log of the database is to be cut, nobody may, and digests are taken instead."""
        if self._before.in_transaction:
            self._before.execute("ROLLBACK")
        deadline = time.monotonic() + QUIET_SECONDS
        while (version := self._version()) != self._quiet:
            if not self._waiting():
                self._quiet = version
            elif time.monotonic() > deadline:
                raise TimeoutError(f"found events unbooked after {QUIET_SECONDS} s, expected settlement at work")
        self._copy = None if stay else {name: digest_of(self.now, name) for name in self.tables}
        if stay:
            self._before.execute("BEGIN")
            self._before.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # it begins with the first reading
        self._written = self._version()

    def changed(self) -> list[str]:
        """The tables that are no longer as they were."""
        if self._version() == self._written:
            return []
        self.compared += 1
        self.now.execute("BEGIN")
        try:
            return [name for name in self.tables if self._digest_before(name) != digest_of(self.now, name)]
        finally:
            self.now.execute("ROLLBACK")

    def _digest_before(self, name: str) -> bytes:
        return digest_of(self._before, name) if self._copy is None else self._copy[name]

    def came(self) -> list[Event]:
        """The events that were booked or wait to be, and were not there before; none where nobody stayed."""
        if self._copy is not None:
            return []
        asked = "SELECT payload FROM usage_events UNION SELECT payload FROM stream"
        known = {payload for (payload,) in self._before.execute(asked)}
        return [decode_event(payload) for (payload,) in self.now.execute(asked) if payload not in known]

    def close(self) -> None:
        """Look no more."""
        self._before.close()
        self.now.close()

    def _version(self) -> int:
        return int(self.now.execute("PRAGMA data_version").fetchone()[0])

    def _waiting(self) -> bool:
        asked = "SELECT EXISTS (SELECT 1 FROM stream) OR EXISTS (SELECT 1 FROM outbox)"
        return bool(self.now.execute(asked).fetchone()[0])


def open_(path: Path) -> sqlite3.Connection:
    """For reading alone, by whichever thread calls."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


def digest_of(connection: sqlite3.Connection, table: str, where: str = "", *values: object) -> bytes:
    """Of the rows of a table, in whatever order, without what workers write beside."""
    named = [f'"{name}"' for name in columns(connection, table) if name not in BESIDE.get(table, ())]
    rows = connection.execute(f'SELECT {", ".join(named)} FROM "{table}" {where}', values)
    return hashlib.blake2b("\n".join(sorted(repr(row) for row in rows)).encode()).digest()


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """The names of a table's columns."""
    return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def digest_where(watch: Watch, name: str) -> dict[str, bytes]:
    """Of all rows of one account, in each table that has any, and of what belongs to no account at all."""
    now = watch.now
    ((account,),) = now.execute("SELECT account FROM names WHERE kind = 'account' AND name = ?", (name,))
    found = {}
    for table in watch.tables:
        own = "id" if table == "accounts" else "account" if "account" in columns(now, table) else ""
        found[table] = digest_of(now, table, f"WHERE {own} = ?", account) if own else digest_of(now, table)
    return found
