"""What the engine needs of the world, as Protocols; adapters in `stores` and `ledgers` provide it.

Ports are asynchronous so that one engine serves embedded and networked rungs. An embedded adapter never suspends:
its coroutines run to their end at once, so `engine.drive` can run them without an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from spillover.model.account import NEVER, AccountState, Lot, Override, Profile
from spillover.model.commit import Backlog, Commit, Duplicate, OpenHold, Outcome, Place, Standing, State
from spillover.model.event import Entry, StreamEntry
from spillover.model.reports import (
    AccountPage,
    BookedEvent,
    DenialCount,
    EndedLot,
    EventPage,
    LotBalance,
    MeasureBalance,
    PastBalance,
    Publication,
    Published,
    QuarantinedEvent,
    RaisedEpoch,
    StatementPage,
    UsagePage,
    Withdrawn,
)
from spillover.model.terms import Lower, Reset

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

    async def commit(self, batch: Sequence[Commit], again: Again | None = None) -> list[Outcome]:
        """Check and apply each item atomically, in order; the answers in the same order.

        An item is a Duplicate if its key is known for the account (denials and grants alike), else Committed if the
        account is not shut, the epoch and profile version are the account's, its sequence is not below `seen`, and
        every cell lies in its range, else a Conflict. With `again`, a conflict of an open account is decided once more: under
        the lock, on a state of its own to change, which cannot conflict twice; or, where there is no lock to decide
        under, on the fresh state and sent again, a stated number of times. Items after a conflict of the same account
        see its outcome. A denial (payload None) changes no cell and takes no sequence. All answered items are durable
        (mode strict) when this returns. If it raises, the keys decide: what was applied before answers Duplicate when
        it is sent again. Raises ClockAhead where an item's `now` is further than the tolerance (core.decide.TOLERANCE)
        ahead of the store's own clock; StoreUnavailable, StoreFull.
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

        Its keys are known from then on, beside those that the store remembers. The stream is left as it is.
        """
        ...

    async def close(self) -> None:
        """Give back every handle. Safe to repeat."""
        ...


class Push(Struct, frozen=True):
    """New terms that the ledger has booked and the hot state does not know yet (the outbox).

    Replaces profile `profile.version - 1`, adds `raised` (lot id -> amount) to the lots' cells, takes `relieved` off
    what the overage line has advanced, lowers lots and resets limits, once. `entries` go into the event as they are.
    `at` is the instant (ms) at which it was booked: it comes into force then or later, whoever's clock pushes it.
    """

    profile: Profile
    raised: tuple[tuple[int, int], ...] = ()
    relieved: int = 0
    lowers: tuple[Lower, ...] = ()
    resets: tuple[Reset, ...] = ()
    entries: tuple[Entry, ...] = ()
    reason: str = ""
    actor: str = ""
    at: int = 0


class Terms(Struct, frozen=True):
    """What `accounts.put` may set; None leaves a thing as it is (a new account gets the default).

    `next_plan` from `next_at` on; a `plan` that is set drops what was scheduled, unless it sets that too. `gift`:
    (PLAN/NAME, the instant from which the next is due), remembered beside those there are.
    """

    plan: str | None = None
    zone: str | None = None
    anchor: int | None = None
    consent: bool | None = None
    state: AccountState | None = None
    next_plan: str | None = None
    next_at: int | None = None
    gift: tuple[str, int] | None = None


class Grant(Struct, frozen=True):
    """A lot to be raised: its terms (id 0: the ledger gives the next one), the amount, and what it is for.

    `amount` is micro-credits or units, by the lot's measure; `paid`, `currency`, `tax` and `reference` are carried as
    they were given.
    """

    lot: Lot
    amount: int
    key: str
    reason: str
    actor: str
    paid: str = ""
    currency: str = ""
    tax: str = ""
    reference: str = ""
    gift: tuple[str, int] | None = None


class Change(Struct, frozen=True):
    """Any other change of an account that is ordered once, under a key.

    `adds`: (lot, amount) to raise lots by, as adjustments. `lowers`: what the hot state is to take from lots; `into`
    are the terms of new lots (id 0) that rollovers go to: `Lower.to` is then -1 for the first, -2 for the second.
    `overrides` replace those of the same limit and scope.
    """

    key: str
    reason: str
    actor: str
    adds: tuple[tuple[int, int], ...] = ()
    lowers: tuple[Lower, ...] = ()
    into: tuple[Lot, ...] = ()
    resets: tuple[Reset, ...] = ()
    overrides: tuple[Override, ...] = ()


class Refund(Struct, frozen=True):
    """A refund of the last `units` of a settled usage event (None: all that is left of it), known by its `event_key`.

    A lot that has expired by then gets nothing: it becomes a new lot that lives `lasts` ms, or with 0 is posted and
    posted as expired.
    """

    event_key: str
    key: str
    reason: str
    actor: str
    units: int | None = None
    lasts: int = 0


class Refunded(Struct, frozen=True):
    """What a refund gave back: units in all, (lot, amount) in order, what the overage line was relieved of, and of the
    amounts what was posted as expired at once, and (lot, amount) of those posted as revoked: nobody can spend these."""

    units: int
    lots: tuple[tuple[int, int], ...]
    relieved: int = 0
    expired: int = 0
    revoked: tuple[tuple[int, int], ...] = ()


class Settled(Struct, frozen=True):
    """What became of a batch: entries to acknowledge (booked now or before, or quarantined), those left for later
    because an earlier one of their account is missing, and how many were quarantined."""

    done: tuple[StreamEntry, ...]
    parked: tuple[StreamEntry, ...]
    quarantined: int


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


class Ledger(Protocol):
    """The books, the accounts' terms and the erasable names (design, section 7). Only it raises a lot."""

    async def find_account(self, name: str) -> int | None:
        """The random internal id behind an account's name."""
        ...

    async def put_account(
        self, name: str, terms: Terms, *, at: int, reason: str, actor: str, only_new: bool = False,
        expected: Profile | None = None,
    ) -> Profile:  # fmt: skip
        """Create the account or change its terms: a new profile version and its push.

        Where nothing changes there is no new version. With `only_new` an account that exists, whoever made it a moment
        ago, stays as it is, and its newest profile is the answer. With `expected` the account changes only if these are
        still its newest terms: otherwise, or if nobody has that name any more, nothing is written, and the answer is
        the newest profile of `expected.account`. Raises InvalidInput for values of a wrong type.
        """
        ...

    async def profile(self, account: int) -> Profile:
        """The account's newest terms, pushed or not."""
        ...

    async def tokens(self, account: int, names: Sequence[str]) -> dict[str, str]:
        """A random token for each name (a subject, or the value of an unpriced attribute); made at first sight.

        Raises UnknownName for an account that was erased, BoundExceeded where its names would pass 100,000.
        """
        ...

    async def tokens_known(self, account: int, names: Sequence[str]) -> dict[str, str]:
        """The tokens of those names that have one; writes nothing."""
        ...

    async def names(self, account: int) -> dict[str, str]:
        """Token -> name, for those not erased."""
        ...

    async def erase_account(self, account: int) -> None:
        """Forget the account's name, its subjects and unpriced attribute values, for good and in the file itself.

        The caller has settled the account to its end. Books and chains stay whole. The name becomes unknown. Raises
        StoreUnavailable if someone who reads keeps older pages: then the names are deleted, and `finish_erasure` does
        the rest; a later erasure, settlement or close tries too.
        """
        ...

    async def finish_erasure(self) -> bool:
        """Finish what an erasure had to leave, whoever began it: True if there was something, False if not.

        Raises StoreUnavailable if it still cannot be finished.
        """
        ...

    async def grant(self, account: int, grant: Grant, *, at: int) -> Lot:
        """Book a lot, with its transfer and push.

        The same key with the same content gives the lot of then; with another content, KeyReused. Raises UnknownName
        for an account that was erased. Lots that expired more than 1 s before `at` leave the profile.
        """
        ...

    async def change(self, account: int, change: Change, *, at: int) -> Profile:
        """Book an order as a new profile version and its push, once for each key; the version that it made.

        Raises KeyReused, UnknownName for a lot that the account never had, BoundExceeded.
        """
        ...

    async def ordered(self, account: int, key: str) -> bool:
        """Whether something was ordered of the account under this key."""
        ...

    async def refund(self, account: int, refund: Refund, *, at: int) -> Refunded:
        """Book a refund with its transfers and push, once for each key.

        Raises UnknownName for an event that never was, NotSettled for one that waits in the stream, InvalidInput for
        more units than are left to refund, KeyReused.
        """
        ...

    async def unpushed(self, limit: int, account: int | None = None) -> list[Push]:
        """The oldest terms that were not pushed, each account's in version order."""
        ...

    async def pushed(self, pushes: Sequence[Push]) -> None:
        """These are in the hot state. Safe to repeat."""
        ...

    async def settle(self, entries: Sequence[StreamEntry]) -> Settled:
        """Book a batch in one transaction: usage events, charges, balance updates, lots, chains, settled state.

        An entry of another epoch than its account's reaches no balance: it is quarantined, if it is older.
        """
        ...

    async def places(self, *, limit: int = 1000, after: int = 0) -> list[Place]:
        """Where the accounts stand in the books, as of their last settled event, in the order of their ids."""
        ...

    async def standing(self, account: int, *, keys_since: int | None = None) -> Standing:
        """The settled state: cells, open holds and terms as of the last settled event; with the keys of events whose
        instant is `keys_since` or later. Raises UnknownName."""
        ...

    async def raise_epoch(
        self, account: int, *, epoch: int, at: int, reason: str, actor: str, keys_since: int = 0
    ) -> Standing:
        """Fence the account: its epoch in the books becomes `epoch` + 1 and its sequence 0, if it is `epoch` now; terms
        that were pushed since the settled ones wait in the outbox again. Who, when and why is kept, append-only.

        The answer is the settled state to put back, in the epoch that the books have then: a repeated call with the old
        `epoch` changes nothing. Raises UnknownName.
        """
        ...

    async def epochs(self, account: int) -> list[RaisedEpoch]:
        """The account's epochs after the first, in their order: each rebuild is one."""
        ...

    async def balances(self, account: int) -> tuple[MeasureBalance, ...]:
        """What the account has in each measure it ever had, credits first, with its live lots in burn order."""
        ...

    async def account_name(self, account: int) -> str | None:
        """The account's name; None for one that was erased."""
        ...

    async def balance_at(self, account: int, at: int) -> tuple[PastBalance, ...]:
        """The balances as of the end of that instant: the sums of all updates up to and including it."""
        ...

    async def due_accounts(self, until: int, limit: int) -> list[int]:
        """Accounts for which something falls due by then: a scheduled plan, a gift, a lot that expired unposted."""
        ...

    async def lots(self, account: int) -> tuple[LotBalance, ...]:
        """All lots that the account ever had, in the order of their ids."""
        ...

    async def ended_lots(self, account: int, until: int) -> list[EndedLot]:
        """Lots that expire by then and whose end was not ordered yet, in the order of their expiry."""
        ...

    async def profile_of(self, account: int, version: int) -> Profile:
        """The account's terms of that version. Raises UnknownName."""
        ...

    async def usage(
        self,
        account: int,
        *,
        by: Sequence[str] = ("feature",),
        since: int = 0,
        until: int = NEVER,
        limit: int = 1000,
        after: tuple[str, ...] | None = None,
    ) -> UsagePage:
        """Settled usage with since <= at < until, in groups by "feature", "subject", "day" or attributes.

        Days are those of the account's own zone. Names stand for tokens that are not erased. `after`: a page's own.
        """
        ...

    async def statement(
        self, account: int, *, since: int = 0, until: int = NEVER, limit: int = 1000, after: int = 0
    ) -> StatementPage:
        """Balance updates with since <= at < until in the order of the books, with the balances after each."""
        ...

    async def accounts(self, *, limit: int = 1000, after: int = 0) -> AccountPage:
        """All accounts, erased ones too, in the order of their ids."""
        ...

    async def event_by_key(self, account: int, key: str) -> BookedEvent | None:
        """The event that was booked under this key, and its charge; None where none was."""
        ...

    async def payload(self, account: int, key: str) -> bytes | None:
        """The event that came into the books under its own key, booked or quarantined; None where none did."""
        ...

    async def quarantined(
        self, *, limit: int = 1000, after: QuarantinedEvent | None = None
    ) -> tuple[QuarantinedEvent, ...]:
        """Events that could not be booked, with the reason, in the order of account, epoch and sequence."""
        ...

    async def events(
        self, *, account: int | None = None, since: int = 0, until: int = NEVER, limit: int = 1000,
        after: tuple[int, int, int] | None = None,
    ) -> EventPage:  # fmt: skip
        """Booked events with since <= at < until, in the order of (account, epoch, sequence)."""
        ...

    async def plans_in_use(self) -> dict[str, int]:
        """Plan -> how many accounts have it, or are scheduled to."""
        ...

    async def publish(
        self, policy_hash: str, document: str, *, at: int, since: int | None = None, reason: str = "", actor: str = ""
    ) -> Published:
        """Keep a policy's document under its hash; it is in force from `since` on, or from `at`, now.

        What is scheduled for `since` or later is replaced. Nothing is written where the policy is in force then anyway.
        """
        ...

    async def withdraw(self, number: int, *, at: int, reason: str = "", actor: str = "") -> Withdrawn:
        """Take back a publication whose instant has not come. Raises UnknownName, InvalidInput where it has."""
        ...

    async def policy_document(self, policy_hash: str | None = None, *, at: int = NEVER) -> str | None:
        """The document of that policy, or of the one in force at an instant (the newest publication up to it)."""
        ...

    async def publications(self) -> tuple[Publication, ...]:
        """Which policy was, is and will be in force from when, in the order in which they were published."""
        ...

    async def close(self) -> None:
        """Give back every handle. Safe to repeat."""
        ...
