"""The books in a SQLite file, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spillover.core.decide import RULES
from spillover.engine.rebuilding import MOVED
from spillover.ledgers.sqlite.opening import LEDGER
from spillover.model.errors import Contended
from spillover.move.books import MOVING, SOURCE, Progress
from spillover.move.tables import KEYS, Row
from spillover.sql import statements
from spillover.sqlite import open_database

SQL = statements("spillover.move", "sqlite.sql")
CHANGES = ("UPDATE", "DELETE")
"""What each table refuses once books are closed. Nothing is booked without a change of its account's row, and nobody
new comes without a name: so new rows are refused in one table only, and data sets keep the triggers audits know."""


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

    def close_books(self, target: str) -> bool:
        text = f"{MOVED}{target}".replace("'", "''")
        with self._db.write() as connection:
            if connection.execute(SQL["not_moved"], (f"{MOVED}{target}",)).get:
                return False
            for table, change in _refused():
                connection.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {_trigger(table, change)} BEFORE {change} ON {table}"
                    f" BEGIN SELECT RAISE(ABORT, 'these books were {text}'); END"
                )
            return True

    def are_closed(self) -> bool:
        with self._db.read() as connection:
            return bool(connection.execute(SQL["is_closed"], (_trigger("accounts", "UPDATE"),)).get)

    def reopen_books(self) -> None:
        with self._db.write() as connection:
            for table, change in _refused():
                connection.execute(f"DROP TRIGGER IF EXISTS {_trigger(table, change)}")

    def end_numbers(self) -> None:
        """SQLite's own numbers go on behind the highest there is."""

    def close(self) -> None:
        self._db.close()


def _refused() -> list[tuple[str, str]]:
    return [("names", "INSERT"), *((table, change) for table in KEYS for change in CHANGES)]


def _trigger(table: str, change: str) -> str:
    return f"moved_{table}_{change.lower()}"
