"""One session with the server: connecting with limits on every wait, checking its settings, becoming a role."""

from __future__ import annotations

from typing import Literal

from psycopg import errors
from psycopg.conninfo import make_conninfo

from spillover.model.errors import StoreUnavailable, WrongSettings
from spillover.postgres.arrays import register
from spillover.postgres.connection import Connection, Cursor
from spillover.postgres.layout import SEARCH_PATH
from spillover.postgres.roles import ensure_roles
from spillover.postgres.upgrades import bring_up_to_date
from spillover.sql import Component, statements

SQL = statements("spillover.postgres", "session.sql")
VERSION_MIN = 150_000
PREPARED_MAX = 500
"""Statements that a session keeps prepared; all adapters together have fewer."""
GRACE_S = 0.5
"""How much longer than the server's own limits we wait for its answer: a server that stands still keeps none."""
CONNECT_MIN_S = 2
"""The shortest limit that the driver knows for making a connection."""

Durability = Literal["strict", "fast"]


def connect(
    given: dict[str, str],
    name: str,
    component: Component,
    role: str,
    durability: Durability,
    rules: int,
    timeout_ms: int,
) -> Connection:
    """A session for this role on a database whose schema is up to date.

    Raises WrongSettings, the StoreErrors of upgrading, and psycopg's errors.
    """
    limits = {
        "connect_timeout": str(max(CONNECT_MIN_S, -(-timeout_ms // 1000))),
        "tcp_user_timeout": str(timeout_ms),
        "application_name": "spillover",
    }
    connection = Connection.connect(
        conninfo=make_conninfo("", **(limits | given | {"client_encoding": "UTF8"})),
        autocommit=True,
        cursor_factory=Cursor,
        prepare_threshold=1,
    )
    try:
        connection.patience_s = timeout_ms / 1000 + GRACE_S
        connection.prepared_max = PREPARED_MAX
        register(connection.adapters)
        commits = _commits(connection, name, durability)
        bring_up_to_date(connection, component, rules, name)
        connection.execute(SQL["limits"], (SEARCH_PATH, str(timeout_ms), commits))
        _become(connection, role, name)
    except BaseException:
        connection.close()
        raise
    return connection


def _commits(connection: Connection, name: str, durability: Durability) -> str:
    """What `synchronous_commit` is to be. Raises WrongSettings, StoreUnavailable."""
    version = connection.info.server_version
    if version < VERSION_MIN:
        raise WrongSettings(
            f"{name}: found PostgreSQL {version // 10_000}, expected {VERSION_MIN // 10_000} or newer; upgrade it"
        )
    row = connection.execute(SQL["server"]).fetchone()
    if row is None:
        raise StoreUnavailable(f"{name}: found no settings, expected those of a server; check what answers there")
    encoding, fsync, whole_pages, commits, _ = row
    if encoding != "UTF8":
        raise WrongSettings(
            f"{name}: found encoding {encoding}, expected UTF8; make another: createdb --encoding=UTF8"
            " --template=template0 NAME"
        )
    if durability == "fast":
        return "off"
    for setting, value in (("fsync", fsync), ("full_page_writes", whole_pages)):
        if value != "on":
            raise WrongSettings(
                f"{name}: found {setting} = {value}, expected on, as durability is strict;"
                f" run: ALTER SYSTEM SET {setting} = on; SELECT pg_reload_conf();"
            )
    # A session's own commits are as durable as the session asks for, whatever others do.
    return "on" if commits == "off" else commits


def _become(connection: Connection, role: str, name: str) -> None:
    try:
        connection.execute(SQL["become"], (role,))
    except (errors.InvalidParameterValue, errors.InsufficientPrivilege):
        ensure_roles(connection, name)
        connection.execute(SQL["become"], (role,))
