"""Concurrent requests of an event loop share commits: those of one turn go together to the worker thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor

from spillover.access.gather import DEADLINE_SECONDS, GROUP_MAX, Decide, Instead, too_late, too_many
from spillover.engine.deciding import Wish
from spillover.engine.items import Answer
from spillover.model.errors import Overloaded

WAITING_MAX = 100_000
"""Requests in the queue; one beyond it is refused at once."""

Waiting = tuple[Wish, asyncio.Future[Answer], float]
"""A wish, where its answer goes, and until when (the loop's seconds) it waits for its group to begin."""


class AsyncGather:
    """One group at a time is decided in the worker thread, while the next one gathers.

    The serving task may be cancelled like any other, even before its first step. Another one then decides what still
    waits, the group under way included: its keys make that safe.
    """

    def __init__(
        self, decide: Decide, executor: Executor, waiting_max: int = WAITING_MAX, *,
        deadline: float = DEADLINE_SECONDS, instead: Instead | None = None,
    ) -> None:  # fmt: skip
        """`deadline` is in seconds. `instead` answers in a thread what was not begun; without it that is Overloaded."""
        self._decide, self._executor, self._instead = decide, executor, instead
        self._waiting_max, self._deadline = waiting_max, deadline
        self._waiting: deque[Waiting] = deque()
        self._again: deque[Waiting] = deque()  # begun by a task that was cancelled, so no deadline ends them
        self._serving: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def submit(self, ask: Wish) -> Answer:
        """The answer to one request. Raises Overloaded, and what kept its group from being decided.

        A caller that is cancelled leaves; if its group has begun, its request may be decided all the same.
        """
        loop = asyncio.get_running_loop()
        waiting: Waiting = (ask, loop.create_future(), loop.time() + self._deadline)
        if len(self._waiting) >= self._waiting_max:
            self._refuse([waiting], too_many(len(self._waiting)))
        else:
            self._waiting.append(waiting)
            self._begin()
            if self._timer is None:
                self._timer = loop.call_at(waiting[2], self._expire)
        return await waiting[1]

    async def drain(self) -> None:
        """Wait until nobody waits for an answer."""
        while self._waiting or self._again or self._late or (self._serving and not self._serving.done()):
            self._begin()
            assert self._serving is not None
            await asyncio.wait([self._serving, *self._late])
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        if self._serving is None or self._serving.done():
            self._serving = asyncio.get_running_loop().create_task(self._serve())
            self._serving.add_done_callback(self._ended)

    def _ended(self, serving: asyncio.Task[None]) -> None:
        if serving.cancelled() or serving.exception():
            for queue in (self._again, self._waiting):
                while queue and queue[0][1].done():
                    queue.popleft()
            if self._again or self._waiting:
                self._begin()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while group := self._next_group():
            try:
                answers = await loop.run_in_executor(self._executor, self._decide, [ask for ask, _, _ in group])
                _give(group, answers)
            except Exception as failure:
                _fail(group, failure)
            except BaseException:
                self._again.extendleft(reversed(group))
                raise

    def _next_group(self) -> list[Waiting]:
        """The first who still wait: who has left is not decided."""
        group: list[Waiting] = []
        for queue in (self._again, self._waiting):
            while queue and len(group) < GROUP_MAX:
                waiting = queue.popleft()
                if not waiting[1].done():
                    group.append(waiting)
        return group

    def _expire(self) -> None:
        """Those whose deadline has come leave the queue; they stand in it in the order of their deadlines."""
        loop = asyncio.get_running_loop()
        self._timer, now, found = None, loop.time(), len(self._waiting)
        late: list[Waiting] = []
        while self._waiting and (self._waiting[0][2] <= now or self._waiting[0][1].done()):
            late.append(self._waiting.popleft())
        if late:
            self._refuse(late, too_late(found, self._deadline))
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0][2], self._expire)

    def _refuse(self, late: list[Waiting], failure: Overloaded) -> None:
        if self._instead is None:
            _fail(late, failure)
            return
        task = asyncio.get_running_loop().create_task(self._answer_instead(self._instead, late, failure))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _answer_instead(self, instead: Instead, late: list[Waiting], failure: Overloaded) -> None:
        loop = asyncio.get_running_loop()
        try:
            for start in range(0, len(late), GROUP_MAX):
                group = [waiting for waiting in late[start : start + GROUP_MAX] if not waiting[1].done()]
                asks = [ask for ask, _, _ in group]
                # Not in the deciding thread: that is the one which is late.
                _give(group, await loop.run_in_executor(None, instead, asks, [failure] * len(asks)), failure)
        finally:  # also where this was cancelled: nobody is left waiting
            _fail(late, failure)


def _give(group: Sequence[Waiting], answers: Sequence[Answer], failure: Overloaded | None = None) -> None:
    for (_, future, _), answer in zip(group, answers, strict=True):
        if future.done():
            continue
        if failure is not None and answer is failure:
            future.set_exception(failure)
        else:
            future.set_result(answer)


def _fail(group: Sequence[Waiting], failure: Exception) -> None:
    for _, future, _ in group:
        if not future.done():
            future.set_exception(failure)
