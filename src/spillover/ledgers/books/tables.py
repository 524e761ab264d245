"""What the books need of a database: named statements inside one transaction, locks, and a desk for each purpose.

A statement's name is "FILE.SECTION": a section of one of the adapter's `.sql` files. All adapters have the same
sections, with the same parameters and the same columns in the same order. Columns come as `int`, `str`, `bytes`
(hashes, payloads, fingerprints, the records of holds) or None; what else is JSON comes and goes as text; true or false
as 1 or 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Value = str | int | bytes | None
Row = tuple[Any, ...]
"""The columns of one row, in the statement's order; the schema types them, so the reader of a row says what it is."""


class Tables(Protocol):
    """The database as one piece of work sees it, inside its transaction. Not to be kept after it."""

    def one(self, name: str, *values: Value) -> Row | None:
        """The first row that the statement gives; None for none."""
        ...

    def rows(self, name: str, *values: Value) -> Iterable[Row]:
        """Its rows, read as they are taken, so that a long answer is never in memory as a whole.

        No other statement until the last was taken, or no more are wanted.
        """
        ...

    def run(self, name: str, *values: Value) -> None:
        """Do it, for what gives no rows."""
        ...

    def many(self, name: str, rows: Sequence[tuple[object, ...]]) -> list[Row]:
        """Do it once for each of these rows of values; all that it gives, together, in no order.

        No rows: nothing is done. A statement that writes is given no two rows of the same key.
        """
        ...

    def lock(self, accounts: Iterable[int]) -> None:
        """Nobody else writes to these accounts until the transaction ends; what is read after this is the newest.

        Taken in the order of ids, whatever order they come in; one that does not exist is passed over.
        """
        ...

    def alone(self, what: str) -> None:
        """Nobody else is past this line with the same text until the transaction ends. Comes before any `lock`."""
        ...


class Desk(Protocol):
    """A way into the database for one purpose; threads may share it.

    Work may be run again from its start, where the database asks for it (a deadlock, a lost connection): it does
    nothing outside, and its keys decide. What it raises ends the transaction with nothing written.
    """

    def read(self, work: Callable[[Tables], T]) -> T:
        """Its result, over one snapshot of the database; nothing may be written."""
        ...

    def write(self, work: Callable[[Tables], T]) -> T:
        """Its result, once all that it wrote is durable."""
        ...


class Desks(Protocol):
    """All desks of a ledger: `books` for settlement and orders, `terms` for accounts, names and policies, `reads`.

    Each may change only what its purpose needs.
    """

    @property
    def books(self) -> Desk: ...

    @property
    def terms(self) -> Desk: ...

    @property
    def reads(self) -> Desk: ...

    def erase(self, account: int) -> None:
        """Delete the account's rows of `names`, so that nothing in the database holds them any more.

        It is `alone` with what `names.names_of` gives, as who makes tokens is. Safe to repeat. Raises StoreUnavailable
        if older pages must wait (`finish_erasure`).
        """
        ...

    def finish_erasure(self, *, patient: bool) -> bool:
        """Finish an erasure that had to leave older pages; whether there was one. Only `patient` waits for readers.

        Raises StoreUnavailable if it still cannot be finished. Where deleting is all there is to it: False.
        """
        ...

    def close(self) -> None:
        """Give back every connection. Safe to repeat."""
        ...


def single(tables: Tables, kind: type[T], name: str, *values: Value) -> T | None:
    """The first column of the first row, which is of that kind; None where there is no row, or nothing in it."""
    row = tables.one(name, *values)
    return row[0] if row is not None and isinstance(row[0], kind) else None
