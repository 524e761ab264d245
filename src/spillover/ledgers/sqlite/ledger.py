"""The ledger's port, in a SQLite file or in memory: each method hands over to the room that does the work."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress

from spillover.ledgers.sqlite import (
    changes,
    due,
    grants,
    names,
    outbox,
    policies,
    reads,
    refunds,
    settling,
    terms,
    usage,
)
from spillover.ledgers.sqlite.opening import Desks
from spillover.model.account import NEVER, Lot, Profile
from spillover.model.errors import StoreError
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
    StatementPage,
    UsagePage,
    Withdrawn,
)
from spillover.ports import Change, Grant, Push, Refund, Refunded, Settled, Terms
from spillover.sqlite.connection import WAIT_MS


class SQLiteLedger:
    """A `Ledger` in the file at `path` (None: in memory, gone when closed). Safe to use from several threads.

    Every transaction is durable when its call returns. `random_bits` makes ids and tokens.
    Raises the StoreErrors of `open_database`; after any, nothing of the failed call was written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        random_bits: names.RandomBits = secrets.randbits,
        wait_ms: int = WAIT_MS,
    ) -> None:
        self._desks = Desks(path, wait_ms)
        self._random_bits = random_bits

    @classmethod
    def in_memory(cls, *, random_bits: names.RandomBits = secrets.randbits) -> SQLiteLedger:
        """Books that are gone when closed."""
        return cls(None, random_bits=random_bits)

    async def find_account(self, name: str) -> int | None:
        with self._desks.reads.read() as connection:
            return names.find_account(connection, name)

    async def put_account(
        self, name: str, terms_: Terms, *, at: int, reason: str, actor: str, only_new: bool = False,
        expected: Profile | None = None,
    ) -> Profile:  # fmt: skip
        with self._desks.terms.write() as connection:
            return terms.put(
                connection, name, terms_, at=at, reason=reason, actor=actor, only_new=only_new,
                expected=expected, random_bits=self._random_bits,
            )  # fmt: skip

    async def profile(self, account: int) -> Profile:
        with self._desks.reads.read() as connection:
            return terms.newest(connection, account)

    async def profile_of(self, account: int, version: int) -> Profile:
        with self._desks.reads.read() as connection:
            return terms.profile_of(connection, account, version)

    async def tokens(self, account: int, wanted: Sequence[str]) -> dict[str, str]:
        return names.tokens(self._desks, account, wanted, self._random_bits)

    async def tokens_known(self, account: int, wanted: Sequence[str]) -> dict[str, str]:
        return names.tokens_known(self._desks, account, wanted)

    async def names(self, account: int) -> dict[str, str]:
        with self._desks.reads.read() as connection:
            return names.labels(connection, account)

    async def erase_account(self, account: int) -> None:
        await self.profile(account)  # UnknownName, before anything is rewritten
        names.erase(self._desks, account)

    async def finish_erasure(self) -> bool:
        return names.finish_erasure(self._desks, self._desks.wait_ms)

    async def grant(self, account: int, wanted: Grant, *, at: int) -> Lot:
        with self._desks.books.write() as connection:
            return grants.grant(connection, account, wanted, at=at)

    async def change(self, account: int, change: Change, *, at: int) -> Profile:
        with self._desks.books.write() as connection:
            return changes.change(connection, account, change, at=at)

    async def ordered(self, account: int, key: str) -> bool:
        with self._desks.reads.read() as connection:
            return reads.ordered(connection, account, key)

    async def refund(self, account: int, refund: Refund, *, at: int) -> Refunded:
        with self._desks.books.write() as connection:
            return refunds.refund(connection, account, refund, at=at)

    async def unpushed(self, limit: int, account: int | None = None) -> list[Push]:
        with self._desks.reads.read() as connection:
            return outbox.unpushed(connection, limit, account)

    async def pushed(self, pushes: Sequence[Push]) -> None:
        with self._desks.terms.write() as connection:
            outbox.pushed(connection, pushes)

    async def settle(self, entries: Sequence[StreamEntry]) -> Settled:
        settled = settling.settle(self._desks.books, entries)
        self._finish_erasure_if_free()
        return settled

    async def balances(self, account: int) -> tuple[MeasureBalance, ...]:
        with self._desks.reads.read() as connection:
            return reads.balances(connection, account)

    async def account_name(self, account: int) -> str | None:
        with self._desks.reads.read() as connection:
            return names.name_of(connection, account)

    async def lots(self, account: int) -> tuple[LotBalance, ...]:
        with self._desks.reads.read() as connection:
            return reads.lots(connection, account)

    async def balance_at(self, account: int, at: int) -> tuple[PastBalance, ...]:
        with self._desks.reads.read() as connection:
            return reads.balance_at(connection, account, at)

    async def due_accounts(self, until: int, limit: int) -> list[int]:
        with self._desks.reads.read() as connection:
            return due.due_accounts(connection, until, limit)

    async def ended_lots(self, account: int, until: int) -> list[EndedLot]:
        with self._desks.reads.read() as connection:
            return due.ended_lots(connection, account, until)

    async def plans_in_use(self) -> dict[str, int]:
        with self._desks.reads.read() as connection:
            return due.plans_in_use(connection)

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
        with self._desks.reads.read() as connection:
            return usage.usage(connection, account, by=by, since=since, until=until, limit=limit, after=after)

    async def statement(
        self, account: int, *, since: int = 0, until: int = NEVER, limit: int = 1000, after: int = 0
    ) -> StatementPage:
        with self._desks.reads.read() as connection:
            return reads.statement(connection, account, since=since, until=until, limit=limit, after=after)

    async def accounts(self, *, limit: int = 1000, after: int = 0) -> AccountPage:
        with self._desks.reads.read() as connection:
            return reads.accounts(connection, limit=limit, after=after)

    async def event_by_key(self, account: int, key: str) -> BookedEvent | None:
        with self._desks.reads.read() as connection:
            return reads.event_by_key(connection, account, key)

    async def quarantined(
        self, *, limit: int = 1000, after: QuarantinedEvent | None = None
    ) -> tuple[QuarantinedEvent, ...]:
        with self._desks.reads.read() as connection:
            return reads.quarantined(connection, limit=limit, after=after)

    async def events(
        self, *, account: int | None = None, since: int = 0, until: int = NEVER, limit: int = 1000,
        after: tuple[int, int, int] | None = None,
    ) -> EventPage:  # fmt: skip
        with self._desks.reads.read() as connection:
            return reads.events(connection, account=account, since=since, until=until, limit=limit, after=after)

    async def publish(
        self, policy_hash: str, document: str, *, at: int, since: int | None = None, reason: str = "", actor: str = ""
    ) -> Published:
        with self._desks.terms.write() as connection:
            return policies.publish(connection, policy_hash, document, at=at, since=since, reason=reason, actor=actor)

    async def withdraw(self, number: int, *, at: int, reason: str = "", actor: str = "") -> Withdrawn:
        with self._desks.terms.write() as connection:
            return policies.withdraw(connection, number, at=at, reason=reason, actor=actor)

    async def policy_document(self, policy_hash: str | None = None, *, at: int = NEVER) -> str | None:
        with self._desks.reads.read() as connection:
            return policies.policy_document(connection, policy_hash, at)

    async def publications(self) -> tuple[Publication, ...]:
        with self._desks.reads.read() as connection:
            return policies.publications(connection)

    def _finish_erasure_if_free(self) -> None:
        # What was asked for is done; whoever holds the log now, a later call gets at it.
        with suppress(StoreError):
            names.finish_erasure(self._desks, 0)

    async def close(self) -> None:
        self._finish_erasure_if_free()
        self._desks.close()
