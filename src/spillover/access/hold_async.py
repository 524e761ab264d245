"""A hold around a piece of work, for an event loop: `async with access.hold(...) as hold`. See `access.metering`.

A stream never waits: reports are plain calls, and extensions go ahead in a task of their own, one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from spillover.access.metering import Reports, Work, tell
from spillover.core.intake import Ask
from spillover.engine.answers import Decision, Ending
from spillover.model.errors import SpilloverError

if TYPE_CHECKING:
    from spillover.access.desk import OpenedHold

T = TypeVar("T")

TRIES_MAX = 3
"""How often an end is begun anew if its own task is cancelled, as at the close of an event loop."""


class AsyncEnds(Protocol):
    """How an open hold goes on, and ends."""

    async def extend(self, account: str, key: str, estimate: dict[str, int], *, lasts: int | None) -> Decision:
        """See `HoldVerbs.extend`."""

    async def commit(self, account: str, key: str, usage: dict[str, int], *, estimated: bool) -> Ending:
        """See `HoldVerbs.commit`."""

    async def release(self, account: str, key: str) -> Ending:
        """See `HoldVerbs.release`."""


class AsyncOpener(Protocol):
    """What a context needs: an engine has it, and so has a client of one."""

    @property
    def holds(self) -> AsyncEnds:
        """The verbs of holds."""

    async def decided(self, ask: Ask, /) -> Decision:
        """Open the hold."""

    async def opened(self, account: str, key: str) -> OpenedHold:
        """What it is on."""

    def now(self) -> int:
        """The time in which it is due (ms)."""


class AsyncHoldContext(Work):
    """Holds before, commits the true usage after, also when its task is cancelled. Enter it once."""

    def __init__(self, access: AsyncOpener, ask: Ask) -> None:
        super().__init__(ask)
        self._access = access
        self._extending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> AsyncHoldContext:
        """Open the hold. Raises Denied, and HoldEnded if a hold of this key has ended already."""
        self._enter()
        try:
            await through(self._begin)
        except BaseException:
            if self._is_to_release():  # cancelled; nothing was used
                await through(lambda: self._end(None))
            raise
        return self

    def __enter__(self) -> NoReturn:
        raise TypeError(f"hold {self.key!r}: found `with` on a hold of an event loop, expected `async with`")

    def __exit__(self, *_: object) -> NoReturn:
        self.__enter__()

    async def _begin(self) -> None:
        self._opened(await self._access.decided(self._ask))
        opened = await self._access.opened(self._ask.account, self.key)
        self._reports = Reports(opened, self._access.now())

    def report(self, **counts: int) -> None:
        """So much was used further. It waits for nothing; what is short was found by the reports before.

        Raises Denied where the hold is short and the policy says `when_short: stop`.
        """
        reports = self._open()
        reports.add(counts)
        reports.require_enough()
        if (self._extending is None or self._extending.done()) and reports.wanted(self._access.now()) is not None:
            self._extending = asyncio.get_running_loop().create_task(self._extend_ahead(reports))

    async def _extend_ahead(self, reports: Reports) -> None:
        """One extension after the other, until the hold is ahead of the reports."""
        lasts = max(self._ask.hold, 0) or None
        try:
            while (wanted := reports.wanted(self._access.now())) is not None:
                decision = await self._access.holds.extend(self._ask.account, self.key, wanted, lasts=lasts)
                reports.extended(wanted, decision, self._access.now())
        except SpilloverError as error:  # what is used beyond what is held is recorded at the end
            reports.trouble = error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        final = self._leave()
        if self._extending is not None:
            self._extending.cancel()  # if it is being decided, it comes before the end
        try:
            await through(lambda: self._end(final))
        except SpilloverError as failure:
            if error is None:
                raise
            tell(error, self.key, failure)

    async def _end(self, final: tuple[dict[str, int], bool] | None) -> None:
        holds, account = self._access.holds, self._ask.account
        if final is None:
            self.ending = await holds.release(account, self.key)
        else:
            self.ending = await holds.commit(account, self.key, final[0], estimated=final[1])


async def through(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the work gives, done to its end although the caller is cancelled meanwhile; that is then raised after it.

    `work` is safe to begin again: it is, if its own task is cancelled.
    """
    cancelled: asyncio.CancelledError | None = None
    task, tries = asyncio.ensure_future(work()), 1
    while not task.done() or (task.cancelled() and tries < TRIES_MAX):
        if task.cancelled():
            task, tries = asyncio.ensure_future(work()), tries + 1
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # looked at, so that it is not reported as lost
        raise cancelled
    return task.result()
