"""A hot store that went back in time, noticed by who settles it: page by page, all accounts, again and again (0006).

An engine notices what it has seen itself (`engine.known`). What no engine remembers, the books do: an account whose hot
state stands before its last settled event or in an older epoch, or before terms that are settled or were pushed into
it, has lost something. It is rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spillover.core.shards import shard_of
from spillover.engine.rebuilding import rebuild
from spillover.model.commit import Place
from spillover.model.errors import AccountShut, Contended
from spillover.ports import HotStore, Ledger

PAGE = 1_000
"""Accounts looked at in one step, of those that stand in the books and of those with terms on their way."""
LOST = "the hot state was behind the books"


def is_behind(hot: Place | None, books: Place) -> bool:
    """Whether the hot state, read after the books, lacks what is settled there. None: it does not know the account."""
    if hot is None:
        return bool(books.epoch or books.sequence)
    return (hot.epoch, hot.sequence) < (books.epoch, books.sequence) or hot.version < books.version


class Watching:
    """Used by one thread at a time."""

    def __init__(self, store: HotStore, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger
        self._after = self._after_terms = 0

    async def step(self, now: int, shards: Sequence[int] | None = None) -> int:
        """Look at the next page of accounts (of these shards), and rebuild what has lost something; how many."""
        lost = dict.fromkeys([*await self._behind_events(shards), *await self._behind_terms(shards)])
        done = 0
        for account in lost:
            try:
                await rebuild(self._store, self._ledger, account, now=now, reason=LOST, actor="spillover")
                done += 1
            except (AccountShut, Contended):  # it was moved away, or somebody else is at it
                continue
        return done

    async def _behind_events(self, shards: Sequence[int] | None) -> list[int]:
        """The books are read first: the hot state can only be further than they were then."""
        books = await self._ledger.places(limit=PAGE, after=self._after)
        self._after = books[-1].account if len(books) == PAGE else 0
        settled = {place.account: place for place in books if place.epoch or place.sequence}
        hot = await self._places(settled, shards)
        return [account for account, place in hot.items() if is_behind(place, settled[account])]

    async def _behind_terms(self, shards: Sequence[int] | None) -> list[int]:
        pushed = await self._ledger.pushed_terms(limit=PAGE, after=self._after_terms)
        self._after_terms = pushed[-1][0] if len(pushed) == PAGE else 0
        versions = dict(pushed)
        hot = await self._places(versions, shards)
        return [account for account, place in hot.items() if place is None or place.version < versions[account]]

    async def _places(self, accounts: Iterable[int], shards: Sequence[int] | None) -> dict[int, Place | None]:
        """Where these stand in the hot state, None where it does not know them; none that is being rebuilt."""
        count = self._store.shards
        mine = [account for account in accounts if shards is None or shard_of(account, count) in shards]
        found = await self._store.places(mine) if mine else {}
        places = {account: found.get(account) for account in mine}
        return {account: place for account, place in places.items() if place is None or not place.shut}
