"""The desks of a ledger in SQLite: each piece of work is one transaction, and is never run again."""

from __future__ import annotations

from collections.abc import Callable

from spillover.ledgers.books.tables import T, Tables
from spillover.ledgers.sqlite import erasing
from spillover.ledgers.sqlite.opening import Desk, Desks
from spillover.ledgers.sqlite.tables import SQLiteTables


class SQLiteDesk:
    """A `Desk` over one connection; `tables` has the statements, those of the books by default."""

    def __init__(self, desk: Desk, tables: type[SQLiteTables] = SQLiteTables) -> None:
        self._desk, self._tables = desk, tables

    def read(self, work: Callable[[Tables], T]) -> T:
        with self._desk.read() as connection:
            return work(self._tables(connection))

    def write(self, work: Callable[[Tables], T]) -> T:
        with self._desk.write() as connection:
            return work(self._tables(connection))


class SQLiteDesks:
    """`Desks` of the books, over the ledger's connections."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks
        self.books, self.terms, self.reads = SQLiteDesk(desks.books), SQLiteDesk(desks.terms), SQLiteDesk(desks.reads)

    def erase(self, account: int) -> None:
        with self._desks.unbound() as desk:
            erasing.erase(desk, account, noted=self._desks.path is not None)
        self.finish_erasure(patient=True)

    def finish_erasure(self, *, patient: bool) -> bool:
        desks = self._desks
        return desks.path is not None and erasing.finish(
            desks.path, desks.reads, desks.terms, desks.wait_ms if patient else 0
        )

    def close(self) -> None:
        self._desks.close()
