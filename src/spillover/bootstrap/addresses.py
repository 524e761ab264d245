"""Addresses: which rung of the ladder, and where (design, section 6)."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote

from msgspec import Struct

from spillover.model.errors import InvalidInput, shown

Kind = Literal["memory", "sqlite", "postgres", "valkey"]
SCHEMES = "memory://, sqlite:///FILE, postgresql://..., or valkey://... with a ledger"
LEDGER = re.compile(r"[?&]ledger=(.*)$")
POSTGRES = re.compile(r"postgres(ql)?://")
VALKEY = re.compile(r"(valkey|redis)(s|\+cluster|s\+cluster)?://")


class Address(Struct, frozen=True):
    """Where the hot state lies, and the books: `hot` is a file's path or a server's URL, "" for memory.

    `ledger` is the URL of the books where they lie apart, else "".
    """

    kind: Kind
    hot: str = ""
    ledger: str = ""

    @property
    def path(self) -> str | None:
        """The file; None where there is none."""
        return self.hot if self.kind == "sqlite" else None

    @property
    def books(self) -> str:
        """The URL of the server that has the books; "" for an embedded rung."""
        return "" if self.kind in ("memory", "sqlite") else self.ledger or self.hot


def address_of(url: object, ledger: str | None = None) -> Address:
    """What an address means. Raises InvalidInput for one that is none.

    `valkey://HOST:PORT/0?ledger=postgresql://...` says both in one line: what follows `ledger=`, which comes last, is
    the address of the books as it stands. `ledger` says the same beside it.
    """
    if isinstance(url, str) and url == "memory://":
        return Address("memory")
    if isinstance(url, str) and POSTGRES.match(url):
        if ledger is not None:
            raise InvalidInput("ledger", safe(ledger), "none beside postgresql://, which has the books too")
        return Address("postgres", _whole(url))
    if isinstance(url, str) and VALKEY.match(url):
        return _valkey(url, ledger)
    if ledger is not None:
        raise InvalidInput("ledger", safe(ledger), "none beside an embedded address, which has the books too")
    return Address("sqlite", _file(url))


def path_of(url: object) -> str | None:
    """The file behind an embedded address; None for memory. Raises InvalidInput for another address."""
    address = address_of(url)
    if address.books:
        raise InvalidInput("address", safe(url), "memory:// or sqlite:///FILE")
    return address.path


def safe(url: object) -> str:
    """An address for a message: without its passwords, also those with signs that belong in %XX."""
    hidden = re.sub(r"(://[^:@/?]*):(?:(?!://).)*@", r"\1:***@", shown(url))
    return re.sub(r"(password=)[^&'\"]*", r"\1***", hidden)


def _valkey(url: str, ledger: str | None) -> Address:
    found = LEDGER.search(url)
    if found and ledger is not None:
        raise InvalidInput("ledger", safe(ledger), "one ledger, in the address or beside it")
    books = found[1] if found else ledger
    if not isinstance(books, str) or not books:
        expected = "an address with its ledger, such as valkey://localhost:6379/0?ledger=postgresql://localhost/books"
        raise InvalidInput("address", safe(url), expected)
    if not POSTGRES.match(books):
        books = unquote(books)
    if not POSTGRES.match(books):
        raise InvalidInput("ledger", safe(books), "postgresql://...")
    return Address("valkey", _whole(url[: found.start()] if found else url), _whole(books))


def _whole(url: str) -> str:
    if re.search(r"[\s\0]", url) or any("\ud800" <= sign <= "\udfff" for sign in url):
        raise InvalidInput("address", safe(url), "an address without blanks; write one as %20")
    return url


def _file(url: object) -> str:
    match = re.fullmatch(r"sqlite:///(.+)", url) if isinstance(url, str) else None
    if not match:
        raise InvalidInput("address", safe(url), SCHEMES)
    if re.search(r"\?[^=?]+=", match[1]):
        raise InvalidInput("address", repr(url), "no options behind a ?; one in the file's own name is written %3F")
    path = unquote(match[1])
    if path == ":memory:":
        raise InvalidInput("address", repr(url), "memory:// for an engine in memory")
    if "\0" in path or any("\ud800" <= sign <= "\udfff" for sign in path):
        raise InvalidInput("address", repr(url), "a path that can be the name of a file")
    return path
