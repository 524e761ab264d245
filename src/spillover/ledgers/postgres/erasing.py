"""Erasing names in the table's file itself, where a deletion alone leaves the rows' bytes in their pages.

The table is written anew, without the deleted rows; its cost grows with all names, some 2 s for a million, and for that
long nobody looks up a name. Rows that an older snapshot still needs are kept by it: then it is done again later. What
no database reaches: the write-ahead log, its archive, standbys that lag, and backups hold older pages for as long as
they are kept. The name's column has no statistics, as those are samples of it.

Where a service keeps an office beside the books (decision 0007), what it wrote down of the account goes with its names,
in the same transaction: whoever erases need not know of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from psycopg.errors import Diagnostic

from spillover.ledgers.books.names import names_of
from spillover.ledgers.postgres.tables import PACKAGE, PostgresTables
from spillover.model.errors import StoreUnavailable
from spillover.postgres import Connection, Database
from spillover.sql import statements

SQL = statements(PACKAGE, "erasing.sql")
IMPATIENT_MS = 50
"""How long a settlement lets those who look up names wait behind it, for the sake of an erasure."""

OFFICE = ("words", "bindings", "customers")
"""Tables of the office, `office_...`, in which names of accounts stand; an older office has the first of them."""

PAUSE_S = 0.1
"""Before the table is written once more."""


def erase(owner: Database, account: int) -> None:
    """Delete the names of an account and of its people, and note that the table is to be written anew."""

    def work(connection: Connection) -> None:
        PostgresTables(connection).alone(names_of(account))
        for table in _office(connection):  # before the name itself, by which they are found
            connection.execute(SQL[f"delete_{table}"], (account,))
        connection.execute(SQL["delete"], (account,))
        connection.execute(SQL["note_erasure"])

    owner.write(work)


def is_noted(reads: Database) -> bool:
    """Whether an erasure had to leave something."""
    return _last(reads) is not None


def finish(owner: Database, wait_ms: int) -> bool:
    """Write the table anew if an erasure was noted; whether there was such a thing to do.

    The note is in the database, so any process may finish what another began. Raises StoreUnavailable if a reader keeps
    the table for longer than `wait_ms`, or deleted rows in it.
    """
    last = _last(owner)
    if last is None:
        return False
    until = time.monotonic() + wait_ms / 1000
    while left := owner.outside(lambda connection: _rewrite(connection, wait_ms)):
        # Somebody's transaction was under way when the rows were deleted: most last for some milliseconds only.
        if time.monotonic() + PAUSE_S < until:
            time.sleep(PAUSE_S)
            continue
        raise StoreUnavailable(
            f"{owner.name}: found an older snapshot that keeps {left} erased names in their table, expected to write it"
            " anew; the names are deleted, but their file still holds them; end long transactions (pg_stat_activity),"
            " then erase once more (a later settlement or close also tries)"
        )
    owner.write(lambda connection: connection.execute(SQL["erasures_done"], (last,)))
    return True


def _rewrite(connection: Connection, wait_ms: int) -> int:
    """How many deleted rows it had to keep, of all tables together."""
    said: list[str] = []
    listen: Callable[[Diagnostic], None] = lambda notice: said.append(notice.message_detail or "")  # noqa: E731
    connection.execute(SQL["patience"], (str(wait_ms),))
    connection.add_notice_handler(listen)
    try:
        for table in ("rewrite", *(f"rewrite_{table}" for table in _office(connection))):
            connection.execute(SQL[table], prepare=False)
    finally:
        connection.remove_notice_handler(listen)
    # "3 dead row versions cannot be removed yet.": the number comes first in every language.
    return sum(int(number[0]) for detail in said if (number := re.match(r"\d+", detail)))


def _office(connection: Connection) -> list[str]:
    there = (connection.execute(SQL["is_there"], (f"spillover_office.office_{table}",)).fetchone() for table in OFFICE)
    return [table for table, row in zip(OFFICE, there, strict=True) if row is not None and row[0]]


def _last(database: Database) -> int | None:
    row = database.read(lambda connection: connection.execute(SQL["last_erasure"]).fetchone())
    return None if row is None else row[0]
