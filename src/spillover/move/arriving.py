"""The target of a move: the hot state of every account from the books that were carried there."""

from __future__ import annotations

from collections.abc import Callable

from spillover.engine.rebuilding import moved_away, rebuild
from spillover.engine.restoring import PAGE, pages
from spillover.model.account import NEVER
from spillover.model.commit import Place
from spillover.model.errors import Contended, InvalidInput
from spillover.ports import HotStore, Ledger

TRIES_MAX = 8


async def require_unused(store: HotStore, source: Ledger, name: str) -> None:
    """Raises InvalidInput where the hot store `name` serves already: the source's own, another's, or one left over."""
    found = ""
    if (await store.backlog()).entries:
        found = "events that wait in the stream"
    elif await store.due(NEVER, 1):
        found = "open holds"
    elif await store.shut_accounts(1):
        found = "accounts that are shut"
    after: int | None = 0
    while after is not None and not found:
        places = await source.places(limit=PAGE, after=after)
        after = places[-1].account if len(places) >= PAGE else None
        if await store.places([place.account for place in places]):
            found = "accounts of --from"
    if found:
        raise InvalidInput(
            "--to", f"{found} in the hot state of {name}", "an empty one; name another database or server"
        )


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
