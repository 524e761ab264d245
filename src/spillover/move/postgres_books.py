"""The books in a PostgreSQL database, as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from spillover.core.decide import RULES
from spillover.ledgers.postgres.desks import LEDGER
from spillover.model.errors import Contended
from spillover.model.reports import MOVED
from spillover.move.books import LEAVING, SOURCE, Progress
from spillover.move.tables import KEYS, OFFICE, Row
from spillover.postgres import Connection, blobs, ints, open_database, texts
from spillover.postgres.layout import OWNER
from spillover.sql import statements

SQL = statements("spillover.move", "postgres.sql")
CLOSED, NEWCOMER = "moved", "moved_newcomer"
"""The triggers that refuse whatever comes, and, before that, new accounts."""
ARRAYS: dict[str, Callable[[Any], object]] = {
    "bigint": ints,
    "integer": ints,
    "smallint": ints,
    "text": texts,
    "bytea": blobs,
}
"""A column's type -> how many of its values are sent at once."""


class PostgresBooks:
    """`Books` in the database behind an address, as the role that owns them."""

    def __init__(self, url: str, timeout_ms: int) -> None:
        self._db = open_database(url, LEDGER, role=OWNER, rules=RULES, timeout_ms=timeout_ms)

    @property
    def name(self) -> str:
        return self._db.name

    def columns(self, table: str) -> tuple[str, ...]:
        return tuple(self._types(table))

    def _types(self, table: str) -> dict[str, str]:
        found = self._db.read(lambda connection: connection.execute(SQL["columns"], (table,)).fetchall())
        return {str(name): str(kind) for name, kind in found}

    def page(self, table: str, columns: Sequence[str], key: Sequence[str], after: Row | None, limit: int) -> list[Row]:
        keys, places = ", ".join(key), ", ".join(f"${number}" for number in range(2, 2 + len(key)))
        behind = "" if after is None else f"WHERE ({keys}) > ({places})"
        sql = f"SELECT {', '.join(columns)} FROM {table} {behind} ORDER BY {keys} LIMIT $1"
        return self._db.read(lambda connection: connection.execute(sql, (limit, *(after or ()))).fetchall())

    def has_rows(self, table: str) -> bool:
        return bool(self._first(f"SELECT EXISTS (SELECT 1 FROM {table})"))

    def begin(self, source: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute(SQL["make_progress"])
            connection.execute(SQL["begin"], (SOURCE, source))

        self._db.write(work)

    def progress(self) -> dict[str, Progress]:
        if not self._first(SQL["has_progress"]):
            return {}
        rows = self._db.read(lambda connection: connection.execute(SQL["progress"]).fetchall())
        return {what: Progress(said, count) for what, said, count in rows}

    def append(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], before: Progress, after: Progress
    ) -> None:
        types = self._types(table)
        places = ", ".join(f"${number}" for number in range(1, 1 + len(columns)))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest({places})"
        values = tuple(ARRAYS[types[name]]([row[place] for row in rows]) for place, name in enumerate(columns))

        def work(connection: Connection) -> None:
            connection.execute(SQL["begin"], (table, ""))
            step = (after.said, after.rows, table, before.said, before.rows)
            if connection.execute(SQL["go_on"], step).fetchone():
                connection.execute(sql, values)
            elif connection.execute(SQL["stands"], (table,)).fetchone() != (after.said, after.rows):
                raise Contended(f"{self.name}: found that somebody else moves books here too; let one of you end")

        self._db.write(work)

    def note(self, what: str, said: str) -> None:
        self._db.write(lambda connection: connection.execute(SQL["note"], (what, said)))

    def bar(self, target: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute(SQL["make_refusal"])
            _refuse(connection, NEWCOMER, "accounts", "INSERT", target)

        self._db.write(work)

    def close_books(self, target: str) -> bool:
        def work(connection: Connection) -> bool:
            # Who writes now comes to his end first; who comes later finds the triggers.
            tables = _closed(connection)
            connection.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
            if not _all_moved(connection, target):
                return False
            connection.execute(SQL["make_refusal"])
            for table in tables:
                _refuse(connection, CLOSED, table, "INSERT OR UPDATE OR DELETE", target)
            return True

        return self._db.write(work)

    def are_closed(self) -> bool:
        return self._db.read(lambda connection: _refuses(connection, CLOSED))

    def is_leaving(self) -> bool:
        def work(connection: Connection) -> bool:
            barred = _refuses(connection, NEWCOMER) or _refuses(connection, CLOSED)
            return barred or connection.execute(SQL["moved"], (MOVED,)).fetchone() is not None

        return self._db.read(work)

    def note_leaving(self, target: str, said: str) -> bool:
        def work(connection: Connection) -> bool:
            connection.execute(SQL["hold_still"])
            if not (_refuses(connection, CLOSED) and _all_moved(connection, target)):
                return False
            connection.execute(SQL["make_progress"])
            connection.execute(SQL["note"], (LEAVING, said))
            return True

        return self._db.write(work)

    def reopen_books(self) -> str:
        def work(connection: Connection) -> str:
            connection.execute(SQL["hold_still"])
            there = connection.execute(SQL["has_progress"]).fetchone()
            if there and there[0] and (left := connection.execute(SQL["left"], (LEAVING,)).fetchone()):
                return str(left[0])
            for table in _closed(connection):
                for trigger in (NEWCOMER, CLOSED):
                    connection.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
            return ""

        return self._db.write(work)

    def end_numbers(self) -> None:
        self._db.write(lambda connection: connection.execute(SQL["end_numbers"]))

    def close(self) -> None:
        self._db.close()

    def _first(self, sql: str) -> object:
        row = self._db.read(lambda connection: connection.execute(sql).fetchone())
        return row[0] if row else None


def _all_moved(connection: Connection, target: str) -> bool:
    found = connection.execute(SQL["not_moved"], (f"{MOVED}{target}",)).fetchone()
    return found is not None and not found[0]


def _closed(connection: Connection) -> tuple[str, ...]:
    """The tables that take no change once books are closed: those of the books, and of an office if there is one."""
    office = [table for table in OFFICE if connection.execute(SQL["columns"], (table,)).fetchone()]
    return (*KEYS, *office)


def _refuses(connection: Connection, trigger: str) -> bool:
    found = connection.execute(SQL["refuses"], (trigger,)).fetchone()
    return bool(found and found[0])


def _refuse(connection: Connection, trigger: str, table: str, changes: str, target: str) -> None:
    text = f"{MOVED}{target}".replace("'", "''")
    connection.execute(
        f"CREATE OR REPLACE TRIGGER {trigger} BEFORE {changes} ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION spillover_ledger.moved('{text}')"
    )
