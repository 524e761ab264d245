"""The two ends of a move: from an address to its hot store, its ledger and its tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from spillover.bootstrap.addresses import Address, address_of, safe
from spillover.bootstrap.rungs import Rung, open_as_set
from spillover.model.errors import InvalidInput
from spillover.move.books import Books

TIMEOUT_MS = 60_000
"""What one call to a server may take: pages are larger than requests."""


class End(Struct, frozen=True):
    """One end, open. `where`: the file, or the URL of the server, that has the books."""

    name: str
    where: str
    rung: Rung
    books: Books


def address(field: str, url: str) -> Address:
    """The address of an end. Raises InvalidInput for one in memory, which nothing can be moved from or to."""
    found = address_of(url)
    if found.kind == "memory":
        raise InvalidInput(field, url, "sqlite:///FILE, postgresql://..., or valkey://... with its ledger")
    return found


def require_there(field: str, wanted: Address) -> None:
    """Raises InvalidInput where there is no file to read: looking creates nothing."""
    if wanted.path is not None and not os.path.exists(wanted.path):
        raise InvalidInput(field, f"no file at {wanted.path}", "a database; check the path")


def name_of(wanted: Address) -> str:
    """As the books and messages name it: the same however it was written, and without a password."""
    if wanted.path is not None:
        return f"sqlite:///{os.path.realpath(wanted.path)}"
    both = wanted.hot if not wanted.ledger else f"{wanted.hot} with {wanted.ledger}"
    return safe(both)[1:-1]


@contextmanager
def opened(wanted: Address) -> Iterator[End]:
    """All handles on one end; a database that is not there yet is made."""
    rung = open_as_set(wanted, TIMEOUT_MS)
    try:
        books = _books(wanted)
        try:
            yield End(name_of(wanted), wanted.path or wanted.books, rung, books)
        finally:
            books.close()
    finally:
        rung.close()


def _books(wanted: Address) -> Books:
    if wanted.path is not None:
        from spillover.move.sqlite_books import SQLiteBooks

        return SQLiteBooks(wanted.path)
    from spillover.move.postgres_books import PostgresBooks

    return PostgresBooks(wanted.books, TIMEOUT_MS)
