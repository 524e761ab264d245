"""The two ends of a move: from an address to its hot store, its ledger and its tables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from spillover.bootstrap.addresses import SPANS, Address, address_of
from spillover.bootstrap.rungs import Rung, is_there, open_as_set
from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput
from spillover.move.books import Books
from spillover.ports import HotStore

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
    """Raises InvalidInput where there is no file to read, or a server has no books there: looking creates nothing."""
    if wanted.path is not None and not os.path.exists(wanted.path):
        raise InvalidInput(field, f"no file at {wanted.path}", "a database; check the path")
    if wanted.path is None and not is_there(wanted):
        raise InvalidInput(field, f"no tables of Spillover in {name_of(wanted)}", "a database; check the address")


@contextmanager
def hot_alone(wanted: Address) -> Iterator[HotStore | None]:
    """The hot store of a target that has no books yet, if it lies apart from them: opening both makes their tables.

    Nothing is written. Raises WrongSettings for that of other books.
    """
    if wanted.kind != "valkey" or is_there(wanted):
        yield None
        return
    from spillover.postgres.facts import identity_of
    from spillover.stores.valkey import ValkeyHotStore

    store = ValkeyHotStore(
        wanted.hot, "fast", booked=lambda *_: None, books=identity_of(wanted.books, TIMEOUT_MS), bind="take",
        timeout_ms=TIMEOUT_MS,
    )  # fmt: skip
    try:
        yield store
    finally:
        drive(store.close())


def name_of(wanted: Address) -> str:
    """As the books and messages name it, and as a program opens it: the same however a path was written.

    Without any password; where there is one, it is given by PGPASSWORD or a password file, or written in again.
    """
    if wanted.path is not None:
        # In an address %XX is a sign, and what follows ?NAME= an option.
        path = os.path.realpath(wanted.path).replace("%", "%25").replace("?", "%3F")
        return f"sqlite:///{path}"
    hot = _without_password(wanted.hot)
    return _with(hot, f"ledger={_without_password(wanted.ledger)}") if wanted.ledger else hot


def written(wanted: Address) -> str:
    """Its name with what programs say besides: for how long keys are known."""
    if wanted.remember is None:
        return name_of(wanted)
    unit = max((ms, unit) for unit, ms in SPANS.items() if wanted.remember % ms == 0)[1]
    hot = _with(wanted.hot, f"remember={wanted.remember // SPANS[unit]}{unit}")
    return name_of(Address(wanted.kind, hot, wanted.ledger))


def has_password(wanted: Address) -> bool:
    """Whether its name lacks something that a program needs."""
    return any(_without_password(url) != url for url in (wanted.hot, wanted.ledger) if wanted.path is None)


def _with(url: str, option: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{option}"


def _without_password(url: str) -> str:
    """A server's address, but for what is secret in it."""
    found = re.sub(r"://([^:@/?]*):(?:(?!://).)*@", r"://\1@", url).replace("://@", "://")
    return re.sub(r"[?&]$", "", re.sub(r"(?<=[?&])(ssl)?password=[^&]*(&|$)", "", found))


@contextmanager
def opened(wanted: Address, *, takes: bool = False) -> Iterator[End]:
    """All handles on one end; a database that is not there yet is made.

    `takes`: its books go with no hot store of a server yet, or with another one, until `Rung.take`.
    """
    rung = open_as_set(wanted, TIMEOUT_MS, bind="take" if takes else "bind")
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
