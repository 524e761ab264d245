"""The engine that a trace is fed to: the public verbs, and what a replay needs besides.

That is accounts in bulk, and how far settlement is behind: the only file of this package that looks behind `Access`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple

from spillover.access.desk import Desk
from spillover.access.plain import Access
from spillover.bootstrap.connect import connect
from spillover.core.decide import TIME
from spillover.engine.deciding import Wish
from spillover.engine.items import Answer
from spillover.engine.pushing import push_terms
from spillover.engine.reading import held_of
from spillover.engine.settlement import BATCH_MAX, settle_step
from spillover.model.account import Profile
from spillover.model.errors import UnknownName
from spillover.model.policy import Policy
from spillover.model.reports import MeasureBalance
from spillover.ports import Durability, Grant, Terms
from spillover.replay.newcomers import ACTOR, REASON

LAG_MAX = 100_000
"""Events that are counted as not settled yet, at most."""


DUE_MAX = 100_000
"""Accounts that have fallen due, read at once; if there are more, each account is looked at."""


class Opening(NamedTuple):
    """An account that is to exist before its first request: its terms, its first lots, and when that request was."""

    account: str
    terms: Terms
    lots: list[Grant]
    at: int


class Engine:
    """An open engine for a replay; a context manager."""

    def __init__(self, url: str, policy: Policy, durability: Durability, *, settle: bool = True) -> None:
        """`settle`: book in the background while the trace is fed, as an application's engine does."""
        self._access: Access = connect(url, policy=policy, durability=durability, settle=settle, tend=False, force=True)
        self._desk: Desk = self._access._desk

    @property
    def policy(self) -> Policy:
        """The policy that decides."""
        return self._access.policy

    def open_accounts(self, openings: Sequence[Opening]) -> None:
        """Put the accounts and raise their lots; in force when this returns. The same again changes nothing.

        The verbs would push each change by itself; booking first and pushing once takes a third of the transactions.
        """
        self._access.run(self._open_accounts(openings))

    async def _open_accounts(self, openings: Sequence[Opening]) -> None:
        ledger, known = self._desk.ledger, self._desk.known
        for name, terms, lots, at in openings:
            profile = await ledger.put_account(name, terms, at=at, reason=REASON, actor=ACTOR)
            for lot in lots:
                await ledger.grant(profile.account, lot, at=at)
            known.forget(profile.account)
        await push_terms(self._desk.store, ledger, now=self._desk.clock())

    def decide(self, wishes: Sequence[Wish]) -> list[Answer]:
        """One answer for each request and each end of a hold, in order; errors that concern just one are values."""
        return self._access.decide(wishes)

    def tend(self, until: Mapping[str, int]) -> None:
        """What has fallen due for these accounts by their instants: lots end, gifts come, plans change."""
        if until:
            self._access.run(self._tend(until))

    async def _tend(self, until: Mapping[str, int]) -> None:
        found = await self._desk.ledger.due_accounts(max(until.values()), DUE_MAX)
        due = frozenset(found) if len(found) < DUE_MAX else None
        # Accounts of other parts have other processes, which are perhaps not at the end yet.
        for name in sorted(until):
            try:
                account = await self._desk.account(name)
            except UnknownName:
                continue  # its requests were refused
            if due is None or account in due:
                await self._desk.tending.terms(account, until[name])

    def seen(self, account: str) -> int:
        """The newest instant that the account has granted something at; 0 for none, and for an unknown account."""
        return self._access.run(self._seen(account))

    async def _seen(self, account: str) -> int:
        try:
            number = await self._desk.account(account)
        except UnknownName:
            return 0
        return (await self._desk.store.load(number, (TIME,))).cells[TIME]

    def granted_before(self, account: str, key: str) -> bool:
        """Whether the books have a grant under this key; what waits in the stream is not in them yet."""
        return self._access.run(self._granted_before(account, key))

    async def _granted_before(self, account: str, key: str) -> bool:
        return await self._desk.ledger.event_by_key(await self._desk.account(account), key) is not None

    def unsettled(self) -> int:
        """How many events wait to be booked, at most LAG_MAX."""
        return len(self._access.run(self._desk.store.read(LAG_MAX)))

    def settle(self, events: int) -> None:
        """Book at least so many events of those that wait, oldest first: so it ends though others go on."""
        for _ in range(-(-events // BATCH_MAX)):
            if not self._access.run(settle_step(self._desk.store, self._desk.ledger)).done:
                return

    def knows(self, account: str) -> bool:
        """Whether there is an account of that name."""
        try:
            self._access.run(self._desk.account(account))
        except UnknownName:
            return False
        return True

    def profile(self, account: str) -> Profile:
        """The account's newest terms."""
        return self._access.run(self._profile(account))

    async def _profile(self, account: str) -> Profile:
        return await self._desk.ledger.profile(await self._desk.account(account))

    def balances(self, account: str) -> tuple[MeasureBalance, ...]:
        """What the account has in each measure, as the books say."""
        return self._access.run(self._balances(account))

    async def _balances(self, account: str) -> tuple[MeasureBalance, ...]:
        return await self._desk.ledger.balances(await self._desk.account(account))

    def held(self, account: str) -> Mapping[int, int]:
        """Lot -> how much of it the account's open holds keep."""
        return held_of(self._access.run(self._desk.holds(account)))

    def close(self) -> None:
        """Give back every handle."""
        self._access.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
