"""The ledger's statements, over a session inside a transaction.

A statement for many rows takes one array for each column (it says `unnest`), so that a batch is one statement a table;
a single row goes in arrays of one. What is not fetched is sent along with what is, or with the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from spillover.ledgers.books.nuls import NUL
from spillover.ledgers.books.tables import Row, Value
from spillover.model.errors import InvalidInput
from spillover.postgres import Connection, ints
from spillover.postgres.arrays import column
from spillover.sql import statements

PACKAGE = "spillover.ledgers.postgres"
FILES = ("due", "epochs", "names", "orders", "outbox", "policies", "reads", "settling", "terms")
SQL = {
    f"{file}.{section}": text for file in FILES for section, text in statements(PACKAGE, f"{file}.sql").items()
}  # fmt: skip
"""FILE.SECTION -> statement."""


def by_column(sql: Mapping[str, str]) -> frozenset[str]:
    """Those for many rows."""
    return frozenset(name for name, text in sql.items() if "unnest(" in text)


BY_COLUMN = by_column(SQL)
LONG = frozenset(("outbox.unpushed", "reads.payloads"))
"""Statements whose answer has no bound: read in parts."""
PART = 1000
LOCKING = statements(PACKAGE, "locking.sql")


class PostgresTables:
    """`Tables` over one session."""

    __slots__ = ("_connection", "_cursors")
    sql: ClassVar[Mapping[str, str]] = SQL
    by_column: ClassVar[frozenset[str]] = BY_COLUMN

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursors = 0

    def one(self, name: str, *values: Value) -> Row | None:
        row: Row | None = self._connection.execute(self.sql[name], self._parameters(name, values)).fetchone()
        return row

    def rows(self, name: str, *values: Value) -> Iterable[Row]:
        if name in LONG:
            return self._in_parts(name, values)
        found: list[Row] = self._connection.execute(self.sql[name], self._parameters(name, values)).fetchall()
        return found

    def run(self, name: str, *values: Value) -> None:
        self._connection.execute(self.sql[name], self._parameters(name, values))

    def many(self, name: str, rows: Sequence[tuple[object, ...]]) -> list[Row]:
        if not rows:
            return []
        cursor = self._connection.execute(self.sql[name], self._columns(name, rows))
        if not self.sql[name].startswith("SELECT"):
            return []
        found: list[Row] = cursor.fetchall()
        return found

    def lock(self, accounts: Iterable[int]) -> None:
        wanted = tuple(accounts)
        if wanted:
            self._connection.execute(LOCKING["lock"], (ints(wanted),))

    def alone(self, what: str) -> None:
        self._connection.execute(LOCKING["alone"], (what,))

    def _in_parts(self, name: str, values: Sequence[Value]) -> Iterable[Row]:
        # It ends with the transaction: one that is left half read must not be closed at some later moment.
        self._cursors += 1
        cursor = f"part_{self._cursors}"
        self._connection.execute(
            f"DECLARE {cursor} NO SCROLL CURSOR FOR {self.sql[name]}", self._parameters(name, values)
        )
        while part := self._connection.execute(f"FETCH {PART} FROM {cursor}").fetchall():
            yield from part
            if len(part) < PART:
                return

    def _parameters(self, name: str, values: Sequence[Value]) -> Sequence[Any]:
        if name in self.by_column:
            return self._columns(name, (values,))
        _require_no_nul(values)
        return values

    def _columns(self, name: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        assert name in self.by_column, f"{name} is not a statement for many rows"
        columns = list(zip(*rows, strict=True))
        for values in columns:
            if isinstance(values[0], str) and NUL in "".join(values):
                _require_no_nul(values)
        return list(map(column, columns))


def _require_no_nul(values: Sequence[Any]) -> None:
    for value in values:
        if isinstance(value, str) and NUL in value:
            raise InvalidInput("text", repr(value)[:100], "a text without NUL characters")
