"""Connecting to books in PostgreSQL as who may read everything and change nothing; no schema is brought up to date."""

from __future__ import annotations

from contextlib import suppress

from psycopg import errors
from psycopg.conninfo import make_conninfo

from spillover.model.errors import NewerSchema, NotADatabase, StoreUnavailable
from spillover.postgres.connection import Connection, Cursor
from spillover.postgres.layout import SEARCH_PATH
from spillover.sql import statements

SQL = statements("spillover.audit.postgres", "opening.sql")
SCHEMA = 2
"""The version of the ledger's tables in PostgreSQL that this audit reads."""
READER = "spillover_reads"
CONNECT_S = 10
PATIENCE_S = 600.0
"""How long one answer may take: a table's rows of a range of accounts may have to be sorted first."""


def open_to_read(given: dict[str, str], place: str) -> Connection:
    """A connection whose transactions are read-only. Raises NotADatabase, NewerSchema, StoreUnavailable, and psycopg's
    errors of connecting."""
    limits = {"connect_timeout": str(CONNECT_S), "application_name": "spillover audit"}
    connection = Connection.connect(
        conninfo=make_conninfo("", **(limits | given | {"client_encoding": "UTF8"})),
        autocommit=True,
        cursor_factory=Cursor,
    )
    try:
        connection.patience_s = PATIENCE_S
        connection.execute(SQL["session"], (SEARCH_PATH,))
        _require_known(connection, place)
        # A login of another kind may read by rights of its own.
        with suppress(errors.InvalidParameterValue, errors.InsufficientPrivilege):
            connection.execute(SQL["become"], (READER,))
    except BaseException:
        connection.close()
        raise
    return connection


def _require_known(connection: Connection, place: str) -> None:
    row = connection.execute(SQL["known"]).fetchone()
    found = connection.execute(SQL["version"]).fetchone() if row and row[0] else None
    if found is None:
        raise NotADatabase(f"{place}: found no ledger, expected the database of an engine; check the URL")
    version = int(found[0])
    if version < SCHEMA:
        raise StoreUnavailable(
            f"{place}: found schema ledger {version}, expected {SCHEMA}; open it once with this version of Spillover,"
            " such as by `spillover settle`, which upgrades it"
        )
    if version > SCHEMA:
        raise NewerSchema(
            f"{place}: found schema ledger {version}, expected at most {SCHEMA};"
            " use the version of Spillover that upgraded this database, or a newer one"
        )
