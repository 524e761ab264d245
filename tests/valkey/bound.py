"""Books and the hot stores that they go with, looked at from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis

import spillover
from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.ledgers.postgres import PostgresLedger
from spillover.ledgers.postgres.binding import BoundStore
from tests import servers
from tests.servers import KeyValue
from tests.support import clock, policy

ANOTHER = "expected [0-9a-f]{16}, which the books go with; correct host and database in the address, or if"
MENDS = "`spillover rebuild --all --db ADDRESS`"


def address(hot: str | KeyValue, books: str, database: int = 0) -> str:
    url = hot if isinstance(hot, str) else hot.url
    return f"{url}/{database}?ledger={books}"


def bound(books: str) -> list[BoundStore]:
    """Every hot store that the books were bound to."""
    ledger = PostgresLedger(books)
    try:
        return ledger.hot_stores()
    finally:
        drive(ledger.close())


def keys_in(hot: str | KeyValue, database: int = 0) -> list[bytes]:
    url = hot if isinstance(hot, str) else hot.url
    with redis.Redis.from_url(f"{url}/{database}") as client:
        return sorted(client.keys())


def empty(hot: str | KeyValue) -> None:
    servers.empty(hot if isinstance(hot, str) else hot.url)


@contextmanager
def open_books(url: str) -> Iterator[Access]:
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False) as access:
        yield access
