"""A small schema of its own, so that the tests of what adapters share need no adapter."""

from __future__ import annotations

from typing import Any

import psycopg

from spillover.postgres import Connection, Database, open_database
from spillover.sql import Component

FIRST = """
CREATE TABLE spillover_hot.things (id bigint PRIMARY KEY, name text COLLATE "C", body bytea);
GRANT USAGE ON SCHEMA spillover_hot TO spillover_hot;
GRANT SELECT, INSERT, UPDATE, DELETE ON spillover_hot.things TO spillover_hot;
"""
SECOND = "ALTER TABLE spillover_hot.things ADD COLUMN more bigint NOT NULL DEFAULT 7"
HOT = Component("hot", (FIRST,))
HOT_2 = Component("hot", (FIRST, SECOND))
ROLE = "spillover_hot"


def opened(url: str, component: Component = HOT, rules: int = 1, **options: Any) -> Database:
    return open_database(url, component, role=ROLE, rules=rules, **options)


def add(*ids: int, name: str = "a") -> Any:
    """Work that adds things."""

    def work(connection: Connection) -> None:
        for id_ in ids:
            connection.execute("INSERT INTO things VALUES ($1, $2, NULL)", (id_, name))

    return work


def ids(connection: Connection) -> list[int]:
    """Work that reads them."""
    return [row[0] for row in connection.execute("SELECT id FROM things ORDER BY id").fetchall()]


def own_pid(connection: Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def as_admin(url: str, *statements: str) -> list[Any]:
    """What the last of these gives, as a superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def login(url: str, user: str) -> str:
    """The same database as another user."""
    return url.replace("postgresql://postgres@", f"postgresql://{user}@")
