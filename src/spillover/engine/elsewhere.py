"""Books of which every account was moved away: nothing comes of settling, or asking, what lives elsewhere now."""

from __future__ import annotations

from shlex import quote

from spillover.engine.rebuilding import moved_away
from spillover.model.commit import Place
from spillover.model.errors import InvalidInput
from spillover.ports import Ledger

ID_MAX = 1 << 53
"""Ids of accounts are below."""


def moved_books(target: str) -> InvalidInput:
    """The error for books of which every account lives there now."""
    expected = f"accounts that live here; run it there: --db {quote(target)}"
    return InvalidInput("--db", "books that were moved away", expected)


async def books_moved_to(ledger: Ledger) -> str:
    """Where the accounts live, if all were moved away; "" for books with one that lives here, or with none.

    A move closes them in the order of their ids, and bars new ones before: so the first and the last tell for all. Of
    books that live here one row is read, and its epochs if there are any; of others about fifty rows.
    """
    first = await _behind(ledger, 0)
    if first is None or not (target := await moved_away(ledger, first.account, first.epoch)):
        return ""
    last = await _last(ledger, first)
    return target if await moved_away(ledger, last.account, last.epoch) else ""


async def _last(ledger: Ledger, found: Place) -> Place:
    most = ID_MAX
    while found.account + 1 < most:
        middle = (found.account + most) // 2
        further = await _behind(ledger, middle - 1)
        if further is None:
            most = middle
        else:
            found = further
    return found


async def _behind(ledger: Ledger, account: int) -> Place | None:
    return next(iter(await ledger.places(limit=1, after=account)), None)
