"""Which hot state the books go with: that in their own database, for good, or one that lies apart.

Compare-and-set, and every change a row for good. Who opens first binds, before anything of a hot state is made in
PostgreSQL, so of two at once one is refused.
"""

from __future__ import annotations

from msgspec import Struct

from spillover.ledgers.postgres.tables import PACKAGE
from spillover.model.errors import WrongSettings
from spillover.postgres import Connection, Database
from spillover.sql import statements

SQL = statements(PACKAGE, "binding.sql")
BESIDE = statements(PACKAGE, "beside.sql")
HERE = "postgresql"
"""In place of a store's id: the hot state lies in the books' own database. Ids of stores are hexadecimal."""


class BoundStore(Struct, frozen=True):
    """A hot store that the books were bound to at that instant (ms since 1970), why and by whom."""

    id: str
    at: int
    reason: str
    actor: str


def bound(reads: Database) -> str | None:
    """The id of the hot store that the books are bound to; None where they are to none yet.

    Raises WrongSettings where their hot state lies in their own database.
    """
    return reads.read(lambda connection: bound_by(connection, reads.name))


def bound_by(connection: Connection, name: str) -> str | None:
    """The same over one connection; `name` is that of the database, without a password."""
    _, found = _last(connection)
    if found == HERE or (found is None and _in_use(connection)):  # accounts from before there was a row for them
        raise refused_apart(name)
    return found


def bind(terms: Database, id: str, instead_of: str | None, *, reason: str, actor: str) -> str:
    """Bind the books to the store with this id if they are bound to `instead_of`; what they are bound to then."""

    def work(connection: Connection) -> str:
        number, found = _last(connection)
        if found == instead_of and found != id:
            connection.execute(SQL["bind"], (number + 1, id, reason, actor))
            _, found = _last(connection)
        return found or ""

    return terms.write(work)


def keep_here(reads: Database, terms: Database, *, look: bool) -> None:
    """The hot state of the books lies in their own database, for good. `look`: nothing is written.

    Raises WrongSettings where it lies apart.
    """
    _, found = reads.read(_last)
    if found is None and not look:
        found = bind(terms, HERE, None, reason="first opened", actor="")
    if found not in (None, HERE):
        raise refused_here(reads.name, found)


def history(reads: Database) -> list[BoundStore]:
    """Every store that the books were bound to, the first first."""
    rows = reads.read(lambda connection: connection.execute(SQL["history"]).fetchall())
    return [BoundStore(*row) for row in rows]


def refused_here(name: str, id: str) -> WrongSettings:
    """For who takes the books' own database for their hot state, though that lies in the store with this id."""
    return WrongSettings(
        f"{name}: found books whose hot state ({id}) lies in a Valkey, expected its address before that of the books;"
        f" give it to every engine, settler and command: valkey://HOST:PORT/NUMBER?ledger={name}"
    )


def refused_apart(name: str) -> WrongSettings:
    """For who puts a store before books whose hot state lies in their own database."""
    return WrongSettings(
        f"{name}: found books whose hot state lies in PostgreSQL with them, expected new books, or those of this hot"
        f" state; connect by {name} alone, or carry them into another database first: `spillover move`"
    )


def _last(connection: Connection) -> tuple[int, str | None]:
    row = connection.execute(SQL["bound"]).fetchone()
    return (0, None) if row is None else (int(row[0]), str(row[1]))


def _in_use(connection: Connection) -> bool:
    return all((row := connection.execute(BESIDE[ask]).fetchone()) and row[0] for ask in ("there", "in_use"))
