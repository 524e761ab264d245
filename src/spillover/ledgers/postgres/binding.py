"""Which hot state the books go with, where it lies apart from them: compare-and-set, every change a row for good."""

from __future__ import annotations

from msgspec import Struct

from spillover.ledgers.postgres.tables import PACKAGE
from spillover.postgres import Connection, Database
from spillover.sql import statements

SQL = statements(PACKAGE, "binding.sql")


class BoundStore(Struct, frozen=True):
    """A hot store that the books were bound to at that instant (ms since 1970), why and by whom."""

    id: str
    at: int
    reason: str
    actor: str


def bound(reads: Database) -> str | None:
    """The id of the hot store that the books are bound to; None where they are to none yet."""
    return reads.read(bound_by)


def bound_by(connection: Connection) -> str | None:
    """The same over one connection."""
    return _last(connection)[1]


def bind(terms: Database, id: str, instead_of: str | None, *, reason: str, actor: str) -> str:
    """Bind the books to the store with this id if they are bound to `instead_of`; what they are bound to then."""

    def work(connection: Connection) -> str:
        number, found = _last(connection)
        if found == instead_of and found != id:
            connection.execute(SQL["bind"], (number + 1, id, reason, actor))
            _, found = _last(connection)
        return found or ""

    return terms.write(work)


def history(reads: Database) -> list[BoundStore]:
    """Every store that the books were bound to, the first first."""
    rows = reads.read(lambda connection: connection.execute(SQL["history"]).fetchall())
    return [BoundStore(*row) for row in rows]


def _last(connection: Connection) -> tuple[int, str | None]:
    row = connection.execute(SQL["bound"]).fetchone()
    return (0, None) if row is None else (int(row[0]), str(row[1]))
