"""The target of a move: the hot state of every account from the books that were carried there."""

from __future__ import annotations

from collections.abc import Callable

from spillover.engine.rebuilding import moved_away, rebuild
from spillover.engine.restoring import pages
from spillover.model.commit import Place
from spillover.model.errors import Contended
from spillover.ports import HotStore, Ledger

TRIES_MAX = 8


async def arrive_all(
    store: HotStore, ledger: Ledger, source: str, *, now: Callable[[], int], actor: str, moved: Callable[[int], None]
) -> int:
    """Put back every account that does not stand here yet; how many accounts there are. Safe to repeat."""
    count = 0
    async for places in pages(ledger, store):
        known = await store.places([place.account for place in places])
        for place in places:
            if not await _lives_here(ledger, place, known.get(place.account)):
                await _arrive(store, ledger, place.account, source, now(), actor)
            count += 1
            moved(count)
    return count


async def _arrive(store: HotStore, ledger: Ledger, account: int, source: str, now: int, actor: str) -> None:
    """In an epoch of its own, which says where the account came from."""
    for _ in range(TRIES_MAX):
        done = await rebuild(store, ledger, account, now=now, reason=f"moved from {source}", actor=actor, reopen=True)
        if not await moved_away(ledger, account, done.epoch):
            return
    raise Contended(f"account {account} could not be put back in {TRIES_MAX} tries; move again")


async def _lives_here(ledger: Ledger, books: Place, hot: Place | None) -> bool:
    if hot is None or hot.shut or hot.epoch != books.epoch:
        return False
    return not await moved_away(ledger, books.account, books.epoch)
