"""How a plain verb becomes one for an event loop: its work runs in threads of the engine's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from spillover.access.gather import forked
from spillover.model.errors import StoreUnavailable

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
