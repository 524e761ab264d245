"""The books of a file or a server as one digest by names, apart from the product's own.

Ids and tokens are random, names are not. Two runs that booked the same have the same digest, wherever they ran. `sound`
also checks the books with the little auditor of the ledger's tests and the product's audit, and compares the hot state.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

import spillover
from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.engine.reconciling import look
from spillover.ledgers.sqlite import SQLiteLedger
from tests.ledger.verifier import faults
from tests.replay.support import url_of
from tests.rungs.opening import TABLES, Place, hot_of

BOOKS = [
    (schema, table)
    for schema, tables in TABLES.items()
    for table in tables
    if schema != "spillover_hot" and table not in ("claims", "settlers", "erasures", "hot_stores")
]
"""The tables of the books, by schema."""


def settled(path: Path | Place) -> None:
    """Book what waits in the stream."""
    with spillover.connect(url_of(path), settle=False) as access:
        access.settle(tend=False)  # what falls due by the clock of this machine is no part of the replay


def opened(path: Path | Place) -> sqlite3.Connection:
    """The books as they are now, from whatever database."""
    if isinstance(path, Path):
        return sqlite3.connect(path)
    connection = sqlite3.connect(":memory:")
    connection.deserialize(image(path))
    return connection


def image(place: Place) -> bytes:
    """A copy of the books of a server, as a SQLite database."""
    copy = SQLiteLedger.in_memory()
    with psycopg.connect(str(place.books)) as source, copy._desks.books.alone() as target:
        source.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        for schema, table in BOOKS:
            cursor = source.execute(f"SELECT * FROM {schema}.{table}".encode())
            columns = [column.name for column in cursor.description or ()]
            marks = ", ".join("?" * len(columns))
            target.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", cursor)
        made = bytes(target.serialize("main"))
    drive(copy.close())
    return made


def digest(path: Path | Place) -> str:
    """By account name: its events, charges, balance updates, lots, and the cells that they come to."""
    settled(path)
    connection = opened(path)
    try:
        accounts = connection.execute("SELECT name, account FROM names WHERE kind = 'account' ORDER BY name").fetchall()
        total = hashlib.sha256()
        for name, account in accounts:
            total.update(json.dumps([name, _books(connection, account)], sort_keys=True).encode())
        return total.hexdigest()
    finally:
        connection.close()


def sound(path: Path | Place) -> str:
    """The digest of books that are without a fault, and that the hot state agrees with; and the product's own."""
    ours = digest(path)
    assert faults(path if isinstance(path, Path) else image(path)) == []
    with spillover.connect(url_of(path), settle=False) as access:
        store, ledger = access.desk.store, access.desk.ledger
        elsewhere = isinstance(path, Place) and path.ledger is not None
        report = audit(path if isinstance(path, Path) else path.books, hot=hot_of(store) if elsewhere else None)
        assert report.ok, report.findings
        found = [drive(look(store, ledger, account.account)) for account in access.accounts.list().rows]
    assert {one.status for one in found} == {"same"}, found
    return f"{ours} {report.digest}"


def granted_keys(path: Path | Place) -> set[tuple[str, str]]:
    """Account and key of every usage event in the books."""
    settled(path)
    connection = opened(path)
    rows = connection.execute(
        "SELECT names.name, usage_events.key FROM usage_events"
        " JOIN names ON names.account = usage_events.account AND names.kind = 'account'"
        " WHERE usage_events.key NOT LIKE 'spillover:%'"
    ).fetchall()
    connection.close()
    return set(rows)


def _books(connection: sqlite3.Connection, account: int) -> dict[str, Any]:
    labels = connection.execute("SELECT token, name FROM names WHERE account = ? AND kind = 'label'", (account,))
    named = dict(labels.fetchall())

    def by_name(text: str) -> str:
        for token, name in named.items():
            text = text.replace(token, name)
        return text

    def rows(columns: str, table: str, order: str) -> list[list[Any]]:
        found = connection.execute(f"SELECT {columns} FROM {table} WHERE account = ? ORDER BY {order}", (account,))
        return [[by_name(value) if isinstance(value, str) else value for value in row] for row in found]

    terms = set(_terms(connection, account))
    updates = rows("kind, measure, lot, delta, source, target, cause, reason, actor, at", "balance_updates", "number")
    return {
        "events": [_event(payload, by_name) for (payload,) in rows_raw(connection, account)],
        "charges": rows("number, epoch, sequence, feature, at, subject, amount, legs", "monetization_events", "number"),
        "updates": sorted(update[:-1] if update[6] in terms else update for update in updates),
        "lots": rows("lot, measure, granted, balance, spent, promotional, effective, expires, paid", "lots", "lot"),
        "cells": sorted(rows("name, value", "settled_cells", "name")),
    }


def rows_raw(connection: sqlite3.Connection, account: int) -> list[tuple[bytes]]:
    return connection.execute(
        "SELECT payload FROM usage_events WHERE account = ? ORDER BY epoch, sequence", (account,)
    ).fetchall()


def _terms(connection: sqlite3.Connection, account: int) -> Iterator[str]:
    """The places of events that brought terms into force; a run after one that was killed does so at another moment."""
    query = "SELECT epoch, sequence, payload FROM usage_events WHERE account = ?"
    for epoch, sequence, payload in connection.execute(query, (account,)):
        if json.loads(payload)["kind"] == "terms":
            yield f"{epoch}.{sequence}"


def _event(payload: bytes, by_name: Callable[[str], str]) -> Any:
    event = json.loads(by_name(payload.decode()))
    for chance in ("account", "fingerprint"):  # an id, and a hash over tokens
        event.pop(chance)
    if "hold" in event:
        event["hold"].pop("account")
    if event["kind"] == "terms":  # pushed at another moment
        event.pop("at")
        event["terms"].pop("account")
    return event
