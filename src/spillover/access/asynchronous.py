"""The verbs for an event loop: a thin face whose work runs in threads, requests gathered into batches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from spillover.access.gather import forked
from spillover.access.gather_async import AsyncGather
from spillover.access.plain import Access
from spillover.access.verbs import AccountVerbs, CreditVerbs, UnitVerbs, decision_of
from spillover.engine.answers import Decision
from spillover.model.errors import StoreUnavailable
from spillover.model.policy import Policy

P = ParamSpec("P")
T = TypeVar("T")
Plain = TypeVar("Plain")

OTHERS_MAX = 4
"""Threads for the verbs beside `consume`, which has its own: a long report must not keep a request waiting."""


class Worker:
    """Threads to work in, until they are closed. A forked child has none of them."""

    def __init__(self) -> None:
        self.deciding: Executor = ThreadPoolExecutor(1, thread_name_prefix="spillover")
        self._others = ThreadPoolExecutor(OTHERS_MAX, thread_name_prefix="spillover-verbs")
        self._pid = os.getpid()
        self.closed = False

    def is_forked(self) -> bool:
        """Whether this is a child of the process that opened them."""
        return os.getpid() != self._pid

    def require_open(self) -> None:
        """Raises StoreUnavailable if this was closed, or opened before a fork."""
        if self.is_forked():
            raise forked()
        if self.closed:
            raise StoreUnavailable("engine: found it closed, expected an open one; connect again")

    async def run(self, work: Callable[[], T]) -> T:
        """What the work gives, done beside the deciding."""
        self.require_open()
        return await asyncio.get_running_loop().run_in_executor(self._others, work)

    def finish(self, work: Callable[[], None]) -> Future[None]:
        """Do this after the last decision, and let the threads end when they are through. Waits for nothing."""
        done = self.deciding.submit(work)
        for pool in (self.deciding, self._others):
            pool.shutdown(wait=False)
        return done


class Mirror:
    """Verbs of a plain object, run in a worker thread."""

    def __init__(self, plain: Any, worker: Worker) -> None:  # noqa: ANN401  # the verbs below say of which type
        self._plain, self._worker = plain, worker


def mirrored(verb: Callable[Concatenate[Plain, P], T]) -> Callable[Concatenate[Mirror, P], Coroutine[Any, Any, T]]:
    """The asynchronous form of a plain verb: same words, same types, same documentation."""

    @wraps(verb)
    async def asynchronous(self: Mirror, /, *args: P.args, **options: P.kwargs) -> T:
        return await self._worker.run(partial(verb, self._plain, *args, **options))

    return asynchronous


class AsyncAccountVerbs(Mirror):
    """`access.accounts`: who pays."""

    put = mirrored(AccountVerbs.put)
    erase = mirrored(AccountVerbs.erase)
    list = mirrored(AccountVerbs.list)


class AsyncCreditVerbs(Mirror):
    """`access.credits`: lots of credits."""

    add = mirrored(CreditVerbs.add)


class AsyncUnitVerbs(Mirror):
    """`access.units`: lots of a feature's own units."""

    add = mirrored(UnitVerbs.add)


class Opening:
    """An engine about to be opened: `async with` it, or await it and close it yourself."""

    def __init__(self, connect: Callable[[], Access]) -> None:
        self._connect = connect
        self._opened: AsyncAccess | None = None

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
        self._gather = AsyncGather(access.decide, worker.deciding)
        self.accounts = AsyncAccountVerbs(access.accounts, worker)
        self.credits = AsyncCreditVerbs(access.credits, worker)
        self.units = AsyncUnitVerbs(access.units, worker)

    @property
    def policy(self) -> Policy:
        """The policy that this engine decides by."""
        return self._access.policy

    @property
    def trouble(self) -> Exception | None:
        """See `Access.trouble`."""
        return self._access.trouble

    async def consume(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, mode: str = "exact",
        at: int | None = None,
    ) -> Decision:  # fmt: skip
        """See `Access.consume`. Requests under way at the same time share a commit."""
        self._worker.require_open()
        options = {"subject": subject, "attributes": attributes, "mode": mode, "at": at}
        return decision_of(await self._gather.submit(self._access.take_in(account, feature, usage, key, options)))

    consume_many = mirrored(Access.consume_many)
    check = mirrored(Access.check)
    explain = mirrored(Access.explain)
    balance = mirrored(Access.balance)
    usage = mirrored(Access.usage)
    statement = mirrored(Access.statement)
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
