"""How far a database has come, whether the login may use it, and who settles: asked without changing anything."""

from __future__ import annotations

import psycopg
from msgspec import Struct

from spillover.postgres.facts import is_there
from spillover.postgres.faults import parameters, shown, translate
from spillover.postgres.layout import USED
from spillover.postgres.roles import SET_OPTION
from spillover.sql import statements

SQL = {name: text.encode() for name, text in statements("spillover.postgres", "health.sql").items()}

BOUND_SINCE = 2
"""The version of the ledger's tables from which on books keep which hot state they go with."""


class Health(Struct, frozen=True):
    """`versions`: component -> how far its schema has come; empty where nothing of Spillover is there.

    `lacking`: roles that the login may not become. `settlers` are alive now, and hold so many shards (`claimed`); both
    are 0 where they could not be asked for, as the books are not there or a role is lacking. `hot_store`: which hot
    state the books go with, as they keep it; "" for none yet, or where it could not be asked for.
    """

    versions: dict[str, int]
    lacking: tuple[str, ...] = ()
    settlers: int = 0
    claimed: int = 0
    hot_store: str = ""


def health_of(url: str, timeout_ms: int) -> Health:
    """Ask the server, by a session of its own. Raises InvalidInput, StoreErrors."""
    given = parameters(url)
    if not is_there(url, timeout_ms):
        return Health({})
    limits = {"connect_timeout": str(max(2, timeout_ms // 1000)), "options": f"-c statement_timeout={timeout_ms}"}
    try:
        with psycopg.connect(psycopg.conninfo.make_conninfo("", **(limits | given)), autocommit=True) as connection:
            return _asked(connection)
    except psycopg.Error as error:
        raise translate(error, shown(given), given.get("password", "")) from error


def _asked(connection: psycopg.Connection[tuple[object, ...]]) -> Health:
    versions = {str(name): int(str(version)) for name, version in connection.execute(SQL["versions"])}
    option = "SET" if connection.info.server_version >= SET_OPTION else "MEMBER"
    joined = {row[0] for row in connection.execute(SQL["joined"], (list(USED), option))}
    lacking = tuple(role for role in USED if role not in joined)
    if lacking or "ledger" not in versions:
        return Health(versions, lacking)
    connection.execute(SQL["become"])
    row = connection.execute(SQL["settlers"]).fetchone()
    assert row is not None
    bound = connection.execute(SQL["hot_store"]).fetchone() if versions["ledger"] >= BOUND_SINCE else None
    return Health(versions, (), int(str(row[0])), int(str(row[1])), str(bound[0]) if bound else "")
