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
REMEMBER = re.compile(r"([?&])remember=([^&]*)(&?)")
SPANS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
REMEMBER_LEAST, REMEMBER_MOST = SPANS["m"], 31 * SPANS["d"]
"""For how long a hot store may know keys, in milliseconds."""
POSTGRES = re.compile(r"postgres(ql)?://")
VALKEY = re.compile(r"(valkey|redis)(s|\+cluster|s\+cluster)?://")


class Address(Struct, frozen=True):
    """Where the hot state lies, and the books: `hot` is a file's path or a server's URL, "" for memory.

    `ledger` is the URL of the books where they lie apart, else "". `remember`: for how long the hot state of a server
    knows keys (ms); None for what is usual, 24 hours. An embedded one knows them for good.
    """

    kind: Kind
    hot: str = ""
    ledger: str = ""
    remember: int | None = None

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
    the address of the books as it stands. `ledger` says the same beside it. A server's address may say before that
    `remember=6h`, for how long keys are known: s, m, h or d, from 1 minute to 31 days.
    """
    if isinstance(url, str) and url == "memory://":
        return Address("memory")
    if isinstance(url, str) and POSTGRES.match(url):
        if ledger is not None:
            raise InvalidInput("ledger", safe(ledger), "none beside postgresql://, which has the books too")
        hot, remember = _remembering(url)
        return Address("postgres", _whole(hot), remember=remember)
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
    if REMEMBER.search(books):
        raise InvalidInput("address", "remember= behind ledger=", "it before ledger=, which comes last")
    hot, remember = _remembering(url[: found.start()] if found else url)
    return Address("valkey", _whole(hot), _whole(books), remember)


def _remembering(url: str) -> tuple[str, int | None]:
    """The URL without its `remember=`, and what that says in milliseconds."""
    found = REMEMBER.search(url)
    if found is None:
        return url, None
    span = re.fullmatch(r"([1-9][0-9]{0,7})([smhd])", found[2])
    remember = int(span[1]) * SPANS[span[2]] if span else 0
    if not REMEMBER_LEAST <= remember <= REMEMBER_MOST:
        raise InvalidInput("remember", found[2][:40], "a time such as 90m, 6h or 7d, from 1m to 31d")
    return url[: found.start()] + (found[1] if found[3] else "") + url[found.end() :], remember


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
