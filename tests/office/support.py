"""What the office's tests share: an office behind an address, keys whose secrets follow a seed, acts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import apsw
import psycopg

from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive as run
from spillover.model.account import NEVER
from spillover.office.keys import new_key
from spillover.ports.office import Act, ApiKey, Office

__all__ = ["DAY", "NOW", "act", "database", "execute", "key_of", "office_at", "run"]
NOW, DAY = 1_772_452_800_000, 86_400_000
"""2026-03-02T12:00:00Z."""


def office_at(url: str, timeout_ms: int = 10_000) -> Office:
    return open_office(address_of(url), timeout_ms)


def key_of(
    name: str = "checkout", scopes: Sequence[str] = ("decide",), accounts: Sequence[str] = (),
    features: Sequence[str] = (), until: int = NEVER, seed: int = 1,
) -> tuple[ApiKey, str]:  # fmt: skip
    return new_key(name, scopes, accounts, features, until, NOW, random.Random(f"{seed} {name}").randbytes)


def act(
    verb: str = "credits.add", account: str = "", at: int = NOW, details: bytes = b"{}", reason: str = "why"
) -> Act:
    return Act(0, at, "ada", verb, account, reason, details)


def database(url: str) -> Any:
    """Its driver's connection, past all roles; used by `with`, which commits."""
    if url.startswith("sqlite"):
        connection = apsw.Connection(url.removeprefix("sqlite:///"))
        connection.pragma("recursive_triggers", True)
        return connection
    server = psycopg.connect(url)
    server.execute("SET search_path = spillover_office")
    return server


def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What somebody with a tool of his own does. Its rows."""
    connection = database(url)
    try:
        with connection:
            cursor = connection.execute(statement)
            rows = statement.startswith("SELECT")
            return [tuple(row) for row in cursor.fetchall()] if rows else []
    finally:
        connection.close()
