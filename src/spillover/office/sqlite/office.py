"""The office in a SQLite file, beside the books, or in memory: one connection, which may change its tables only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import ClassVar

from spillover.core.decide import RULES
from spillover.ledgers.sqlite.desks import SQLiteDesk
from spillover.ledgers.sqlite.opening import Desk, in_memory
from spillover.ledgers.sqlite.tables import SQLiteTables
from spillover.office.keys import Randomness
from spillover.office.notice_records import NOTICE_WRITES, NOTICES
from spillover.office.records import OfficeRecords
from spillover.office.sale_records import SALE_WRITES, SALES, SaleRecords
from spillover.sql import Component, statements
from spillover.sqlite import open_database
from spillover.sqlite.connection import WAIT_MS

PACKAGE = "spillover.office.sqlite"
OFFICE = Component.of("office", PACKAGE)
WRITES = frozenset({
    "office_keys", "office_bindings", "office_acts", "office_words", "office_signing", *NOTICE_WRITES, *SALE_WRITES,
})  # fmt: skip
FILES = ("acts", "keys", "signing", *NOTICES, *SALES)


class OfficeTables(SQLiteTables):
    """`Tables` with the office's statements."""

    __slots__ = ()
    sql: ClassVar[Mapping[str, str]] = {
        f"{file}.{section}": text for file in FILES for section, text in statements(PACKAGE, f"{file}.sql").items()
    }


class SQLiteOffice(OfficeRecords, SaleRecords):
    """An `Office` in the file at `path` (None: in memory, gone when closed). Raises what `open_database` does."""

    def __init__(
        self, path: str | os.PathLike[str] | None, *, randomness: Randomness = secrets.token_bytes,
        wait_ms: int = WAIT_MS,
    ) -> None:  # fmt: skip
        if path is None:
            self._opened = Desk(in_memory(OFFICE))
        else:
            self._opened = Desk(open_database(path, OFFICE, writes=WRITES, rules=RULES, wait_ms=wait_ms))
        self._beside_books = path is not None
        super().__init__(SQLiteDesk(self._opened, OfficeTables), randomness)

    async def close(self) -> None:
        """Give back the connection. Safe to repeat."""
        self._opened.close()
