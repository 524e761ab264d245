"""Concurrent requests of an event loop share commits: those of one turn go together to the worker thread."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Executor

from spillover.access.gather import GROUP_MAX, Decide
from spillover.engine.deciding import Wish
from spillover.engine.items import Answer

WAITING_MAX = 100_000
"""Requests in the queue; a caller beyond it waits before it is let in."""

Waiting = tuple[Wish, asyncio.Future[Answer]]


class AsyncGather:
    """One group at a time is decided in the worker thread, while the next one gathers.

    The serving task may be cancelled like any other, even before its first step. Another one then decides what still
    waits, the group under way included: its keys make that safe.
    """

    def __init__(self, decide: Decide, executor: Executor, waiting_max: int = WAITING_MAX) -> None:
        self._decide, self._executor, self._waiting_max = decide, executor, waiting_max
        self._waiting: deque[Waiting] = deque()
        self._room = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def submit(self, ask: Wish) -> Answer:
        """The answer to one request.

        A caller that is cancelled leaves; if its group has begun, its request may be decided all the same.
        """
        while len(self._waiting) >= self._waiting_max:
            self._room.clear()
            await self._room.wait()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        self._begin()
        return await future

    async def drain(self) -> None:
        """Wait until nobody waits for an answer."""
        while self._waiting or (self._serving and not self._serving.done()):
            self._begin()
            assert self._serving is not None
            await asyncio.wait([self._serving])

    def _begin(self) -> None:
        if self._serving is None or self._serving.done():
            self._serving = asyncio.get_running_loop().create_task(self._serve())
            self._serving.add_done_callback(self._ended)

    def _ended(self, serving: asyncio.Task[None]) -> None:
        if serving.cancelled() or serving.exception():
            self._room.set()
            while self._waiting and self._waiting[0][1].done():
                self._waiting.popleft()
            if self._waiting:
                self._begin()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while group := self._next_group():
            try:
                answers = await loop.run_in_executor(self._executor, self._decide, [ask for ask, _ in group])
                for (_, future), answer in zip(group, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
            except Exception as failure:
                for _, future in group:
                    if not future.done():
                        future.set_exception(failure)
            except BaseException:
                self._waiting.extendleft(reversed(group))
                raise

    def _next_group(self) -> list[Waiting]:
        """The first who still wait: who has left is not decided."""
        group: list[Waiting] = []
        while self._waiting and len(group) < GROUP_MAX:
            waiting = self._waiting.popleft()
            if not waiting[1].done():
                group.append(waiting)
        self._room.set()
        return group
