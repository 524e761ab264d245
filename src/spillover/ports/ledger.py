"""The books."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from spillover.model.account import NEVER, Lot, Profile
from spillover.model.commit import Place, Standing
from spillover.model.event import StreamEntry
from spillover.model.reports import (
    AccountPage,
    BookedEvent,
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
from spillover.ports.orders import Change, Grant, InBooks, News, Push, Refund, Refunded, Settled, Since, Terms


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

    async def pushed_terms(self, *, limit: int = 1000, after: int = 0) -> list[tuple[int, int]]:
        """(account, the highest version that was pushed and is not settled yet), in the order of account ids.

        A hot state that knows less of the account than this, and than the books, has lost terms.
        """
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
        instant is `keys_since` or later, the newest 100,000 at most. Raises UnknownName."""
        ...

    async def in_books(self, accounts: Sequence[int]) -> dict[int, InBooks]:
        """What the books have of these accounts, all of one snapshot; those that they do not know are left out.

        A few round trips for all of them, so the caller bounds how many: the answer has all their cells, holds, lots
        and waiting terms. Raises StoreError for terms that cannot be read.
        """
        ...

    async def news(self, wanted: Sequence[Since]) -> dict[int, News]:
        """What came to these accounts, all of one snapshot, in a few round trips; no account twice.

        Those that have more cells than was asked for are left out. The caller bounds how much it is. Raises
        UnknownName, StoreError for terms that cannot be read.
        """
        ...

    async def raise_epoch(
        self, account: int, *, epoch: int, at: int, reason: str, actor: str, keys_since: int = 0, first: bool = False
    ) -> Standing:
        """Fence the account: its epoch in the books becomes `epoch` + 1 and its sequence 0, if it is `epoch` now; terms
        that were pushed since the settled ones wait in the outbox again. Who, when and why is kept, append-only.

        The answer is the settled state to put back, in the epoch that the books have then: a repeated call with the old
        `epoch` changes nothing. `first`: such a call raises Contended, as who raised it may have put it back by now.
        Raises UnknownName.
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

    async def payload(self, account: int, key: str, epoch: int, sequence: int) -> bytes | None:
        """The event of that place, booked or quarantined; None for one that the books do not know.

        It has this key, or came again under it.
        """
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
