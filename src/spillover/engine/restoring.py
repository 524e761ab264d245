"""Many accounts put back from the books: what is missing first, then one after the other (docs/OPERATING.md).

After a backup of the books was restored, the hot state is ahead of them. What the stream still has is settled; what it
does not have is lost from the books, and told before anything is changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from msgspec import Struct

from spillover.core.shards import shard_of
from spillover.engine.rebuilding import WAITING_MAX, Gap, Rebuilt, lost_of, moved_away, rebuild
from spillover.model.commit import Place
from spillover.model.errors import AccountShut, SpilloverError, StoreError
from spillover.ports import HotStore, Ledger

PAGE = 1_000
"""Accounts whose places are read at a time."""
Told = Callable[[Rebuilt], None]


class Astray(Struct, frozen=True):
    """An account whose hot state does not follow from the books: `unknown`, `behind` them, `ahead` by events that the
    stream does not have (`lost`), or of `another epoch`; "moved" lives elsewhere now, at `target`."""

    account: int
    what: str
    books: tuple[int, int]
    hot: tuple[int, int]
    lost: tuple[Gap, ...] = ()
    target: str = ""


class Total(Struct):
    """What rebuilding many accounts came to. `away`: accounts that were moved away and left as they are; `failed`: what
    kept one from being rebuilt, by account."""

    accounts: int = 0
    settled: int = 0
    quarantined: int = 0
    pushed: int = 0
    differed: int = 0
    lost: int = 0
    away: int = 0
    failed: dict[int, str] = {}

    def add(self, done: Rebuilt) -> None:
        """One more."""
        self.accounts += 1
        self.settled += done.settled
        self.quarantined += done.quarantined
        self.pushed += done.pushed
        self.differed += bool(done.differed)
        self.lost += bool(done.lost)


async def pages(ledger: Ledger, store: HotStore, shards: Sequence[int] | None = None) -> AsyncIterator[list[Place]]:
    """All accounts of the books, or those of these shards, page by page in the order of their ids."""
    after: int | None = 0
    while after is not None:
        places = await ledger.places(limit=PAGE, after=after)
        after = places[-1].account if len(places) >= PAGE else None
        yield [place for place in places if shards is None or shard_of(place.account, store.shards) in shards]


async def survey(store: HotStore, ledger: Ledger, places: Sequence[Place]) -> list[Astray]:
    """Which of these accounts do not follow from the books. Reads only, and no cells."""
    known = await store.places([place.account for place in places])
    found = []
    for books in places:
        one = await _look(store, ledger, books, known.get(books.account))
        if one is not None:
            found.append(one)
    return found


async def _look(store: HotStore, ledger: Ledger, books: Place, hot: Place | None) -> Astray | None:
    at = (books.epoch, books.sequence)
    if hot is None:
        return Astray(books.account, "unknown", at, (0, 0)) if at != (0, 0) else None
    stands = (hot.epoch, hot.sequence)
    if stands == at:
        return None
    if hot.epoch < books.epoch and (target := await moved_away(ledger, books.account, books.epoch)):
        return Astray(books.account, "moved", at, stands, target=target)
    if hot.epoch != books.epoch:
        return Astray(books.account, "another epoch", at, stands, tuple(lost_of(books, hot, ())))
    if hot.sequence < books.sequence:
        return Astray(books.account, "behind", at, stands)
    lost = lost_of(books, hot, await store.entries(books.account, WAITING_MAX))
    return Astray(books.account, "ahead", at, stands, tuple(lost)) if lost else None


async def rebuild_all(
    store: HotStore, ledger: Ledger, accounts: Sequence[int], total: Total, *, now: Callable[[], int], reason: str,
    actor: str, reopen: bool = False, told: Told | None = None,
) -> None:  # fmt: skip
    """Rebuild these accounts, and add up what was done. What keeps one from being rebuilt keeps no other.

    Raises the StoreErrors that every account would meet.
    """
    for account in accounts:
        try:
            done = await rebuild(store, ledger, account, now=now(), reason=reason, actor=actor, reopen=reopen)
        except SpilloverError as error:
            if isinstance(error, StoreError) and type(error) not in (StoreError, AccountShut):
                raise
            places = await ledger.places(limit=1, after=account - 1)
            if isinstance(error, AccountShut) and places and await moved_away(ledger, account, places[0].epoch):
                total.away += 1
            else:
                total.failed[account] = str(error)
        else:
            total.add(done)
            if told is not None:
                told(done)
