"""What a move needs of a database: rows in pages, a place to keep how far it came, and books that can be closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from spillover.move.tables import Row

MOVING = "moving"
"""The table in the target that says what is being moved here and how far it has come."""
SOURCE, STATE = "source", "state"
"""Its rows besides those of tables."""
LEAVING = "leaving"
"""Its one row in the source: how far the accounts are opened elsewhere. From the first on nothing opens them here."""
OPENING, GONE = "opening", "gone"
"""What stands there: the target begins to serve; the move has come to its end."""


class Progress(Struct, frozen=True):
    """How far one thing has come: `said` is what stands there, of a table the last key that was carried, as JSON."""

    said: str
    rows: int


class Books(Protocol):
    """One database, seen as tables. Used by one thread; raises StoreErrors."""

    @property
    def name(self) -> str:
        """For messages, without a password."""
        ...

    def columns(self, table: str) -> tuple[str, ...]:
        """The table's columns, in its order; none if there is no such table."""
        ...

    def page(self, table: str, columns: Sequence[str], key: Sequence[str], after: Row | None, limit: int) -> list[Row]:
        """The next rows behind that key, in the order of keys: whole numbers, texts, bytes and None."""
        ...

    def has_rows(self, table: str) -> bool:
        """Whether anything is in it."""
        ...

    def begin(self, source: str) -> None:
        """Make the table that keeps progress, if it is not there, and say what is moved here."""
        ...

    def progress(self) -> dict[str, Progress]:
        """What that table says; nothing if there is none."""
        ...

    def append(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], before: Progress, after: Progress
    ) -> None:
        """Write rows and how far the table has come then, both or nothing.

        Raises Contended if it had not come to `before`: somebody else moves here too.
        """
        ...

    def note(self, what: str, said: str) -> None:
        """Keep something else that was reached."""
        ...

    def bar(self, target: str) -> None:
        """Refuse new accounts from now on, saying where the books go. Safe to repeat."""
        ...

    def close_books(self, target: str) -> bool:
        """Refuse every change of the books from now on, saying where they went. Safe to repeat.

        False, and nothing is done, while there is an account that was not moved to there.
        """
        ...

    def are_closed(self) -> bool:
        """Whether the books are closed."""
        ...

    def is_leaving(self) -> bool:
        """Whether a move from here is under way or at its end: new accounts are barred, or one lives elsewhere."""
        ...

    def note_leaving(self, target: str, said: str) -> bool:
        """Keep, in the source, OPENING or GONE. False, and nothing is done, where they are not closed for that target
        any more: the books were opened again."""
        ...

    def reopen_books(self) -> str:
        """Take new accounts and changes again. Safe to repeat.

        What `note_leaving` said, and nothing is done, where the target serves already; else "".
        """
        ...

    def end_numbers(self) -> None:
        """Numbers that the database itself gives go on behind those that were carried."""
        ...

    def close(self) -> None:
        """Give back every handle. Safe to repeat."""
        ...
