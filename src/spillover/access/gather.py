"""Concurrent requests share commits: whoever comes while a batch is under way rides in the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock

from spillover.core.intake import Ask
from spillover.engine.deciding import Answer

GROUP_MAX = 128
"""Requests in one batch: bounds how long one transaction holds the write lock."""

Decide = Callable[[Sequence[Ask]], list[Answer]]


class _Ticket:
    """One caller's place in the queue."""

    __slots__ = ("answer", "ask", "failure")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.answer: Answer | None = None
        self.failure: BaseException | None = None


class Gather:
    """For threads: the first to get the lock decides for all who wait. One caller alone pays for no hand-over.

    The queue is bounded by the number of calling threads.
    """

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._waiting: deque[_Ticket] = deque()
        self._leader = Lock()

    def submit(self, ask: Ask) -> Answer:
        """The answer to one request. Raises what kept its whole batch from being decided."""
        ticket = _Ticket(ask)
        self._waiting.append(ticket)
        with self._leader:
            # The queue is first come, first served, so a ticket not answered yet is in one of the next groups.
            while ticket.answer is None and ticket.failure is None:
                self._serve_group()
        if ticket.failure is not None:
            raise ticket.failure
        assert ticket.answer is not None
        return ticket.answer

    def _serve_group(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(GROUP_MAX, len(self._waiting)))]
        try:
            answers = self._decide([ticket.ask for ticket in group])
        except BaseException as failure:
            for ticket in group:
                ticket.failure = failure
            return
        for ticket, answer in zip(group, answers, strict=True):
            ticket.answer = answer


class AsyncGather:
    """For an event loop: requests of one turn of the loop go together to the worker thread, one group at a time."""

    def __init__(self, decide: Decide, executor: Executor, waiting_max: int = 100_000) -> None:
        """`waiting_max` bounds the queue: a caller beyond it waits its turn before it is let in."""
        self._decide, self._executor = decide, executor
        self._waiting: deque[tuple[Ask, asyncio.Future[Answer]]] = deque()
        self._room = asyncio.Semaphore(waiting_max)
        self._serving: asyncio.Task[None] | None = None

    async def submit(self, ask: Ask) -> Answer:
        """The answer to one request. A caller that is cancelled leaves; its request may be decided all the same."""
        async with self._room:
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
