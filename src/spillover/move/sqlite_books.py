"""The books in a SQLite file, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from spillover.core.decide import RULES
from spillover.ledgers.sqlite.opening import LEDGER
from spillover.model.errors import Contended
from spillover.model.reports import MOVED
from spillover.move.books import LEAVING, MOVING, SOURCE, Progress
from spillover.move.tables import KEYS, OFFICE, Row
from spillover.sql import statements
from spillover.sqlite import open_database
from spillover.sqlite.faults import MOVED as REFUSAL

SQL = statements("spillover.move", "sqlite.sql")
CHANGES = ("INSERT", "UPDATE", "DELETE")
"""What each table refuses once books are closed."""
NEWCOMER = "moved_newcomer"
"""The trigger that refuses new accounts before that."""


class SQLiteBooks:
    """`Books` in the file at `path`, with a connection of their own that may change everything."""

    def __init__(self, path: str) -> None:
        self._db = open_database(path, LEDGER, writes=None, rules=RULES)

    @property
    def name(self) -> str:
        return self._db.path

    def columns(self, table: str) -> tuple[str, ...]:
        with self._db.read() as connection:
            return tuple(str(name) for (name,) in connection.execute(SQL["columns"], (table,)))

    def page(self, table: str, columns: Sequence[str], key: Sequence[str], after: Row | None, limit: int) -> list[Row]:
        keys = ", ".join(key)
        behind = "" if after is None else f"WHERE ({keys}) > ({', '.join('?' * len(key))})"
        sql = f"SELECT {', '.join(columns)} FROM {table} {behind} ORDER BY {keys} LIMIT ?"
        with self._db.read() as connection:
            return connection.execute(sql, (*(after or ()), limit)).fetchall()

    def has_rows(self, table: str) -> bool:
        with self._db.read() as connection:
            return bool(connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").get)

    def begin(self, source: str) -> None:
        with self._db.write() as connection:
            connection.execute(SQL["make_progress"])
            connection.execute(SQL["begin"], (SOURCE, source))

    def progress(self) -> dict[str, Progress]:
        with self._db.read() as connection:
            if not connection.table_exists("main", MOVING):
                return {}
            rows: list[Any] = connection.execute(SQL["progress"]).fetchall()
            return {what: Progress(said, count) for what, said, count in rows}

    def append(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], before: Progress, after: Progress
    ) -> None:
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        with self._db.write() as connection:
            connection.execute(SQL["begin"], (table, ""))
            step = (after.said, after.rows, table, before.said, before.rows)
            if not connection.execute(SQL["go_on"], step).fetchall():
                raise Contended(f"{self.name}: found that somebody else moves books here too; let one of you end")
            connection.executemany(sql, rows)

    def note(self, what: str, said: str) -> None:
        with self._db.write() as connection:
            connection.execute(SQL["note"], (what, said))

    def bar(self, target: str) -> None:
        with self._db.write() as connection:
            _refuse(connection, NEWCOMER, "accounts", "INSERT", target)

    def close_books(self, target: str) -> bool:
        with self._db.write() as connection:
            if connection.execute(SQL["not_moved"], (f"{MOVED}{target}",)).get:
                return False
            for table, change in _refused():
                if table in KEYS or connection.table_exists("main", table):
                    _refuse(connection, _trigger(table, change), table, change, target)
            return True

    def are_closed(self) -> bool:
        with self._db.read() as connection:
            return _refuses(connection, CLOSED)

    def is_leaving(self) -> bool:
        with self._db.read() as connection:
            barred = _refuses(connection, NEWCOMER) or _refuses(connection, CLOSED)
            return barred or bool(connection.execute(SQL["moved"], (MOVED,)).fetchall())

    def note_leaving(self, target: str, said: str) -> bool:
        with self._db.write() as connection:
            elsewhere = connection.execute(SQL["not_moved"], (f"{MOVED}{target}",)).get
            if elsewhere or not _refuses(connection, CLOSED):
                return False
            connection.execute(SQL["make_progress"])
            connection.execute(SQL["note"], (LEAVING, said))
            return True

    def reopen_books(self) -> str:
        with self._db.write() as connection:
            if connection.table_exists("main", MOVING) and (left := connection.execute(SQL["left"], (LEAVING,)).get):
                return str(left)
            for trigger in (NEWCOMER, *(_trigger(table, change) for table, change in _refused())):
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            return ""

    def end_numbers(self) -> None:
        """SQLite's own numbers go on behind the highest there is."""

    def close(self) -> None:
        self._db.close()


def _refused() -> list[tuple[str, str]]:
    return [(table, change) for table in (*KEYS, *OFFICE) for change in CHANGES]


def _trigger(table: str, change: str) -> str:
    return f"moved_{table}_{change.lower()}"


CLOSED = _trigger("accounts", "UPDATE")
"""The trigger that is there once books are closed."""


def _refuses(connection: apsw.Connection, trigger: str) -> bool:
    return bool(connection.execute(SQL["refuses"], (trigger,)).get)


def _refuse(connection: apsw.Connection, trigger: str, table: str, change: str, target: str) -> None:
    text = f"{REFUSAL}{target}".replace("'", "''")
    connection.execute(
        f"CREATE TRIGGER IF NOT EXISTS {trigger} BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, '{text}'); END"
    )
