"""Books made in a SQLite file, copied row by row into PostgreSQL: the same tables with the same columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import psycopg
from psycopg import sql

from spillover.engine.drive import drive
from spillover.ledgers.postgres import PostgresLedger
from spillover.postgres.layout import SEARCH_PATH
from spillover.stores.postgres import PostgresHotStore

LEFT_OUT = ("spillover_schema", "erasures")
FILLED = {"keys": {"at": 0}, "stream": {"shard": 0}, "holds": {"shard": 0}}
"""What only PostgreSQL has of a table, and what it is to be."""


def make_tables(url: str) -> None:
    """All tables, empty, as an engine makes them."""
    drive(PostgresLedger(url).close())
    drive(PostgresHotStore(url, booked=lambda *_: None).close())


def copy_books(path: Path, url: str) -> None:
    """Whatever is in the tables of PostgreSQL is replaced; triggers are passed by."""
    source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    with psycopg.connect(url) as target:
        target.execute("SET session_replication_role = replica")
        target.execute("SET synchronous_commit = off")
        target.execute(f"SET search_path = {SEARCH_PATH}".encode())
        for (name,) in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            if name not in LEFT_OUT and not str(name).startswith("sqlite_"):
                _copy(source, target, str(name))
    source.close()


def _copy(source: apsw.Connection, target: psycopg.Connection[Any], name: str) -> None:
    known = {str(row[0]) for row in target.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", (name,)
    )}  # fmt: skip
    assert known, f"PostgreSQL has no table {name}"
    columns = [str(row[1]) for row in source.execute(f"PRAGMA table_info({name})") if row[1] in known]
    filled = FILLED.get(name, {})
    target.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, [*columns, *filled]))
    )
    with target.cursor().copy(into) as copy:
        for row in source.execute(f"SELECT {', '.join(columns)} FROM {name}"):
            copy.write_row((*row, *filled.values()))
