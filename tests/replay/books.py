"""The books of a file as one digest by names, apart from the product's own: ids and tokens are random, names are not.

Two runs that booked the same have the same digest. `sound` also checks the books with the little auditor of the
ledger's tests and, where the product has one, with its audit.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import spillover
from tests.ledger.verifier import faults


def settled(path: Path) -> None:
    """Book what waits in the stream."""
    with spillover.connect(f"sqlite:///{path}", settle=False) as access:
        access.settle(tend=False)  # what falls due by the clock of this machine is no part of the replay


def digest(path: Path) -> str:
    """By account name: its events, charges, balance updates, lots, and the cells that they come to."""
    settled(path)
    connection = sqlite3.connect(path)
    try:
        accounts = connection.execute("SELECT name, account FROM names WHERE kind = 'account' ORDER BY name").fetchall()
        total = hashlib.sha256()
        for name, account in accounts:
            total.update(json.dumps([name, _books(connection, account)], sort_keys=True).encode())
        return total.hexdigest()
    finally:
        connection.close()


def sound(path: Path) -> str:
    """The digest of books that are without a fault; the product's own digest where there is one."""
    ours = digest(path)
    assert faults(path) == []
    from spillover.audit import audit

    report = audit(path)
    assert report.ok, report.findings
    return f"{ours} {report.digest}"


def granted_keys(path: Path) -> set[tuple[str, str]]:
    """Account and key of every usage event in the books."""
    settled(path)
    connection = sqlite3.connect(path)
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
