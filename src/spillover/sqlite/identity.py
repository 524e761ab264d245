"""Is this file ours? Asked before anything is written, so that no other program's database is ever touched."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import apsw

from spillover.model.errors import NotADatabase
from spillover.sqlite.faults import unusable

APPLICATION_ID = 0x5370696C
"""In bytes 68..71 of the file's header: "Spil"."""
MAGIC = b"SQLite format 3\x00"


def require_ours(path: str) -> None:
    """Raises NotADatabase unless the file is absent, empty, one of ours, or a SQLite database without a table."""
    try:
        with Path(path).open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unusable(error, path) from error
    if not header:
        return
    if not header.startswith(MAGIC):
        raise NotADatabase(f"{path}: found a file of another kind, expected a SQLite database; check the path")
    owner = int.from_bytes(header[68:72], "big")
    if owner == APPLICATION_ID:
        return
    tables = _tables(path)
    if "spillover_schema" in tables or (not tables and owner == 0):
        return
    found = f"tables of another program ({', '.join(sorted(tables)[:3])})" if tables else f"application id {owner:#x}"
    raise NotADatabase(
        f"{path}: found {found}, expected a database of Spillover; give the path of another or a new file"
    )


def _tables(path: str) -> set[str]:
    # Without a WAL nobody writes it now: `immutable` keeps SQLite from leaving lock and index files beside it.
    still = "" if os.path.exists(f"{path}-wal") else "&immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{quote(path)}?mode=ro{still}", flags=flags)
    try:
        return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    finally:
        connection.close()
