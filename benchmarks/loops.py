"""Closed loops: callers who ask again as soon as they are answered, so many at a time or one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter, perf_counter_ns, process_time
from typing import NamedTuple

import spillover
from benchmarks.scenario import FEATURE, Asked, require_allowed

IN_FLIGHT = 64


class Run(NamedTuple):
    """One closed loop: requests per second and in a transaction; in microseconds, the time of each call.

    `processor` and `server` are a processor's microseconds for each request: of all threads of this process, so that
    nothing hides by waiting, and of the server.
    """

    rate: float
    times: Sequence[float]
    grouped: float = 0
    processor: float = 0
    server: float = 0


async def many(ask: Callable[[Asked], Awaitable[object]], asked: Sequence[Asked], in_flight: int = IN_FLIGHT) -> Run:
    """So many workers, each asking again as soon as it is answered."""
    waiting = iter(asked)
    times: list[float] = []

    async def work() -> None:
        for request in waiting:
            begun = perf_counter_ns()
            await ask(request)
            times.append((perf_counter_ns() - begun) / 1000)

    begun, busy = perf_counter(), process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    took, busy = perf_counter() - begun, process_time() - busy
    return Run(len(times) / took, times, processor=busy / len(times) * 1e6)


def alone(ask: Callable[[Asked], object], asked: Sequence[Asked]) -> Run:
    """Each call begins when the one before has answered."""
    times: list[float] = []
    begun, busy = perf_counter(), process_time()
    for request in asked:
        started = perf_counter_ns()
        ask(request)
        times.append((perf_counter_ns() - started) / 1000)
    took, busy = perf_counter() - begun, process_time() - busy
    return Run(len(times) / took, times, 1, busy / len(times) * 1e6)


def asking(access: spillover.Access) -> Callable[[Asked], None]:
    """One decision of the plain face; a refusal ends the benchmark."""

    def ask(request: Asked) -> None:
        answer = access.consume(request.account, FEATURE, subject=request.subject, key=request.key)
        require_allowed([answer])

    return ask


def asking_async(access: spillover.AsyncAccess) -> Callable[[Asked], Awaitable[None]]:
    """The same of the asynchronous face."""

    async def ask(request: Asked) -> None:
        answer = await access.consume(request.account, FEATURE, subject=request.subject, key=request.key)
        require_allowed([answer])

    return ask
