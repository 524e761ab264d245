"""The sales port over any database's desk: customers, payments and exports, in the office's tables.

Top-ups are in `topup_records.py`.
"""

from __future__ import annotations

import msgspec

from spillover.ledgers.books.tables import Desk, Tables
from spillover.office.topup_records import TopUpRecords, page_of
from spillover.ports.sales import Export

SALES = ("customers", "payments", "topups", "exports")
"""The files of statements that this needs."""
SALE_WRITES = ("office_customers", "office_payments", "office_topup_rules", "office_topups", "office_exports")
"""The tables that it changes."""


class SaleRecords(TopUpRecords):
    """A `Sales` whose tables are behind this desk. Every transaction is durable when its call returns."""

    _desk: Desk

    async def bind_customer(self, account: int, provider: str, customer: str) -> None:
        """That customer of the provider is this account, from now on alone."""

        def work(tables: Tables) -> None:
            tables.alone("office customers")
            tables.run("customers.unbind", provider, customer, account)
            tables.run("customers.bind", account, provider, customer)

        self._desk.write(work)

    async def customer(self, account: int, provider: str) -> str | None:
        """The account as the provider knows it."""
        row = self._desk.read(lambda tables: tables.one("customers.of", account, provider))
        return str(row[0]) if row else None

    async def account_of(self, provider: str, customer: str) -> int | None:
        """Which account that customer of the provider is."""
        row = self._desk.read(lambda tables: tables.one("customers.account_of", provider, customer))
        return int(row[0]) if row else None

    async def customers(self, provider: str, *, after: int = 0, limit: int = 1000) -> list[tuple[int, str]]:
        """(account, customer) of the provider in the order of account ids, from behind `after`."""
        limit = page_of(limit)
        rows = self._desk.read(lambda tables: list(tables.rows("customers.page", provider, after, limit)))
        return [(account, customer) for account, customer in rows]

    async def keep_payment(self, provider: str, reference: str, account: int) -> None:
        """That payment was for this account; later words change nothing."""
        self._desk.write(lambda tables: tables.run("payments.keep", provider, reference, account))

    async def account_paid(self, provider: str, reference: str) -> int | None:
        """For which account a payment was."""
        row = self._desk.read(lambda tables: tables.one("payments.account_of", provider, reference))
        return int(row[0]) if row else None

    async def add_export(self, export: Export) -> bool:
        """Write down a piece that goes on where the account's last one ended, with the next number."""

        def work(tables: Tables) -> bool:
            tables.alone(f"office exports {export.account}")
            row = tables.one("exports.last", export.account)
            last = Export(*row) if row else None
            if (export.number, export.after) != ((last.number + 1, last.until) if last else (1, export.after)):
                return False
            tables.run("exports.add", *msgspec.structs.astuple(export))
            return True

        return self._desk.write(work)

    async def last_export(self, account: int) -> Export | None:
        """The account's newest piece."""
        row = self._desk.read(lambda tables: tables.one("exports.last", account))
        return Export(*row) if row else None

    async def exports(self, account: int, *, after: int = 0, limit: int = 100) -> list[Export]:
        """The account's pieces in their order, from behind number `after`."""
        limit = page_of(limit)
        rows = self._desk.read(lambda tables: list(tables.rows("exports.page", account, after, limit)))
        return [Export(*row) for row in rows]

    async def unsent_exports(self, limit: int = 100) -> list[Export]:
        """Pieces that were written and not known to be sent, the oldest first."""
        limit = page_of(limit)
        rows = self._desk.read(lambda tables: list(tables.rows("exports.unsent", limit)))
        return [Export(*row) for row in rows]

    async def export_sent(self, account: int, number: int, reference: str) -> None:
        """The provider has it under that reference; later words change nothing."""
        self._desk.write(lambda tables: tables.run("exports.sent", account, number, reference))
