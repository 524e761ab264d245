"""The ledger's statements, over a connection inside a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import apsw

from spillover.ledgers.books.tables import Row, Value
from spillover.sql import statements

FILES = ("due", "epochs", "names", "orders", "outbox", "policies", "reads", "settling", "terms")
SQL = {
    f"{file}.{section}": text
    for file in FILES
    for section, text in statements("spillover.ledgers.sqlite", f"{file}.sql").items()
}
"""FILE.SECTION -> statement."""


class SQLiteTables:
    """`Tables` over one connection. A transaction that writes excludes all others, so there is nothing to lock."""

    __slots__ = ("_connection",)
    sql: ClassVar[Mapping[str, str]] = SQL

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def one(self, name: str, *values: Value) -> Row | None:
        return self._connection.execute(self.sql[name], values).fetchone()

    def rows(self, name: str, *values: Value) -> Iterable[Row]:
        return self._connection.execute(self.sql[name], values)

    def run(self, name: str, *values: Value) -> None:
        self._connection.execute(self.sql[name], values)

    def many(self, name: str, rows: Sequence[tuple[object, ...]]) -> list[Row]:
        return self._connection.executemany(self.sql[name], rows).fetchall() if rows else []

    def lock(self, accounts: Iterable[int]) -> None:
        pass

    def alone(self, what: str) -> None:
        pass
