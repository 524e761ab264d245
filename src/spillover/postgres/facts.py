"""What a PostgreSQL server says of itself, for whoever looks after it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.conninfo import make_conninfo

from spillover.postgres.faults import parameters, shown, translate
from spillover.sql import statements

SQL = statements("spillover.postgres", "facts.sql")


class ServerFacts(Struct, frozen=True):
    """`size`: bytes of this database. `ahead_ms`: how far its clock is ahead of this machine's, give or take the time
    that asking took. `unsafe`: a setting that is off though strict needs it. `live`, `dead`: rows of the stream's
    table.
    """

    version: str
    size: int
    connections: int
    connections_max: int
    ahead_ms: int
    unsafe: str
    live: int
    dead: int


def is_there(url: str, timeout_ms: int) -> bool:
    """Whether Spillover's tables are in that database. Nothing is made. Raises InvalidInput, StoreErrors."""
    given = parameters(url)
    try:
        with _connected(given, timeout_ms) as connection:
            row = connection.execute(SQL["there"].encode()).fetchone()
    except psycopg.Error as error:
        raise translate(error, shown(given), given.get("password", "")) from error
    return row is not None and bool(row[0])


def identity_of(url: str, timeout_ms: int) -> str:
    """Which database of which server this is: a copy made by a dump has another, a replica that is promoted the same.

    Raises InvalidInput, StoreErrors.
    """
    given = parameters(url)
    try:
        with _connected(given, timeout_ms) as connection:
            row = connection.execute(SQL["identity"].encode()).fetchone()
    except psycopg.Error as error:
        raise translate(error, shown(given), given.get("password", "")) from error
    assert row is not None
    return str(row[0])


def _connected(given: Mapping[str, str], timeout_ms: int) -> psycopg.Connection[tuple[Any, ...]]:
    seconds = str(max(2, timeout_ms // 1000))
    return psycopg.connect(make_conninfo("", **{"connect_timeout": seconds, **given}), autocommit=True)


def facts_of(url: str, timeout_ms: int) -> ServerFacts:
    """Ask the server, by a session of its own that changes nothing. Raises InvalidInput, StoreErrors."""
    given = parameters(url)
    try:
        with _connected(given, timeout_ms) as connection:
            before = time.time_ns() // 1_000_000
            row = connection.execute(SQL["facts"].encode()).fetchone()
            now = (before + time.time_ns() // 1_000_000) // 2
            stream = connection.execute(SQL["stream"].encode()).fetchone() or (0, 0)
    except psycopg.Error as error:
        raise translate(error, shown(given), given.get("password", "")) from error
    assert row is not None
    version, clock, size, connections, most, unsafe = row
    return ServerFacts(version, size, connections, most, clock - now, unsafe, *stream)
