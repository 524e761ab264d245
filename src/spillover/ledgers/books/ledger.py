"""The ledger's port over any database's desks: each method hands over to the room that does the work."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from spillover.ledgers.books import (
    changes,
    due,
    epochs,
    grants,
    in_books,
    names,
    news,
    outbox,
    policies,
    reads,
    refunds,
    settling,
    terms,
    usage,
)
from spillover.ledgers.books.tables import Desks
from spillover.model.account import NEVER, Lot, Profile
from spillover.model.commit import Place, Standing
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
    RaisedEpoch,
    StatementPage,
    UsagePage,
    Withdrawn,
)
from spillover.ports import Change, Grant, InBooks, News, Push, Refund, Refunded, Settled, Since, Terms


class BooksLedger:
    """A `Ledger` whose books are behind these desks. `random_bits` makes ids and tokens.

    Every transaction is durable when its call returns; after any StoreError nothing of the failed call was written, or
    its keys decide.
    """

    def __init__(self, desks: Desks, random_bits: names.RandomBits) -> None:
        self._keeper = desks
        self._books, self._terms, self._reads = desks.books, desks.terms, desks.reads
        self._random_bits = random_bits

    async def find_account(self, name: str) -> int | None:
        return self._reads.read(lambda tables: names.find_account(tables, name))

    async def put_account(
        self, name: str, terms_: Terms, *, at: int, reason: str, actor: str, only_new: bool = False,
        expected: Profile | None = None,
    ) -> Profile:  # fmt: skip
        return self._terms.write(
            lambda tables: terms.put(
                tables, name, terms_, at=at, reason=reason, actor=actor, only_new=only_new,
                expected=expected, random_bits=self._random_bits,
            )
        )  # fmt: skip

    async def profile(self, account: int) -> Profile:
        return self._reads.read(lambda tables: terms.newest(tables, account))

    async def profile_of(self, account: int, version: int) -> Profile:
        return self._reads.read(lambda tables: terms.profile_of(tables, account, version))

    async def tokens(self, account: int, wanted: Sequence[str]) -> dict[str, str]:
        found = self._reads.read(lambda tables: names.known_tokens(tables, account, wanted))
        if len(found) == len(set(wanted)):
            return found
        return self._terms.write(lambda tables: names.make_tokens(tables, account, wanted, self._random_bits))

    async def tokens_known(self, account: int, wanted: Sequence[str]) -> dict[str, str]:
        return self._reads.read(lambda tables: names.known_tokens(tables, account, wanted))

    async def names(self, account: int) -> dict[str, str]:
        return self._reads.read(lambda tables: names.labels(tables, account))

    async def erase_account(self, account: int) -> None:
        await self.profile(account)  # UnknownName, before anything is rewritten
        self._keeper.erase(account)

    async def finish_erasure(self) -> bool:
        return self._keeper.finish_erasure(patient=True)

    async def grant(self, account: int, wanted: Grant, *, at: int) -> Lot:
        return self._books.write(lambda tables: grants.grant(tables, account, wanted, at=at))

    async def change(self, account: int, change: Change, *, at: int) -> Profile:
        return self._books.write(lambda tables: changes.change(tables, account, change, at=at))

    async def ordered(self, account: int, key: str) -> bool:
        return self._reads.read(lambda tables: reads.ordered(tables, account, key))

    async def refund(self, account: int, refund: Refund, *, at: int) -> Refunded:
        return self._books.write(lambda tables: refunds.refund(tables, account, refund, at=at))

    async def unpushed(self, limit: int, account: int | None = None) -> list[Push]:
        return self._reads.read(lambda tables: outbox.unpushed(tables, limit, account))

    async def pushed(self, pushes: Sequence[Push]) -> None:
        self._terms.write(lambda tables: outbox.pushed(tables, pushes))

    async def pushed_terms(self, *, limit: int = 1000, after: int = 0) -> list[tuple[int, int]]:
        return self._reads.read(lambda tables: epochs.pushed_terms(tables, limit=limit, after=after))

    async def settle(self, entries: Sequence[StreamEntry]) -> Settled:
        settled = settling.settle(self._books, entries)
        self._finish_erasure_if_free()
        return settled

    async def places(self, *, limit: int = 1000, after: int = 0) -> list[Place]:
        return self._reads.read(lambda tables: epochs.places(tables, limit=limit, after=after))

    async def standing(self, account: int, *, keys_since: int | None = None) -> Standing:
        return self._reads.read(lambda tables: epochs.standing(tables, account, keys_since=keys_since))

    async def in_books(self, accounts: Sequence[int]) -> dict[int, InBooks]:
        return self._reads.read(lambda tables: in_books.in_books(tables, accounts))

    async def news(self, wanted: Sequence[Since]) -> dict[int, News]:
        return self._reads.read(lambda tables: news.news(tables, wanted))

    async def raise_epoch(
        self, account: int, *, epoch: int, at: int, reason: str, actor: str, keys_since: int = 0, first: bool = False
    ) -> Standing:
        return self._books.write(
            lambda tables: epochs.raise_epoch(
                tables, account, epoch=epoch, at=at, reason=reason, actor=actor, keys_since=keys_since, first=first
            )
        )

    async def epochs(self, account: int) -> list[RaisedEpoch]:
        return self._reads.read(lambda tables: epochs.epochs(tables, account))

    async def balances(self, account: int) -> tuple[MeasureBalance, ...]:
        return self._reads.read(lambda tables: reads.balances(tables, account))

    async def account_name(self, account: int) -> str | None:
        return self._reads.read(lambda tables: names.name_of(tables, account))

    async def lots(self, account: int) -> tuple[LotBalance, ...]:
        return self._reads.read(lambda tables: reads.lots(tables, account))

    async def balance_at(self, account: int, at: int) -> tuple[PastBalance, ...]:
        return self._reads.read(lambda tables: reads.balance_at(tables, account, at))

    async def due_accounts(self, until: int, limit: int) -> list[int]:
        return self._reads.read(lambda tables: due.due_accounts(tables, until, limit))

    async def ended_lots(self, account: int, until: int) -> list[EndedLot]:
        return self._reads.read(lambda tables: due.ended_lots(tables, account, until))

    async def plans_in_use(self) -> dict[str, int]:
        return self._reads.read(due.plans_in_use)

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
        return self._reads.read(
            lambda tables: usage.usage(tables, account, by=by, since=since, until=until, limit=limit, after=after)
        )

    async def statement(
        self, account: int, *, since: int = 0, until: int = NEVER, limit: int = 1000, after: int = 0
    ) -> StatementPage:
        return self._reads.read(
            lambda tables: reads.statement(tables, account, since=since, until=until, limit=limit, after=after)
        )

    async def accounts(self, *, limit: int = 1000, after: int = 0) -> AccountPage:
        return self._reads.read(lambda tables: reads.accounts(tables, limit=limit, after=after))

    async def event_by_key(self, account: int, key: str) -> BookedEvent | None:
        return self._reads.read(lambda tables: reads.event_by_key(tables, account, key))

    async def payload(self, account: int, key: str, epoch: int, sequence: int) -> bytes | None:
        return self._reads.read(lambda tables: reads.payload(tables, account, key, epoch, sequence))

    async def quarantined(
        self, *, limit: int = 1000, after: QuarantinedEvent | None = None
    ) -> tuple[QuarantinedEvent, ...]:
        return self._reads.read(lambda tables: reads.quarantined(tables, limit=limit, after=after))

    async def events(
        self, *, account: int | None = None, since: int = 0, until: int = NEVER, limit: int = 1000,
        after: tuple[int, int, int] | None = None,
    ) -> EventPage:  # fmt: skip
        return self._reads.read(
            lambda tables: reads.events(tables, account=account, since=since, until=until, limit=limit, after=after)
        )

    async def publish(
        self, policy_hash: str, document: str, *, at: int, since: int | None = None, reason: str = "", actor: str = ""
    ) -> Published:
        return self._terms.write(
            lambda tables: policies.publish(
                tables, policy_hash, document, at=at, since=since, reason=reason, actor=actor
            )
        )

    async def withdraw(self, number: int, *, at: int, reason: str = "", actor: str = "") -> Withdrawn:
        return self._terms.write(lambda tables: policies.withdraw(tables, number, at=at, reason=reason, actor=actor))

    async def policy_document(self, policy_hash: str | None = None, *, at: int = NEVER) -> str | None:
        return self._reads.read(lambda tables: policies.policy_document(tables, policy_hash, at))

    async def publications(self) -> tuple[Publication, ...]:
        return self._reads.read(policies.publications)

    def _finish_erasure_if_free(self) -> None:
        # What was asked for is done; whoever holds the log now, a later call gets at it.
        with suppress(StoreError):
            self._keeper.finish_erasure(patient=False)

    async def close(self) -> None:
        self._finish_erasure_if_free()
        self._keeper.close()
