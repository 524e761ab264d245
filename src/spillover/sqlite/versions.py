"""How far a file has come, read without opening it as an engine does: nothing is made and nothing is upgraded."""

from __future__ import annotations

import os
from urllib.parse import quote

import apsw

from spillover.sqlite.faults import translated
from spillover.sqlite.identity import require_ours


def versions_of(path: str) -> dict[str, int]:
    """Component -> how far its schema has come; empty where nothing of Spillover is in the file.

    Raises NotADatabase for a file of another kind, StoreUnavailable.
    """
    if not os.path.exists(path) or not os.path.getsize(path):
        return {}
    real = os.path.realpath(path)
    with translated(real):
        require_ours(real)
        still = "" if os.path.exists(f"{real}-wal") else "&immutable=1"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(f"file:{quote(real)}?mode=ro{still}", flags=flags)
        try:
            if not connection.table_exists("main", "spillover_schema"):
                return {}
            rows = connection.execute("SELECT component, version FROM spillover_schema")
            return {str(name): int(version) for name, version in rows}
        finally:
            connection.close()
