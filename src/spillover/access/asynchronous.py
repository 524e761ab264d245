"""The verbs for an event loop: a thin face whose work runs in threads, requests gathered into batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from spillover.access.checks import check_lasts
from spillover.access.desk import Desk
from spillover.access.gather_async import AsyncGather
from spillover.access.hold_async import AsyncHoldContext
from spillover.access.mirror import Mirror, Worker, mirrored
from spillover.access.plain import Access
from spillover.access.verbs import decision_of
from spillover.access.verbs_async import (
    AsyncAccountVerbs,
    AsyncCreditVerbs,
    AsyncHoldVerbs,
    AsyncLimitVerbs,
    AsyncLotVerbs,
    AsyncPackVerbs,
    AsyncPolicyVerbs,
    AsyncUnitVerbs,
    AsyncWindowVerbs,
)
from spillover.core.intake import Ask
from spillover.engine.answers import Decision
from spillover.engine.deciding import Wish
from spillover.engine.items import Answer
from spillover.model.policy import Policy

if TYPE_CHECKING:
    from spillover.compare.report import Comparison


class Opening:
    """An engine about to be opened: `async with` it, or await it and close it yourself."""

    def __init__(self, connect: Callable[[], Access]) -> None:
        self._connect = connect
        self._opened: AsyncAccess | None = None

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name}: found an engine that is not open, expected `await connect_async(...)`")

    def __await__(self) -> Generator[Any, None, AsyncAccess]:
        return self._open().__await__()

    async def _open(self) -> AsyncAccess:
        return AsyncAccess(await asyncio.get_running_loop().run_in_executor(None, self._connect))

    async def __aenter__(self) -> AsyncAccess:
        self._opened = await self._open()
        return self._opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened:
            await self._opened.close()


class AsyncAccess(Mirror):
    """An open engine for one event loop. Made by `spillover.connect_async`; the words are those of `Access`."""

    def __init__(self, access: Access) -> None:
        worker = Worker()
        super().__init__(access, worker)
        self._access = access
        desk = access.desk
        self._gather = AsyncGather(access.decide, worker.deciding, deadline=desk.deadline, instead=desk.instead)
        self.accounts = AsyncAccountVerbs(access.accounts, worker)
        self.credits = AsyncCreditVerbs(access.credits, worker)
        self.units = AsyncUnitVerbs(access.units, worker)
        self.holds = AsyncHoldVerbs(access.holds, worker, self.submit)
        self.lots = AsyncLotVerbs(access.lots, worker)
        self.limits = AsyncLimitVerbs(access.limits, worker)
        self.windows = AsyncWindowVerbs(access.windows, worker)
        self.policies = AsyncPolicyVerbs(access.policies, worker)
        self.packs = AsyncPackVerbs(access.packs, worker)

    @property
    def desk(self) -> Desk:
        """See `Access.desk`."""
        return self._access.desk

    @property
    def policy(self) -> Policy:
        """The policy that this engine decides by."""
        return self._access.policy

    @property
    def trouble(self) -> Exception | None:
        """See `Access.trouble`."""
        return self._access.trouble

    @property
    def shadow(self) -> Comparison | None:
        """See `Access.shadow`. It waits for the batch under way."""
        return self._access.shadow

    async def consume(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, mode: str = "exact",
        at: int | None = None,
    ) -> Decision:  # fmt: skip
        """See `Access.consume`. Requests under way at the same time share a commit."""
        options = {"subject": subject, "attributes": attributes, "mode": mode, "at": at}
        return await self.decided(self._access.take_in(account, feature, usage, key, options))

    async def record(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, at: int | None = None,
    ) -> Decision:  # fmt: skip
        """See `Access.record`. Requests under way at the same time share a commit."""
        options = {"subject": subject, "attributes": attributes, "mode": "record", "at": at}
        return await self.decided(self._access.take_in(account, feature, usage, key, options))

    async def open_hold(
        self, account: str, feature: str, estimate: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, lasts: int | None = None,
        mode: str = "exact", at: int | None = None,
    ) -> Decision:  # fmt: skip
        """See `Access.open_hold`. Requests under way at the same time share a commit."""
        options = {"subject": subject, "attributes": attributes, "mode": mode, "at": at, "hold": check_lasts(lasts)}
        return await self.decided(self._access.take_in(account, feature, estimate, key, options))

    def hold(
        self, account: str, feature: str, estimate: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, lasts: int | None = None,
    ) -> AsyncHoldContext:  # fmt: skip
        """`async with access.hold(...) as hold:` holds before and commits the true usage after; reports never wait."""
        options = {"subject": subject, "attributes": attributes, "hold": check_lasts(lasts)}
        return AsyncHoldContext(self, self._access.take_in(account, feature, estimate, key, options))

    async def submit(self, wish: Wish) -> Answer:
        """The answer to one checked wish, gathered with those under way."""
        self._worker.require_open()
        return await self._gather.submit(wish)

    async def decided(self, ask: Ask) -> Decision:
        """The decision on one checked request."""
        return decision_of(await self.submit(ask))

    def now(self) -> int:
        """The engine's own time (ms)."""
        return self._access.desk.clock()

    opened = mirrored(Access.opened)
    refund = mirrored(Access.refund)
    consume_many = mirrored(Access.consume_many)
    check = mirrored(Access.check)
    explain = mirrored(Access.explain)
    overview = mirrored(Access.overview)
    balance = mirrored(Access.balance)
    balance_at = mirrored(Access.balance_at)
    usage = mirrored(Access.usage)
    denials = mirrored(Access.denials)
    statement = mirrored(Access.statement)
    receipt = mirrored(Access.receipt)
    tend = mirrored(Access.tend)
    settle = mirrored(Access.settle)

    async def close(self) -> None:
        """See `Access.close`. Who waits for an answer gets it first; who comes later is refused."""
        if self._worker.closed or self._worker.is_forked():
            return
        self._worker.closed = True
        try:
            await self._gather.drain()
        finally:
            await asyncio.shield(asyncio.wrap_future(self._worker.finish(self._access.close)))

    async def __aenter__(self) -> AsyncAccess:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
