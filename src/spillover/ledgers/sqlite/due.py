"""What falls due in the accounts: scheduled plans, gifts, lots whose time is over; and which plans are in use."""

from __future__ import annotations

from typing import Any

import apsw

from spillover.ledgers.sqlite.posting import lot_from
from spillover.ledgers.sqlite.reads import check_limit
from spillover.ledgers.sqlite.terms import check_instant, newest
from spillover.model.reports import EndedLot
from spillover.sql import statements

SQL = statements("spillover.ledgers.sqlite", "due.sql")


def due_accounts(connection: apsw.Connection, until: int, limit: int) -> list[int]:
    """Accounts for which something falls due by then, in the order of their ids; none that was erased."""
    check_limit(limit)
    check_instant("until", until)
    rows: Any = connection.execute(SQL["due"], (until, limit))
    return [account for (account,) in rows]


def ended_lots(connection: apsw.Connection, account: int, until: int) -> list[EndedLot]:
    """Lots that expire by then, of which the books have something and whose end was not ordered yet."""
    check_instant("until", until)
    newest(connection, account)
    rows: Any = connection.execute(SQL["ended"], (account, until))
    return [EndedLot(lot_from(row), row[-2], row[-1]) for row in rows]


def plans_in_use(connection: apsw.Connection) -> dict[str, int]:
    """Plan -> accounts that have it or are scheduled to; none that was erased."""
    rows: Any = connection.execute(SQL["plans"])
    return dict(rows)
