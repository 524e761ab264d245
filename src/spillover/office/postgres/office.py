"""The office in a PostgreSQL database, beside the books: one session, as a role that may do this and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import ClassVar

from spillover.core.decide import RULES
from spillover.ledgers.postgres.desks import PostgresDesk
from spillover.ledgers.postgres.tables import PostgresTables, by_column
from spillover.office.keys import Randomness
from spillover.office.notice_records import NOTICES
from spillover.office.records import OfficeRecords
from spillover.office.sale_records import SALES, SaleRecords
from spillover.postgres import open_database
from spillover.sql import Component, statements

PACKAGE = "spillover.office.postgres"
OFFICE = Component.of("office", PACKAGE)
ROLE = "spillover_office"
TIMEOUT_MS = 10_000

FILES = ("acts", "keys", "signing", *NOTICES, *SALES)


class OfficeTables(PostgresTables):
    """`Tables` with the office's statements."""

    __slots__ = ()
    sql: ClassVar[Mapping[str, str]] = {
        f"{file}.{section}": text for file in FILES for section, text in statements(PACKAGE, f"{file}.sql").items()
    }
    by_column: ClassVar[frozenset[str]] = by_column(sql)


class PostgresOffice(OfficeRecords, SaleRecords):
    """An `Office` in the database at `url`. `timeout_ms`: how long a statement, or a lock, is waited for.

    Raises what `open_database` does.
    """

    def __init__(
        self, url: str, *, randomness: Randomness = secrets.token_bytes, timeout_ms: int = TIMEOUT_MS
    ) -> None:  # fmt: skip
        self._database = open_database(url, OFFICE, role=ROLE, rules=RULES, timeout_ms=timeout_ms)
        super().__init__(PostgresDesk(self._database, OfficeTables), randomness)

    async def close(self) -> None:
        """Give back the session. Safe to repeat."""
        self._database.close()
