"""The ledger's test face over PostgreSQL: `Books` of tests/ledger, so that every test of the ledger can run on both."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Any

import apsw
import psycopg
from psycopg import RawCursor

from spillover.ledgers.postgres import PostgresLedger
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.postgres.layout import SEARCH_PATH
from tests.ledger.support import Books, run

TABLES = (
    "SELECT relname::text FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'spillover\\_%'"
    " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
)
OWN = frozenset(("claims", "settlers", "erasures", "hot_stores"))
"""Tables that are no part of the books."""
EMPTYING = """
DO $$ DECLARE one record; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT c.oid::regclass AS place FROM pg_class c
               WHERE c.relnamespace::regnamespace::text LIKE 'spillover\\_%' AND c.relkind = 'r' LOOP
        EXECUTE format('DELETE FROM %s', one.place);
    END LOOP;
    FOR one IN SELECT c.oid::regclass AS place FROM pg_class c
               WHERE c.relnamespace::regnamespace::text LIKE 'spillover\\_%' AND c.relkind = 'S' LOOP
        EXECUTE format('ALTER SEQUENCE %s RESTART', one.place);
    END LOOP;
END $$
"""
"""Makes a ledger's database as it was when it was new, past the triggers."""


def upgraded(url: str) -> None:
    """Make the ledger's tables: a template's content (`Databases.new_database`)."""
    run(PostgresLedger(url).close())


class PostgresBooks(Books):
    """`Books` in a PostgreSQL database. SQL comes as SQLite takes it: `?` or `?1` for a value."""

    def __init__(self, url: str, seed: int = 1, wait_ms: int = 10_000) -> None:
        self.url = url
        self.ledger: Any = PostgresLedger(url, random_bits=random.Random(seed).getrandbits, timeout_ms=wait_ms)

    def again(self, seed: int = 2, wait_ms: int = 10_000) -> PostgresBooks:
        """The same books, opened once more."""
        return PostgresBooks(self.url, seed, wait_ms)

    @property
    def place(self) -> str:
        return self.url

    @property
    def source(self) -> bytes:
        """A copy as a SQLite database, for those who read one."""
        return self.image()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        reads = self.ledger._desks.reads.database
        found: list[tuple[Any, ...]] = reads.read(lambda c: c.execute(dollars(sql), values).fetchall())
        return found

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        found: Content = self.ledger._desks.reads.database.read(_all)
        return {name: sorted(rows, key=repr) for name, (_, rows) in found.items()}

    def image(self) -> bytes:
        return _image(self.ledger._desks.reads.database.read(_all))

    def image_if(self, sql: str, *values: Any) -> bytes:
        """The image that the books would give after this was meddled with; they stay as they are."""
        with administrator(self.url) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(dollars(sql), values)
            image = _image(_all(connection))
            connection.rollback()
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


Content = dict[str, tuple[list[str], list[tuple[Any, ...]]]]
"""Table -> its columns, and its rows."""


def _all(connection: psycopg.Connection[Any]) -> Content:
    """Everything in the ledger's tables, in few round trips."""
    names = [name for (name,) in connection.execute(TABLES).fetchall()]
    cursors = {name: connection.execute(f"SELECT * FROM {name}".encode()) for name in names}
    found = {name: cursor.fetchall() for name, cursor in cursors.items()}
    return {name: ([one.name for one in cursors[name].description or ()], rows) for name, rows in found.items()}


@cache
def _empty() -> bytes:
    """A ledger in SQLite with nothing in it."""
    kept = SQLiteLedger.in_memory()
    with kept._desks.books.alone() as connection:
        image = bytes(connection.serialize("main"))
    run(kept.close())
    return image


def _image(content: Content) -> bytes:
    """The same rows as a SQLite database."""
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", _empty())
    for table, (columns, rows) in content.items():
        if table not in OWN and rows:
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    image = bytes(connection.serialize("main"))
    connection.close()
    return image


def dollars(sql: str) -> str:
    """SQLite's placeholders as PostgreSQL has them."""
    count = iter(range(1, 100))
    return re.sub(r"\?(\d*)", lambda found: f"${found[1] or next(count)}", sql)
