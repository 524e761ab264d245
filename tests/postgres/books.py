"""The ledger's test face over PostgreSQL: `Books` of tests/ledger, so that every test of the ledger can run on both."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import RawCursor

from spillover.ledgers.postgres import PostgresLedger
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.postgres.layout import SEARCH_PATH
from tests.ledger.support import Books, run
from tests.servers import Databases

TABLES = (
    "SELECT relname::text FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'spillover\\_%'"
    " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
)
OWN = frozenset(("claims", "settlers", "erasures"))
"""Tables that are no part of the books."""
COPIES: dict[str, str] = {}
"""Path of a SQLite copy -> the database that it was made of."""


def upgraded(url: str) -> None:
    """Make the ledger's tables: a template's content (`Databases.new_database`)."""
    run(PostgresLedger(url).close())


class PostgresBooks(Books):
    """`Books` in a PostgreSQL database. SQL comes as SQLite takes it: `?` or `?1` for a value."""

    def __init__(self, url: str, seed: int = 1, wait_ms: int = 10_000) -> None:
        self.url = url
        self.ledger: Any = PostgresLedger(url, random_bits=random.Random(seed).getrandbits, timeout_ms=wait_ms)

    @property
    def path(self) -> str:  # type: ignore[override]
        """A copy of the books as a SQLite file, for those who read one."""
        with tempfile.NamedTemporaryFile(suffix=".db", delete=False) as file:
            file.write(self.image())
        COPIES[file.name] = self.url
        return file.name

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        reads = self.ledger._desks.reads.database
        found: list[tuple[Any, ...]] = reads.read(lambda c: c.execute(dollars(sql), values).fetchall())
        return found

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        reads = self.ledger._desks.reads.database
        tables = [name for (name,) in reads.read(lambda c: c.execute(TABLES).fetchall())]
        return {name: sorted(self.rows(f"SELECT * FROM {name}"), key=repr) for name in tables}

    def image(self) -> bytes:
        kept = SQLiteLedger.in_memory()
        with kept._desks.books.alone() as connection:
            for table, rows in self.dump().items():
                if table in OWN or not rows:
                    continue
                reads = self.ledger._desks.reads.database
                cursor = reads.read(lambda c, table=table: c.execute(f"SELECT * FROM {table} LIMIT 0"))
                columns = [column.name for column in cursor.description]
                marks = ", ".join("?" * len(columns))
                connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
            image = bytes(connection.serialize("main"))
        run(kept.close())
        return image

    def meddle(self, sql: str, *values: Any) -> None:
        """What someone with the server's own rights does, behind the triggers' back."""
        with administrator(self.url) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(dollars(sql), values)


def administrator(url: str) -> psycopg.Connection[Any]:
    """A superuser's session that finds the tables by their plain names."""
    connection = psycopg.connect(url, cursor_factory=RawCursor)
    connection.execute(f"SET search_path = {SEARCH_PATH}")
    return connection


def dollars(sql: str) -> str:
    """SQLite's placeholders as PostgreSQL has them."""
    count = iter(range(1, 100))
    return re.sub(r"\?(\d*)", lambda found: f"${found[1] or next(count)}", sql)


class Server:
    """Books by path, as tests of files ask for them: the same path is the same database."""

    def __init__(self, databases: Databases, prepare: Callable[[str], object] = upgraded) -> None:
        self._databases, self._prepare = databases, prepare
        self._by_path: dict[str, str] = {}

    def books(self, path: Path | str | None = None, seed: int = 1, wait_ms: int = 10_000) -> PostgresBooks:
        """Books in the database of that path; without one, in a fresh database."""
        url = self._by_path.get(str(path)) or COPIES.get(str(path))
        if path is None or url is None:
            url = self._databases.new_database(self._prepare)
            self._by_path[str(path)] = url
        return PostgresBooks(url, seed, wait_ms)
