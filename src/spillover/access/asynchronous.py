"""The verbs for an event loop: a thin face whose work runs in one worker thread, requests gathered into batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from spillover.access.desk import Explanation
from spillover.access.gather import AsyncGather
from spillover.access.plain import Access
from spillover.access.requests import Asked
from spillover.engine.answers import Decision
from spillover.engine.settlement import Progress
from spillover.model.account import Lot, Profile
from spillover.model.errors import SpilloverError
from spillover.model.policy import Policy

P = ParamSpec("P")
T = TypeVar("T")


class AsyncAccess:
    """An open engine for one event loop. Made by `spillover.connect_async`; the words are those of `Access`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="spillover")
        self._gather = AsyncGather(access.decide, self._worker)
        self.accounts = AsyncAccountVerbs(self)
        self.credits = AsyncCreditVerbs(self)
        self.units = AsyncUnitVerbs(self)

    @property
    def policy(self) -> Policy:
        """The policy that this engine decides by."""
        return self._access.policy

    async def consume(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, mode: str = "exact",
        at: int | None = None,
    ) -> Decision:  # fmt: skip
        """See `Access.consume`. Requests under way at the same time share a commit."""
        options = {"subject": subject, "attributes": attributes, "mode": mode, "at": at}
        answer = await self._gather.submit(self._access.take_in(account, feature, usage, key, options))
        if isinstance(answer, SpilloverError):
            raise answer
        return answer

    async def consume_many(self, requests: Sequence[Asked]) -> list[Decision | SpilloverError]:
        """See `Access.consume_many`."""
        return await self.call(self._access.consume_many, requests)

    async def check(self, account: str, feature: str, usage: Any = None, **options: Any) -> Decision:
        """See `Access.check`."""
        return await self.call(self._access.check, account, feature, usage, **options)

    async def explain(self, account: str, feature: str, usage: Any = None, **options: Any) -> Explanation:
        """See `Access.explain`."""
        return await self.call(self._access.explain, account, feature, usage, **options)

    async def settle(self) -> Progress:
        """See `Access.settle`."""
        return await self.call(self._access.settle)

    async def close(self) -> None:
        """See `Access.close`."""
        await self.call(self._access.close)
        self._worker.shutdown()

    async def __aenter__(self) -> AsyncAccess:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(self, verb: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Run a verb of the plain face in the worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, partial(verb, *args, **options))


class AsyncAccountVerbs:
    """`access.accounts`."""

    def __init__(self, access: AsyncAccess) -> None:
        self._access = access

    async def put(self, account: str, plan: str | None = None, **terms: Any) -> Profile:
        """See `AccountVerbs.put`."""
        return await self._access.call(self._access._access.accounts.put, account, plan, **terms)

    async def erase(self, account: str) -> None:
        """See `AccountVerbs.erase`."""
        await self._access.call(self._access._access.accounts.erase, account)


class AsyncCreditVerbs:
    """`access.credits`."""

    def __init__(self, access: AsyncAccess) -> None:
        self._access = access

    async def add(self, account: str, credits: Any, *, key: str, **terms: Any) -> Lot:
        """See `CreditVerbs.add`."""
        return await self._access.call(self._access._access.credits.add, account, credits, key=key, **terms)


class AsyncUnitVerbs:
    """`access.units`."""

    def __init__(self, access: AsyncAccess) -> None:
        self._access = access

    async def add(self, account: str, feature: str, units: int, *, key: str, **terms: Any) -> Lot:
        """See `UnitVerbs.add`."""
        return await self._access.call(self._access._access.units.add, account, feature, units, key=key, **terms)
