"""Which tables a connection may change: SQLite asks when it prepares a statement, so a cached one costs nothing."""

from __future__ import annotations

from collections.abc import Callable

import apsw

READS = frozenset(
    {
        apsw.SQLITE_SELECT,
        apsw.SQLITE_READ,
        apsw.SQLITE_FUNCTION,
        apsw.SQLITE_RECURSIVE,
        apsw.SQLITE_TRANSACTION,
        apsw.SQLITE_SAVEPOINT,
        apsw.SQLITE_PRAGMA,
    }
)
CHANGES = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})


def only_writes(tables: frozenset[str]) -> Callable[..., int]:
    """An authorizer that lets statements read anything and change only these tables' rows."""

    def authorize(action: int, first: str | None, *_: str | None) -> int:
        allowed = action in READS or (action in CHANGES and first in tables)
        return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY

    return authorize
