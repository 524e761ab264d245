"""Concurrent requests of an event loop share commits: those of one turn go together to the worker thread."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Executor

from spillover.access.gather import GROUP_MAX, Decide
from spillover.core.intake import Ask
from spillover.engine.deciding import Answer

WAITING_MAX = 100_000
"""Requests in the queue; a caller beyond it waits before it is let in."""


class AsyncGather:
    """One group at a time is decided in the worker thread, while the next one gathers."""

    def __init__(self, decide: Decide, executor: Executor, waiting_max: int = WAITING_MAX) -> None:
        self._decide, self._executor, self._waiting_max = decide, executor, waiting_max
        self._waiting: deque[tuple[Ask, asyncio.Future[Answer]]] = deque()
        self._room = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def submit(self, ask: Ask) -> Answer:
        """The answer to one request. A caller that is cancelled leaves; its request may be decided all the same."""
        while len(self._waiting) >= self._waiting_max:
            self._room.clear()
            await self._room.wait()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return await future

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(GROUP_MAX, len(self._waiting)))]
                self._room.set()
                asks = [ask for ask, _ in group]
                try:
                    answers = await loop.run_in_executor(self._executor, self._decide, asks)
                except Exception as failure:
                    for _, future in group:
                        if not future.done():
                            future.set_exception(failure)
                    continue
                for (_, future), answer in zip(group, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
        finally:
            self._serving = None
