"""The client for an event loop, over aiohttp (the extra `client`)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from spillover.access.gather import forked
from spillover.access.hold_async import AsyncHoldContext
from spillover.access.requests import Asked
from spillover.engine.answers import Decision
from spillover.http_client import orders, packs, reports, requests
from spillover.http_client.address import ServiceAddress
from spillover.http_client.admit import Admit
from spillover.http_client.calls import HEADS, Call, Came, awaited
from spillover.http_client.holding import AsyncHolder, Skew, hold_ask
from spillover.http_client.lacking import Lacking
from spillover.http_client.many import Many
from spillover.http_client.standin_made import journal_of, standin_of
from spillover.http_client.standing import JournalStatus
from spillover.http_client.tries import Tries, closed
from spillover.model.errors import SpilloverError

if TYPE_CHECKING:
    from aiohttp import ClientSession

T = TypeVar("T")

CONNECTIONS_MAX = 100
"""Calls under way at once; who comes then waits, within the deadline."""


class Group:
    """A group of verbs of a client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def ask(self, call: Call[T]) -> T:
        """Make a call."""
        return await self._client.ask(call)


class AsyncAccountVerbs(Group):
    """`access.accounts`: who pays."""

    put = awaited(orders.put)
    plan = awaited(orders.plan)
    suspend = awaited(orders.suspend)
    erase = awaited(orders.erase)
    list = awaited(orders.accounts_list)


class AsyncCreditVerbs(Group):
    """`access.credits`: lots of credits."""

    add = awaited(orders.add_credits)


class AsyncUnitVerbs(Group):
    """`access.units`: lots of a feature's own units."""

    add = awaited(orders.add_units)


class AsyncHoldVerbs(Group):
    """`access.holds`: what is open, and how it ends."""

    list = awaited(requests.holds_list)
    extend = awaited(requests.extend)
    commit = awaited(requests.commit)
    release = awaited(requests.release)


class AsyncLotVerbs(Group):
    """`access.lots`: the blocks of credits and units that an account holds."""

    list = awaited(orders.lots_list)
    revoke = awaited(orders.revoke)
    adjust = awaited(orders.adjust)
    reverse = awaited(orders.reverse)


class AsyncLimitVerbs(Group):
    """`access.limits`: another maximum for one account."""

    set = awaited(orders.set_limit)


class AsyncWindowVerbs(Group):
    """`access.windows`: what was counted."""

    reset = awaited(orders.reset)


class AsyncPolicyVerbs(Group):
    """`access.policies`: which policy decides when."""

    publish = awaited(reports.publish)
    withdraw = awaited(reports.withdraw)
    list = awaited(reports.publications)
    get = awaited(reports.published)


class AsyncPackVerbs(Group):
    """`access.packs`: what can be bought."""

    list = awaited(packs.packs_list)
    grant = awaited(packs.grant)


class AsyncClient(Lacking):
    """The verbs of `AsyncAccess`, answered by a service, for one event loop. Made by
    `spillover.connect_async("http://...")`; see `Client` for what it raises and has not. A forked child opens its own.
    """

    def __init__(
        self, address: ServiceAddress, headers: dict[str, str], deadline: float, admit: Admit | None = None
    ) -> None:
        """In a running event loop."""
        self._address, self._deadline, self._pid = address.text, deadline, os.getpid()
        self._skew, self._closed = Skew(), False
        self._standin = standin_of(admit, address, headers, self._skew, deadline)
        self._kept, self._fresh = _session(headers, keep=True), _session(headers, keep=False)
        self.accounts = AsyncAccountVerbs(self)
        self.credits = AsyncCreditVerbs(self)
        self.units = AsyncUnitVerbs(self)
        self.holds = AsyncHoldVerbs(self)
        self.lots = AsyncLotVerbs(self)
        self.limits = AsyncLimitVerbs(self)
        self.windows = AsyncWindowVerbs(self)
        self.policies = AsyncPolicyVerbs(self)
        self.packs = AsyncPackVerbs(self)

    consume = awaited(requests.consume)
    record = awaited(requests.record)
    check = awaited(requests.check)
    explain = awaited(requests.explain)
    open_hold = awaited(requests.open_hold)
    opened = awaited(requests.opened)
    refund = awaited(orders.refund)
    overview = awaited(reports.overview)
    balance = awaited(reports.balance)
    balance_at = awaited(reports.balance_at)
    usage = awaited(reports.usage)
    denials = awaited(reports.denials)
    statement = awaited(reports.statement)
    receipt = awaited(reports.receipt)
    settle = awaited(reports.settle)

    def hold(
        self, account: str, feature: str, estimate: Mapping[str, int] | int | None = None, *, key: str | None = None,
        subject: str | None = None, attributes: Mapping[str, str] | None = None, lasts: int | None = None,
    ) -> AsyncHoldContext:  # fmt: skip
        """See `AsyncAccess.hold`."""
        call = requests.open_hold(
            account, feature, estimate, key=key, subject=subject, attributes=attributes, lasts=lasts
        )
        return AsyncHoldContext(AsyncHolder(self, call, self._skew), hold_ask(call, feature, lasts))

    async def consume_many(self, requests: Sequence[Asked]) -> list[Decision | SpilloverError]:
        """See `Access.consume_many`. Requests go in calls of at most 500."""
        many = Many(requests)
        for call in many.calls():
            try:
                many.take(await self.ask(call))
            except SpilloverError as error:
                many.fail(error)
                break
        return many.answers()

    def now(self) -> int:
        """The service's own time (ms), as far as its answers told it."""
        return self._skew.clock()

    async def ask(self, call: Call[T]) -> T:
        """Make a call, again where that is safe and nothing came back. Raises what it tells, StoreUnavailable."""
        tries = Tries(call, self._address, self._deadline, time.monotonic())
        standin = self._standin
        if standin is None:
            return await self._answered(call, tries)
        self._require_open()
        found = await asyncio.to_thread(standin.before, call) if standin.may_answer(call) else None
        if found is None:
            try:
                found = await self._answered(call, tries)
            except SpilloverError as error:
                found = await asyncio.to_thread(standin.instead, call, error, tries.is_away)
                if found is None:
                    raise
            else:
                if standin.heard(call, found):
                    found = cast(T, await asyncio.to_thread(standin.mended, call, cast("list[Any]", found)))
        return found

    async def _answered(self, call: Call[T], tries: Tries) -> T:
        from aiohttp import ClientError

        while True:
            seconds = tries.begin(time.monotonic())
            self._require_open()
            try:
                came = await self._sent(call, seconds)
            except (ClientError, OSError) as error:
                pause: float | None = tries.after_failure(error, time.monotonic())
            else:
                self._skew.note(came)
                pause = tries.after_answer(came, time.monotonic())
                if pause is None:
                    return tries.read(call, came, time.monotonic())
            await asyncio.sleep(pause or 0.0)

    async def _sent(self, call: Call[Any], seconds: float) -> Came:
        from aiohttp import ClientTimeout
        from yarl import URL

        # One that was idle may be cut off just when it is used: not for what cannot be sent again.
        session = self._kept if call.again else self._fresh
        url = URL(self._address + call.target, encoded=True)
        limit = ClientTimeout(total=seconds)
        async with session.request(call.method, url, data=call.body, timeout=limit, allow_redirects=False) as answer:
            body = await answer.read()
            told = [answer.headers.get(name) or "" for name in HEADS]
            return Came(answer.status, body, *told)

    def _require_open(self) -> None:
        if os.getpid() != self._pid:
            raise forked()
        if self._closed:
            raise closed()

    async def open_until(self, until: int | str | None, *, reason: str = "", actor: str = "") -> None:
        """See `Client.open_until`."""
        await asyncio.to_thread(journal_of(self._standin).open_until, until, reason, actor)

    async def journal_status(self) -> JournalStatus:
        """See `Client.journal_status`."""
        return await asyncio.to_thread(journal_of(self._standin).status)

    async def close(self) -> None:
        """See `Client.close`."""
        if os.getpid() == self._pid:
            self._closed = True
            if self._standin is not None:
                await asyncio.to_thread(self._standin.close)
            await self._kept.close()
            await self._fresh.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _session(headers: dict[str, str], *, keep: bool) -> ClientSession:
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector

    connector = TCPConnector(limit=CONNECTIONS_MAX, force_close=not keep)
    return ClientSession(connector=connector, headers=headers, cookie_jar=DummyCookieJar())
