"""The desks of a ledger in SQLite: each piece of work is one transaction, and is never run again."""

from __future__ import annotations

from collections.abc import Callable

from spillover.ledgers.books.tables import T, Tables
from spillover.ledgers.sqlite import erasing
from spillover.ledgers.sqlite.opening import Desk, Desks
from spillover.ledgers.sqlite.tables import SQLiteTables


class SQLiteDesk:
    """A `Desk` of the books, over one connection."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read(self, work: Callable[[Tables], T]) -> T:
        with self._desk.read() as connection:
            return work(SQLiteTables(connection))

    def write(self, work: Callable[[Tables], T]) -> T:
        with self._desk.write() as connection:
            return work(SQLiteTables(connection))


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
