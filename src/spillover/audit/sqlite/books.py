"""Reads the books in SQLite: a file beside running engines, or an open connection to a ledger in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import apsw

from spillover.audit.report import Findings
from spillover.audit.sqlite import schema
from spillover.audit.sqlite.snapshot import begin, open_to_read, writers_waiting
from spillover.audit.tables import Row, Table
from spillover.sql import statements
from spillover.sqlite import translated

SQL = statements("spillover.audit.sqlite", "books.sql")
_IN_PLACE: AbstractContextManager[None] = nullcontext()


class SqliteBooks:
    """One connection. What is damaged ends a statement, not the transaction."""

    faults: tuple[type[Exception], ...] = (apsw.Error,)
    forgets_keys = False

    def __init__(self, source: str | os.PathLike[str] | apsw.Connection) -> None:
        """Raises NotADatabase, NewerSchema, StoreUnavailable."""
        self._own = not isinstance(source, apsw.Connection)
        if isinstance(source, apsw.Connection):
            self.place, self.source, self.connection = "connection", "", source
        else:
            self.place = self.source = os.path.realpath(os.fspath(source))
            self.connection = open_to_read(self.place)
        self._begun = False
        self._sql = SQL

    @property
    def has_hot(self) -> bool:
        """A ledger in memory has none of these tables."""
        return self.connection.table_exists("main", "hot_accounts")

    def begin(self, others: Callable[[str], None] | None = None) -> bool:
        """A transaction that its owner has begun on an open connection stays his."""
        if others is None:
            if not self.connection.in_transaction:
                begin(self.connection)
                self._begun = True
            return True
        with writers_waiting(self.place) as still:
            if still:
                others("")
            begin(self.connection)
            self._begun = True
        return still

    def join(self, moment: str) -> None:
        """Nobody writes until all have begun, so the moment needs no name."""
        self.begin()

    def end(self) -> None:
        """Ends only what was begun here."""
        if self._begun:
            self._begun = False
            self.connection.execute("ROLLBACK")

    def close(self) -> None:
        """Its own connection only."""
        if self._own:
            self.connection.close()

    def attempt(self) -> AbstractContextManager[object]:
        """Nothing is needed to go on after a fault."""
        return _IN_PLACE

    def translated(self) -> AbstractContextManager[None]:
        """As `spillover.sqlite` does."""
        return translated(self.place)

    def also(self, package: str) -> None:
        """Its `sqlite.sql`."""
        self._sql = self._sql | statements(package, "sqlite.sql")

    def rows(self, name: str, *values: int | str) -> Iterator[Row]:
        """Its rows, as they are stepped to."""
        return self.connection.execute(self._sql[name], values)

    stream = rows

    def tape(self, name: str, table: Table, low: int, high: int, lenient: bool) -> Iterator[Row]:
        """Its rows, as they are stepped to."""
        shown = list(table.columns.split())
        if lenient:
            shown = [f"CASE typeof({one}) WHEN 'text' THEN CAST({one} AS BLOB) ELSE {one} END" for one in shown]
        account, order = table.account, ", ".join(table.ordered)
        sql = f"SELECT {', '.join(shown)} FROM {name} WHERE {account} BETWEEN ? AND ? ORDER BY {order}"
        return self.connection.execute(sql, (low, high))

    def events_about(self) -> int:
        """The last row's number."""
        try:
            found = self.connection.execute(self._sql["last_event"]).get
        except apsw.Error:
            return 0
        return found if isinstance(found, int) else 0

    def check_schema(self, findings: Findings) -> set[str]:
        """STRICT, triggers, unique keys."""
        return schema.check_schema(self.rows, findings)

    def check_pages(self, findings: Findings) -> None:
        """SQLite's own look at every page."""
        try:
            for (found,) in self.rows("pages"):
                if found != "ok":
                    findings.add("pages", "pages", 0, "", str(found), "ok")
        except apsw.Error as error:
            findings.add("pages", "pages", 0, "", str(error), "pages that can be read")
