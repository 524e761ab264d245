"""The hot state and its stream, and who settles which part of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from spillover.model.commit import (
    Backlog,
    Commit,
    Duplicate,
    OpenHold,
    Outcome,
    Place,
    Standing,
    State,
    Unanswered,
)
from spillover.model.event import StreamEntry
from spillover.model.reports import DenialCount

Durability = Literal["strict", "fast"]
Again = Callable[[int, State], Commit | None]
"""Decides item i of the batch again on a fresh state; None where the item is to be answered as a Conflict."""


class HotStore(Protocol):
    """The hot state and the stream (design, section 5: the store's whole contract).

    `shards`: how many streams it has; the account's is `core.shards.shard_of(account, shards)`.
    """

    @property
    def shards(self) -> int: ...

    async def load(self, account: int, names: Sequence[str]) -> State:
        """The account's place, profile and the named cells (0 where absent), for the caller to keep and change.

        Unknown account: sequence 0, no profile.
        """
        ...

    async def commit(self, batch: Sequence[Commit], again: Again | None = None) -> Sequence[Outcome | Unanswered]:
        """Check and apply each item atomically, in order; the answers in the same order.

        An item is a Duplicate if its key is known for the account (denials and grants alike), else Committed if the
        account is not shut, the epoch and profile version are the account's, its sequence is not below `seen`, and
        every cell lies in its range, else a Conflict. With `again`, a conflict of an open account is decided once more:
        under the lock, on a state of its own to change, which cannot conflict twice; or, where there is no lock to
        decide under, on the fresh state and sent again, a stated number of times. Items after a conflict of the same
        account see its outcome. A denial (payload None) changes no cell and takes no sequence. All answered items are
        durable (mode strict) when this returns. If it raises, the keys decide: what was applied before answers
        Duplicate when it is sent again. Where the accounts are on several servers, an item whose server fails is
        Unanswered, as far as others answer: that is for its key to decide, the rest is as if it were alone. If none
        answers the error of one is raised. Raises ClockAhead, ClockBehind where an item's `now` is too far from the
        store's own clock; StoreUnavailable, StoreFull.
        """
        ...

    async def find(self, account: int, key: str) -> Duplicate | None:
        """The event that the key made; None where it made none."""
        ...

    async def hold(self, account: int, id: str) -> OpenHold | None:
        """One open hold."""
        ...

    async def holds(self, account: int) -> list[OpenHold]:
        """All open holds of an account, the earliest due first; bounded by law 14."""
        ...

    async def due(
        self, until: int, limit: int, account: int | None = None, shards: Sequence[int] | None = None
    ) -> list[OpenHold]:
        """Open holds with due <= `until`, of one account, of these shards or of all, the earliest due first."""
        ...

    async def denials(self, account: int, since: int, until: int, limit: int) -> list[DenialCount]:
        """How often the account was denied what, in minutes that touch since <= at < until (ms), the earliest first."""
        ...

    async def read(self, limit: int, shards: Sequence[int] | None = None) -> list[StreamEntry]:
        """The oldest entries that are not acknowledged, at most `limit`, of these shards or of all, each account's in
        sequence."""
        ...

    async def entries(self, account: int, limit: int) -> list[StreamEntry]:
        """One account's entries that are not acknowledged, the oldest first."""
        ...

    async def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        """These are settled or quarantined; the stream forgets them. Safe to repeat."""
        ...

    async def backlog(self, shards: Sequence[int] | None = None) -> Backlog:
        """What waits in these streams, or in all."""
        ...

    async def places(self, accounts: Sequence[int]) -> dict[int, Place]:
        """Where these accounts stand; those that the store does not know are left out."""
        ...

    async def standing(self, account: int) -> Standing | None:
        """All of the account's state, read at one moment, without keys; None for one that the store does not know."""
        ...

    async def standings(self, accounts: Sequence[int]) -> dict[int, Standing]:
        """The same of many, each read at one moment of its own; those that the store does not know are left out.

        A few round trips for all of them, so the caller bounds how many: the answer has all their cells and holds.
        """
        ...

    async def shut(self, account: int) -> Place:
        """From now on every commit of the account is a Conflict whose state is shut. Safe to repeat.

        Also for an account that the store does not know.
        """
        ...

    async def shut_accounts(self, limit: int) -> list[int]:
        """Accounts that are shut, in the order of their ids."""
        ...

    async def put_back(self, standing: Standing) -> bool:
        """Replace all state of the account by this, open, if its epoch is above the store's; else False, unchanged.

        Its keys are known from then on, beside those that the store remembers. Of these, one of an older epoch whose
        event is neither in the stream nor in the books is forgotten: that event is lost, and who sends the key again
        has it decided afresh. A store that cannot list its keys sees to it when such a key comes again. One that the
        books have and the store forgets does no harm, as they know it when it comes. The stream is left as it is.
        """
        ...

    async def close(self) -> None:
        """Give back every handle. Safe to repeat."""
        ...


class Claims(Protocol):
    """Which shards a settler may work on: a shard is one settler's at a time, and another's when that one is gone.

    Claims only spare work: what two settlers do at once is kept right by the ledger's transaction.
    """

    async def take(self) -> list[int]:
        """The shards that are this settler's now; call it again before `lasts` ms are over, as it keeps them."""
        ...

    async def release(self) -> None:
        """Leave all of them to others. Safe to repeat."""
        ...

    async def close(self) -> None:
        """Give back every handle; claims that were not released end by themselves. Safe to repeat."""
        ...
