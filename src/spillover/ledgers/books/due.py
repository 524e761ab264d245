"""What falls due in the accounts: scheduled plans, gifts, lots whose time is over; and which plans are in use."""

from __future__ import annotations

from spillover.ledgers.books.posting import lot_from
from spillover.ledgers.books.reads import check_limit
from spillover.ledgers.books.tables import Tables
from spillover.ledgers.books.terms import check_instant, newest
from spillover.model.reports import EndedLot


def due_accounts(tables: Tables, until: int, limit: int) -> list[int]:
    """Accounts for which something falls due by then, in the order of their ids; none that was erased."""
    check_limit(limit)
    check_instant("until", until)
    return [account for (account,) in tables.rows("due.due", until, limit)]


def ended_lots(tables: Tables, account: int, until: int) -> list[EndedLot]:
    """Lots that expire by then, of which the books have something and whose end was not ordered yet."""
    check_instant("until", until)
    newest(tables, account)
    return [EndedLot(lot_from(row), row[-2], row[-1]) for row in tables.rows("due.ended", account, until)]


def plans_in_use(tables: Tables) -> dict[str, int]:
    """Plan -> accounts that have it or are scheduled to; none that was erased."""
    return dict(tables.rows("due.plans"))
