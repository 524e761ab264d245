"""The source of a move: every account shut, settled to its end and fenced for good; then the books are closed."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from spillover.engine.rebuilding import Gap, Rebuilding, moved_away, shut_in
from spillover.engine.reconciling import place_in_books
from spillover.model.errors import Contended, StoreUnavailable
from spillover.model.reports import MOVED
from spillover.ports import HotStore, Ledger

PAGE = 1_000
TRIES_MAX = 8
ROUNDS_MAX = 10
"""How often the accounts are gone through again because one was made just before that was barred, or opened again."""


class Left(Struct):
    """What closing the source came to: accounts, events that were settled and quarantined on the way, and events of
    which nobody has more than their number, by account."""

    accounts: int = 0
    settled: int = 0
    quarantined: int = 0
    lost: list[tuple[int, Gap]] = []


async def leave_all(
    store: HotStore, ledger: Ledger, target: str, left: Left, *, now: Callable[[], int], actor: str,
    moved: Callable[[int], None],
) -> None:  # fmt: skip
    """Shut and fence every account that is not yet. Safe to repeat."""
    after: int | None = 0
    left.accounts = 0
    while after is not None:
        places = await ledger.places(limit=PAGE, after=after)
        after = places[-1].account if len(places) >= PAGE else None
        for place in places:
            await leave(store, ledger, place.account, target, left, now=now(), actor=actor)
            left.accounts += 1
            moved(left.accounts)


async def leave(
    store: HotStore, ledger: Ledger, account: int, target: str, left: Left, *, now: int, actor: str
) -> None:
    """Shut one account, settle it to its end, and begin the epoch in which it lives elsewhere.

    Raises Contended where others rebuild it again and again, StoreUnavailable where it was moved elsewhere.
    """
    for _ in range(TRIES_MAX):
        books = await place_in_books(ledger, account)
        if there := await moved_away(ledger, account, books.epoch):
            if there != target:
                raise StoreUnavailable(f"account {account}: found that it was moved to {there}, expected it here")
            return
        found = await shut_in(store, account, books.epoch)
        nothing_more = (0, 0)  # a move knows of no event but those that hot state, stream and books say
        work = Rebuilding(store, ledger, account, now, f"{MOVED}{target}", actor, nothing_more)
        await work.settled_state(books, found)
        left.settled += work.settled
        left.quarantined += work.quarantined
        left.lost += [(account, gap) for gap in work.lost]
    raise Contended(f"account {account} could not be closed in {TRIES_MAX} tries: others rebuild it; move again")
