"""Callers of an event loop: whoever is cancelled, the others are answered; a closed engine says that it is closed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

import spillover
from spillover.access.gather_async import AsyncGather
from spillover.model.errors import InvalidInput, Overloaded, StoreUnavailable
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


def test_a_full_queue_refuses_at_once_and_serves_who_waits_though_the_serving_task_was_cancelled():
    async def run() -> None:
        with ThreadPoolExecutor(1) as worker:
            gather = AsyncGather(list, worker, waiting_max=2)  # type: ignore[arg-type]
            tasks = [asyncio.create_task(gather.submit(f"{number}")) for number in range(9)]  # type: ignore[arg-type]
            await turns(1)
            assert gather._serving
            gather._serving.cancel()
            tasks[0].cancel()
            answers = await asyncio.wait_for(asyncio.gather(*tasks[1:], return_exceptions=True), PATIENCE_S)
            assert answers[0] == "1"
            assert all(isinstance(answer, Overloaded) and "not begun" in str(answer) for answer in answers[1:])
            assert await gather.submit("later") == "later"  # type: ignore[arg-type,comparison-overlap]

    asyncio.run(run())


class Store:
    """Decides when it is told to: each batch waits for a `go` of its own."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.goes = ([Event() for _ in range(4)] for _ in range(2))

    def decide(self, asks):
        number = len(self.batches)
        self.batches.append(list(asks))
        self.begun[number].set()
        assert self.goes[number].wait(PATIENCE_S), f"batch {number} was never let go"
        return list(asks)

    async def has_begun(self, number: int) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.begun[number].wait, PATIENCE_S)


def test_a_caller_whose_group_does_not_begin_in_time_is_told_so_and_is_not_decided():
    async def run() -> None:
        store = Store()
        with ThreadPoolExecutor(1) as worker:
            gather = AsyncGather(store.decide, worker, deadline=0.02)
            first = asyncio.create_task(gather.submit("first"))  # type: ignore[arg-type]
            await store.has_begun(0)
            late = [asyncio.create_task(gather.submit(f"late {number}")) for number in range(3)]  # type: ignore[arg-type]
            for answer in await asyncio.wait_for(asyncio.gather(*late, return_exceptions=True), PATIENCE_S):
                assert isinstance(answer, Overloaded)
                assert "found 3 requests waiting and no turn within 0.02 s" in str(answer)
            assert not first.done(), "no deadline ends what has begun"
            store.goes[0].set()
            assert await first == "first"  # type: ignore[comparison-overlap]
            await gather.drain()
            assert store.batches == [["first"]]

    asyncio.run(run())


def test_a_group_that_had_begun_is_not_called_not_begun_though_its_serving_task_was_cancelled():
    async def run() -> None:
        store = Store()
        with ThreadPoolExecutor(1) as worker:
            gather = AsyncGather(store.decide, worker, deadline=0.02)
            begun = asyncio.create_task(gather.submit("begun"))  # type: ignore[arg-type]
            await store.has_begun(0)
            with pytest.raises(Overloaded):  # its deadline is later than that of the one begun
                await asyncio.wait_for(gather.submit("late"), PATIENCE_S)  # type: ignore[arg-type]
            assert gather._serving
            gather._serving.cancel()
            await turns(1)
            gather._expire()
            await turns(2)
            assert not begun.done()
            for go in store.goes:
                go.set()
            assert await begun == "begun"  # type: ignore[comparison-overlap]
            assert store.batches[-1] == ["begun"]

    asyncio.run(run())


@pytest.mark.parametrize("admits", [True, False])
def test_what_was_not_begun_is_answered_otherwise_or_raised(admits):
    async def run() -> None:
        store, deciding = Store(), []

        def instead(asks, failures):
            deciding.append(threading.current_thread().name)
            return [f"{ask} admitted" for ask in asks] if admits else list(failures)

        with ThreadPoolExecutor(1, thread_name_prefix="deciding") as worker:
            gather = AsyncGather(store.decide, worker, waiting_max=200, deadline=0.05, instead=instead)
            first = asyncio.create_task(gather.submit("first"))  # type: ignore[arg-type]
            await store.has_begun(0)
            late = [asyncio.create_task(gather.submit(f"{number}")) for number in range(201)]  # type: ignore[arg-type]
            answers = await asyncio.wait_for(asyncio.gather(*late, return_exceptions=True), PATIENCE_S)
            if admits:
                assert answers == [f"{number} admitted" for number in range(201)]
            else:
                assert all(isinstance(answer, Overloaded) for answer in answers)
            assert not any(name.startswith("deciding") for name in deciding), "that thread is the one which is late"
            assert threading.main_thread().name not in deciding, "the loop never waits"
            store.goes[0].set()
            await first
            await gather.drain()

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
