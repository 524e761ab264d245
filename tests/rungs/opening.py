"""Every rung of the ladder opened by its name, over the public API, with a clock of its own.

Ids and tokens come from seeded dice, so that two rungs on which the same was done have the same books to the last byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import apsw

import spillover
from spillover.access.plain import Access
from spillover.audit import AuditReport, StoredHot, audit
from spillover.engine.drive import drive
from spillover.engine.reconciling import Looked, look
from spillover.ledgers.books.names import RandomBits
from spillover.ledgers.postgres import PostgresLedger
from spillover.ports import HotStore
from spillover.stores.postgres import PostgresHotStore
from tests.servers import Databases, empty, empty_cluster

ORACLE = "memory"
SERVERS = ("postgres", "valkey", "redis62", "cluster")
RUNGS = ("sqlite", *SERVERS)
"""All but the one that the others are compared with."""

HOT = {"valkey": "valkey_address", "redis62": "redis_address", "cluster": "cluster_address"}
"""The fixture with the address of the hot state, where it lies apart from the books."""

TABLES = {
    "spillover_usage": ("usage_events",),
    "spillover_monetization": ("monetization_events",),
    "spillover_balances": ("balance_updates",),
    "spillover_names": ("names", "erasures"),
    "spillover_hot": ("cells", "denials", "holds", "hot_profiles", "keys", "stream", "hot_accounts"),
    "spillover_ledger": (
        "account_balances", "claims", "epochs", "lots", "orders", "outbox", "policies", "profiles", "publications",
        "pushed", "quarantine", "refunded", "settled_cells", "settled_holds", "settlers", "accounts",
        "hot_stores",
    ),
}  # fmt: skip
EMPTYING = "SET session_replication_role = replica; " + "; ".join(
    f"DELETE FROM {schema}.{table}" for schema, tables in TABLES.items() for table in tables
)
"""Passes by the triggers that keep the three data sets as they are."""

Fixture = Callable[[str], Any]
"""What a fixture gives that is asked for by name: servers are started when the first test needs one."""
_numbers = itertools.count()


class Place(NamedTuple):
    """Where one engine's state lies. `url` and `ledger` as `spillover.connect` takes them."""

    rung: str
    url: str
    ledger: str | None = None

    @property
    def line(self) -> str:
        """Both in one address."""
        return f"{self.url}?ledger={self.ledger}" if self.ledger else self.url

    @property
    def books(self) -> str | Path:
        """The database that has the books."""
        return Path(self.url.removeprefix("sqlite:///")) if self.rung == "sqlite" else self.ledger or self.url


def make_tables(url: str) -> None:
    """All tables, empty, as an engine makes them."""
    drive(PostgresLedger(url).close())
    drive(PostgresHotStore(url, booked=lambda *_: None).close())


@contextmanager
def place(rung: str, fixture: Fixture) -> Iterator[Place]:
    """A place with nothing in it, given back emptied. One at a time for each rung on a server."""
    if rung == ORACLE:
        yield Place(rung, "memory://")
        return
    if rung == "sqlite":
        yield Place(rung, f"sqlite:///{fixture('tmp_path')}/{next(_numbers)}.db")
        return
    server: Databases = fixture("postgres_server")
    books = server.lend_database(make_tables)
    if rung == "postgres":
        yield Place(rung, books)
    else:
        hot = fixture(HOT[rung])
        (empty_cluster if rung == "cluster" else empty)(hot)
        yield Place(rung, hot, books)
    server.give_back(books, make_tables, EMPTYING)


def dice() -> RandomBits:
    """The same ids and tokens each time."""
    return Random("ids and tokens").getrandbits


class Hands:
    """A clock that shows what it is set to (ms since 1970)."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at


class Opened:
    """An open engine at a place, and what proves its books."""

    def __init__(self, where: Place, policy: spillover.Policy, clock: Hands, bits: RandomBits) -> None:
        """`bits` makes ids and tokens; engines of one place share them."""
        self.where, self.policy, self.clock, self.bits = where, policy, clock, bits
        self.access: Access = spillover.connect(
            where.url, ledger=where.ledger, policy=policy, clock=clock, settle=False, deadline=30
        )
        self.desk = self.access.desk
        self.desk.ledger._random_bits = bits  # type: ignore[attr-defined]

    def another(self) -> Opened:
        """One more engine on the same place."""
        return Opened(self.where, self.policy, self.clock, self.bits)

    def audit(self) -> AuditReport:
        """All books computed again, and the hot state beside them."""
        hot = hot_of(self.desk.store)
        if self.where.rung == ORACLE:
            with self.desk.ledger._desks.reads.read() as connection:  # type: ignore[attr-defined]
                image = apsw.Connection(":memory:")
                image.deserialize("main", connection.serialize("main"))
            return audit(image, hot=hot)
        return audit(self.where.books, hot=hot if self.where.ledger else None)

    def looks(self) -> list[Looked]:
        """Hot state and books compared, account by account."""
        accounts = self.access.accounts.list().rows
        return [drive(look(self.desk.store, self.desk.ledger, one.account)) for one in accounts]

    def sound(self) -> str:
        """The digest of settled books that are without a fault, and that the hot state agrees with."""
        report = self.audit()
        assert report.ok, [str(finding) for finding in report.findings]
        assert not report.unsettled
        for measure in {total.measure for total in report.books}:
            assert sum(total.amount for total in report.books if total.measure == measure) == 0, measure
        found = self.looks()
        assert {one.status for one in found} <= {"same"}, found
        return report.digest

    def close(self) -> None:
        self.access.close()


def hot_of(store: HotStore) -> StoredHot:
    """What the audit asks a hot state that lies elsewhere."""
    return StoredHot(
        lambda account: drive(store.standing(account)), lambda account, limit: drive(store.entries(account, limit))
    )


@contextmanager
def opened(rung: str, fixture: Fixture, policy: spillover.Policy, at: int) -> Iterator[Opened]:
    """An engine on an empty place of that rung, at an instant."""
    with place(rung, fixture) as where:
        engine = Opened(where, policy, Hands(at), dice())
        try:
            yield engine
        finally:
            engine.close()
