"""The books as the audit reads them: one moment of a database of either kind, by statements that have names.

The statements stand in `sqlite/books.sql` and `postgres/books.sql`: the same sections, values and columns.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

from spillover.audit.report import Findings
from spillover.audit.tables import Row, Table

if TYPE_CHECKING:
    import apsw

Source: TypeAlias = "str | os.PathLike[str] | apsw.Connection"
"""A file, the URL of a PostgreSQL database, or an open connection."""
POSTGRES = ("postgresql://", "postgres://")


class Books(Protocol):
    """A database that is only read. Between `begin` (or `join`) and `end` everything is as it was at one moment."""

    @property
    def place(self) -> str:
        """How messages call it; no secrets."""
        ...

    @property
    def source(self) -> str:
        """By which a process of its own opens it too; empty where none can."""
        ...

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        """What reading raises where the database is damaged. Inside `attempt` one can go on after it."""
        ...

    @property
    def has_hot(self) -> bool:
        """Whether the hot state's tables lie in it too."""
        ...

    @property
    def forgets_keys(self) -> bool:
        """Whether keys leave the hot state after a while, the oldest first."""
        ...

    def begin(self, others: Callable[[str], None] | None = None) -> bool:
        """The moment is now. `others` is told the moment's name, while it can still be joined, to make processes join;
        False where they cannot: then it was not called."""
        ...

    def join(self, moment: str) -> None:
        """The moment is the one that another process has begun."""
        ...

    def end(self) -> None:
        """The moment is over."""
        ...

    def close(self) -> None:
        """Give back the connection, if it is its own. Safe to repeat."""
        ...

    def attempt(self) -> AbstractContextManager[object]:
        """What is read inside may raise `faults`, and the moment goes on."""
        ...

    def translated(self) -> AbstractContextManager[None]:
        """Inside, no error of the driver gets out untranslated."""
        ...

    def also(self, package: str) -> None:
        """Know the statements of another package too: those of its `sqlite.sql`, or `postgres.sql`."""
        ...

    def rows(self, name: str, *values: int | str) -> Iterator[Row]:
        """The rows of a named statement: few."""
        ...

    def stream(self, name: str, *values: int | str) -> Iterator[Row]:
        """The rows of a named statement: any number, read bit by bit."""
        ...

    def tape(self, name: str, table: Table, low: int, high: int, lenient: bool) -> Iterator[Row]:
        """A table's rows of the accounts from `low` to `high`, in the order of accounts, then in the table's.

        `lenient` reads texts as bytes, for they may not be UTF-8, wherever they are.
        """
        ...

    def events_about(self) -> int:
        """About how many events there are, known without counting."""
        ...

    def check_schema(self, findings: Findings) -> set[str]:
        """Types are enforced, rows append-only, places and keys unique; gives the tables whose keys are not unique."""
        ...

    def check_pages(self, findings: Findings) -> None:
        """The database's own look at all that it stores, if it has one."""
        ...


def open_books(source: Source) -> Books:
    """Open it to be read. Raises NotADatabase, NewerSchema, StoreUnavailable, InvalidInput."""
    if isinstance(source, str) and source.startswith(POSTGRES):
        from spillover.audit.postgres.books import PostgresBooks

        return PostgresBooks(source)
    from spillover.audit.sqlite.books import SqliteBooks

    return SqliteBooks(source)


def one(rows: Iterator[Row]) -> object:
    """The first value of the first row, None where there is none."""
    row = next(rows, None)
    return row[0] if row else None
