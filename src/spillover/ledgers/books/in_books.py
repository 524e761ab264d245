"""What the books have of many accounts at once: a statement a table, all of one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spillover.ledgers.books import outbox
from spillover.ledgers.books.posting import lot_from
from spillover.ledgers.books.tables import Row, Tables
from spillover.ledgers.books.terms import profile_of, read_profile
from spillover.model.commit import OpenHold, Standing
from spillover.model.reports import LotBalance
from spillover.ports import InBooks


def in_books(tables: Tables, accounts: Sequence[int]) -> dict[int, InBooks]:
    """Those that are known. Raises StoreError for terms that cannot be read."""
    wanted = [(account,) for account in dict.fromkeys(accounts)]
    stands = tables.many("epochs.stands", wanted)
    cells = _by_account(tables.many("epochs.cells_of_each", wanted))
    holds = _by_account(tables.many("epochs.holds_of_each", wanted))
    lots = _by_account(tables.many("reads.lots_of_each", wanted))
    waiting = outbox.unpushed_of_each(tables, wanted)
    found = {}
    for account, epoch, sequence, version, newest, terms in stands:
        profile = None
        if version:  # a version that is not there is an error, which says so
            profile = profile_of(tables, account, version) if terms is None else read_profile(account, terms)
        settled = Standing(
            account, epoch, sequence, profile, {name: value for _, name, value in cells.get(account, ())},
            tuple(OpenHold(*row) for row in sorted(holds.get(account, ()))),
        )  # fmt: skip
        balances = (LotBalance(*(lot_from(row[1:]), *row[8:])) for row in sorted(lots.get(account, ()), key=_lot))
        found[account] = InBooks(newest, settled, tuple(balances), tuple(waiting.get(account, ())))
    return found


def _by_account(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


def _lot(row: Row) -> int:
    number: int = row[1]
    return number
