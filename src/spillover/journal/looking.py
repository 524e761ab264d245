"""A look at a journal by who neither records nor changes anything: nothing is made and nothing upgraded."""

from __future__ import annotations

import os
from urllib.parse import quote

import apsw
from msgspec import Struct

from spillover.journal.journal import JOURNAL
from spillover.model.errors import NotADatabase
from spillover.sql import statements
from spillover.sqlite import translated
from spillover.sqlite.versions import versions_of

SQL = statements("spillover.journal", "looking.sql")


class Contents(Struct, frozen=True):
    """What waits in a journal and was refused. `oldest`: the earliest instant of what waits (ms), 0 for none.

    `of_client`: a client keeps it, not an engine. `origins`: (account, hash of the policy) of what waits, so many at
    most; a client's have what let them in instead of a hash.
    """

    waiting: int
    oldest: int
    refused: int
    of_client: bool
    origins: tuple[tuple[str, str], ...]


def contents(path: str, limit: int) -> Contents:
    """How the journal in the file stands. Raises NotADatabase for a file that has none, StoreUnavailable."""
    versions = versions_of(path)
    if versions.get(JOURNAL.name) != JOURNAL.version:
        found = f"version {versions[JOURNAL.name]} of one" if JOURNAL.name in versions else "none"
        raise NotADatabase(
            f"{path}: found {found}, expected a journal of version {JOURNAL.version};"
            " give the path that the program was given: journal=FILE"
        )
    real = os.path.realpath(path)
    still = "" if os.path.exists(f"{real}-wal") else "&immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with translated(real):
        connection = apsw.Connection(f"file:{quote(real)}?mode=ro{still}", flags=flags)
        try:
            with connection:  # one snapshot
                [(waiting, oldest)] = connection.execute(SQL["waits"])
                [(refused,)] = connection.execute(SQL["refused"])
                origins = tuple((account, policy) for account, policy in connection.execute(SQL["origins"], (limit,)))
        finally:
            connection.close()
    return Contents(waiting, oldest or 0, refused, "client" in versions, origins)
