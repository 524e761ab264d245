"""Whether anything was written: by the databases' own counts, and by what hot state and books hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import apsw
import psycopg
import redis

from spillover.access.plain import Access
from spillover.bootstrap.addresses import address_of
from tests.faults.shop import Where
from tests.postgres.books import TABLES
from tests.servers import plain

Trace = Callable[[], object]


class _Commits:
    """How many transactions of a connection have changed something."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection, self._last, self.count = connection, connection.total_changes(), 0
        connection.set_commit_hook(self._committed, id=self)
        connection.set_rollback_hook(self._over, id=self)

    def _committed(self) -> bool:
        self.count += self._connection.total_changes() != self._last
        self._over()
        return False

    def _over(self) -> None:
        self._last = self._connection.total_changes()


def in_memory(access: Access) -> Trace:
    """What was committed to the books, and how much the hot state has: it changes nothing without another sequence."""
    desk: Any = access.desk
    desks = desk.ledger._desks
    connections = set()
    for one in (desks.books, desks.terms, desks.reads):
        with one.alone() as connection:
            connections.add(connection)
    commits = [_Commits(connection) for connection in connections]

    def trace() -> object:
        tables = desk.store._tables
        accounts = {id_: one.place(id_) for id_, one in tables.accounts.items()}
        kept = len(tables.stream), len(tables.keys), len(tables.holds), sum(tables.denials.values())
        return [one.count for one in commits], accounts, kept

    return trace


def in_file(path: str, stack: ExitStack) -> Trace:
    """SQLite's own count of what others have committed to the file."""
    connection = stack.enter_context(closing(apsw.Connection(path)))
    return lambda: connection.execute("PRAGMA data_version").get


def in_postgres(url: str, stack: ExitStack) -> Trace:
    """Of every table the rows, and a sum over their texts."""
    connection = stack.enter_context(closing(psycopg.connect(url, autocommit=True)))
    schemas: dict[str, str] = dict(connection.execute("SELECT tablename, schemaname FROM pg_tables").fetchall())
    asked = " UNION ALL ".join(
        f"SELECT '{name}', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {schemas[name]}.{name} t"
        for (name,) in connection.execute(TABLES).fetchall()  # type: ignore[arg-type]
        if name in schemas
    )
    return lambda: connection.execute(asked).fetchall()  # type: ignore[call-overload]


def in_valkey(url: str, stack: ExitStack) -> Trace:
    """The servers' own counts of changes."""
    nodes = [f"redis://{node}" for node in url.partition("://")[2].split(",")] if "+cluster" in url else [plain(url)]
    servers = [stack.enter_context(closing(redis.Redis.from_url(node))) for node in nodes]
    return lambda: [server.info("persistence")["rdb_changes_since_last_save"] for server in servers]


@contextmanager
def of(where: Where, access: Access) -> Iterator[Trace]:
    """Books and hot state, wherever they are."""
    address = address_of(where.url, where.ledger)
    with ExitStack() as stack:
        if address.kind == "memory":
            yield in_memory(access)
        elif address.path is not None:
            yield in_file(address.path, stack)
        else:
            books = in_postgres(address.books, stack)
            hot = in_valkey(where.url, stack) if where.ledger else lambda: None
            yield lambda: (books(), hot())
