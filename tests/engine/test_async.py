"""Callers of an event loop: whoever is cancelled, the others are answered; a closed engine says that it is closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

import spillover
from spillover.access.gather_async import AsyncGather
from spillover.model.errors import InvalidInput, StoreUnavailable
from tests.support import clock, policy

PATIENCE_S = 5


def story(tell: Callable[[spillover.AsyncAccess], Awaitable[None]], url: str = "memory://") -> None:
    async def run() -> None:
        async with spillover.connect_async(url, policy=policy(), clock=clock(), settle=False) as access:
            await access.accounts.put("acme", "plus")
            await asyncio.wait_for(asyncio.ensure_future(tell(access)), PATIENCE_S)

    asyncio.run(run())


def consume(access: spillover.AsyncAccess, key: str) -> asyncio.Task[spillover.Decision]:
    return asyncio.create_task(access.consume("acme", "video.seconds", 1, key=key))


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("passed", range(4))
def test_after_all_tasks_were_cancelled_the_next_request_is_answered(passed):
    async def tell(access: spillover.AsyncAccess) -> None:
        cancelled = consume(access, "a")
        await turns(passed)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if task is cancelled or "_serve" in repr(task):
                task.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert await consume(access, "b")

    story(tell)


@pytest.mark.parametrize("passed", range(1, 6))
def test_who_waits_is_answered_though_the_serving_task_was_cancelled(passed):
    async def tell(access: spillover.AsyncAccess) -> None:
        waiting = [consume(access, f"{number}") for number in range(3)]
        await turns(passed)
        if access._gather._serving:
            access._gather._serving.cancel()
        assert all(await asyncio.gather(*waiting))
        assert (await access.explain("acme", "video.seconds", 1)).decision, "each was charged once"

    story(tell)


def test_a_caller_who_left_before_its_group_began_is_not_decided():
    async def run() -> None:
        entered, go, seen = Event(), Event(), []

        def decide(asks):
            seen.extend(asks)
            entered.set()
            go.wait(PATIENCE_S)
            return list(asks)

        with ThreadPoolExecutor(1) as worker:
            gather = AsyncGather(decide, worker)
            first = asyncio.create_task(gather.submit("first"))  # type: ignore[arg-type]
            await asyncio.get_running_loop().run_in_executor(None, entered.wait, PATIENCE_S)
            left, stayed = (asyncio.create_task(gather.submit(name)) for name in ("left", "stayed"))  # type: ignore[arg-type]
            await turns(2)
            left.cancel()
            go.set()
            assert [await first, await stayed] == ["first", "stayed"]
            assert seen == ["first", "stayed"]

    asyncio.run(run())


def test_a_full_queue_lets_everyone_in_though_the_serving_task_was_cancelled():
    async def run() -> None:
        with ThreadPoolExecutor(1) as worker:
            gather = AsyncGather(list, worker, waiting_max=2)  # type: ignore[arg-type]
            tasks = [asyncio.create_task(gather.submit(f"{number}")) for number in range(9)]  # type: ignore[arg-type]
            await turns(1)
            assert gather._serving
            gather._serving.cancel()
            tasks[0].cancel()
            tasks[1].cancel()
            answers = await asyncio.wait_for(asyncio.gather(*tasks[2:]), PATIENCE_S)
            assert answers == [f"{number}" for number in range(2, 9)]

    asyncio.run(run())


def test_a_closed_engine_says_so_and_closing_again_is_safe():
    async def run() -> None:
        access = await spillover.connect_async("memory://", policy=policy(), clock=clock())
        await access.accounts.put("acme", "plus")
        waiting = [consume(access, f"{number}") for number in range(3)]
        await turns(1)
        await access.close()
        assert all(await asyncio.gather(*waiting)), "who waited was answered"
        for verb in (
            access.consume("acme", "video.seconds", 1),
            access.accounts.list(),
            access.settle(),
            access.credits.add("acme", "1", key="k"),
        ):
            with pytest.raises(StoreUnavailable, match="closed"):
                await verb
        await access.close()

    asyncio.run(run())


def test_a_long_report_keeps_no_request_waiting(monkeypatch, tmp_path):
    entered, go = Event(), Event()

    async def tell(access: spillover.AsyncAccess) -> None:
        ledger = access._access._desk.ledger
        usage = ledger.usage

        async def slow(*args, **options):
            entered.set()
            go.wait(PATIENCE_S)
            return await usage(*args, **options)

        monkeypatch.setattr(ledger, "usage", slow)
        report = asyncio.create_task(access.usage("acme"))
        await asyncio.get_running_loop().run_in_executor(None, entered.wait, PATIENCE_S)
        began = time.monotonic()
        assert await consume(access, "k")
        assert time.monotonic() - began < PATIENCE_S / 2
        go.set()
        assert not (await report).rows

    story(tell, f"sqlite:///{tmp_path}/a.db")


def test_bad_questions_are_refused_in_the_same_words():
    async def tell(access: spillover.AsyncAccess) -> None:
        assert access.trouble is None
        with pytest.raises(InvalidInput, match="limit"):
            await access.statement("acme", limit="5")  # type: ignore[arg-type]

    story(tell)
