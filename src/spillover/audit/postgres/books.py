"""Reads the books in PostgreSQL: one transaction, repeatable and read-only, that other processes can join.

Rows of many are fetched through cursors of the server, so memory stays bounded however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg import errors

from spillover.audit.postgres import schema
from spillover.audit.postgres.opening import SQL as OPENING
from spillover.audit.postgres.opening import open_to_read
from spillover.audit.report import Findings
from spillover.audit.tables import Row, Table
from spillover.postgres.faults import parameters, shown, translate
from spillover.sql import statements

PATIENT = OPENING["patient"].encode()
SQL = statements("spillover.audit.postgres", "books.sql")
FETCHED = 1_000
"""Rows that a cursor fetches at a time."""


class PostgresBooks:
    """One connection. What is damaged aborts the transaction, so it is read between savepoints."""

    faults: tuple[type[Exception], ...] = (
        errors.DataCorrupted, errors.IndexCorrupted, errors.InternalError_, errors.IoError, errors.UndefinedFile,
    )  # fmt: skip
    forgets_keys = True

    def __init__(self, url: str) -> None:
        """Raises StoreUnavailable, NotADatabase, NewerSchema."""
        given = parameters(url)
        self.source, self.place, self._secret = url, shown(given), given.get("password", "")
        with self.translated():
            self.connection = open_to_read(given, self.place)
        self._cursor = self.connection.cursor()
        self._names = count(1)
        self._sql = SQL

    @property
    def has_hot(self) -> bool:
        """Where the hot state is kept elsewhere, its schema was never made."""
        return bool(next(self.rows("hot_accounts"))[0])

    def begin(self, others: Callable[[str], None] | None = None) -> bool:
        """The moment can be joined as long as this transaction lasts."""
        self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._cursor.execute(PATIENT, prepare=False)
        if others is None:
            return True
        others(str(next(self.rows("moment"))[0]))
        return True

    def join(self, moment: str) -> None:
        """The name of a moment is letters, digits and dashes; it was made by another process of this audit."""
        self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._run(f"SET TRANSACTION SNAPSHOT '{moment}'")
        self._cursor.execute(PATIENT, prepare=False)

    def end(self) -> None:
        """Safe to repeat."""
        if not self.connection.closed:
            self.connection.rollback()

    def close(self) -> None:
        """Ends the moment too."""
        self.connection.close()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Whatever was begun inside is given up at its end, open cursors too: nothing was written."""
        name = f"attempt_{next(self._names)}"
        self._run(f"SAVEPOINT {name}")
        try:
            yield
        finally:
            if not self.connection.closed:
                self.connection.script(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """As `spillover.postgres` does."""
        try:
            yield
        except psycopg.Error as error:
            raise translate(error, self.place, self._secret) from error

    def also(self, package: str) -> None:
        """Its `postgres.sql`."""
        self._sql = self._sql | statements(package, "postgres.sql")

    def rows(self, name: str, *values: int | str) -> Iterator[Row]:
        """All at once."""
        return self._fetched(self._sql[name], values)

    def stream(self, name: str, *values: int | str) -> Iterator[Row]:
        """Through a cursor of the server."""
        return self._streamed(self._sql[name], values)

    def tape(self, name: str, table: Table, low: int, high: int, lenient: bool) -> Iterator[Row]:
        """Through a cursor of the server. Its texts are always UTF-8, or it would not have taken them."""
        texts = table.texts.split()
        order = ", ".join(f'{one} COLLATE "C"' if one in texts else one for one in table.ordered)
        where = f"{table.account} BETWEEN $1::bigint AND $2::bigint"
        sql = f"SELECT {', '.join(table.columns.split())} FROM {name} WHERE {where} ORDER BY {order}"
        return self._streamed(sql, (low, high))

    def events_about(self) -> int:
        """As the accounts say."""
        try:
            return int(next(self.rows("last_event"))[0])
        except psycopg.ProgrammingError:  # no such table: that is found later
            return 0

    def check_schema(self, findings: Findings) -> set[str]:
        """Types, triggers, unique keys."""
        return schema.check_schema(self.rows, findings)

    def check_pages(self, findings: Findings) -> None:
        """It has no look of its own that a reader may ask for; it checks each page as it reads it."""

    def _run(self, statement: str) -> None:
        self._cursor.execute(statement.encode(), prepare=False)

    def _fetched(self, sql: str, values: tuple[int | str, ...]) -> Iterator[Row]:
        self._cursor.execute(sql.encode(), values, prepare=False)
        return iter(self._cursor.fetchall())

    def _streamed(self, sql: str, values: tuple[int | str, ...]) -> Iterator[Row]:
        cursor, name = self._cursor, f"rows_{next(self._names)}"
        cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}".encode(), values, prepare=False)
        fetch = f"FETCH {FETCHED} FROM {name}".encode()
        return self._chunks(fetch)

    def _chunks(self, fetch: bytes) -> Iterator[Row]:
        cursor = self._cursor
        while True:
            found = cursor.execute(fetch, prepare=False).fetchall()
            yield from found
            if len(found) < FETCHED:
                return
