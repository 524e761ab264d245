"""`async with access.hold(...)`: streams never wait, and whatever becomes of the task, its use is charged once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from threading import Event

import pytest

import spillover
from spillover.access.hold_async import TRIES_MAX, through
from spillover.model.errors import Denied, HoldEnded
from tests.engine.houses import URLS, clock, policy, url_of

TOKENS, SECONDS = "codex.tokens", "sora.seconds"
PATIENCE_S = 5


class Broken(Exception):
    """What the work fails with."""


def story(tell: Callable[[spillover.AsyncAccess], Awaitable[None]], url: str = "memory://") -> spillover.Access:
    async def run() -> None:
        async with spillover.connect_async(url, policy=policy(), clock=clock(), settle=False) as access:
            await access.accounts.put("acme", "plus")
            await access.credits.add("acme", "1", key="bought")
            await asyncio.wait_for(tell(access), PATIENCE_S)
            assert await access.holds.list("acme") == ()

    asyncio.run(run())


async def left(access: spillover.AsyncAccess) -> int:
    return (await access.balance("acme")).credits


async def broken(hold) -> None:
    async with hold:
        hold.report(output=1)
        raise Broken


@pytest.mark.parametrize("url", URLS)
def test_an_event_loops_hold_commits_reported_or_exact_or_releases(url, tmp_path):
    async def tell(access: spillover.AsyncAccess) -> None:
        async with access.hold("acme", TOKENS, key="h", estimate={"output": 100}, attributes={"team": "blue"}) as hold:
            hold.report(output=3)
        assert (hold.ending.charged, hold.ending.estimated, hold.key) == (30, True, "h")
        async with access.hold("acme", TOKENS) as hold:
            hold.report(output=3)
            hold.exact(output=5, input=1)
        assert (hold.ending.charged, hold.ending.estimated) == (51, False)
        async with access.hold("acme", TOKENS) as hold:
            pass
        assert hold.ending.kind == "release"
        hold = access.hold("acme", TOKENS)
        with pytest.raises(Broken):
            await broken(hold)
        assert hold.ending.charged == 10
        with pytest.raises(Denied):
            async with access.hold("acme", TOKENS, {"output": 200_000}):
                pytest.fail("it is not entered")
        with pytest.raises(HoldEnded, match="committed"):
            async with access.hold("acme", TOKENS, key="h", estimate={"output": 100}, attributes={"team": "blue"}):
                pytest.fail("it is not entered")
        assert await left(access) == 1_000_000 - 30 - 51 - 10

    story(tell, url_of(url, tmp_path))


@pytest.mark.parametrize("passed", range(12))
def test_work_that_is_cancelled_at_any_point_is_committed_and_the_cancellation_told(passed):
    async def tell(access: spillover.AsyncAccess) -> None:
        holds, begun = [], asyncio.Event()

        async def work() -> None:
            holds.append(access.hold("acme", TOKENS, {"output": 100}))
            async with holds[0] as hold:
                hold.report(output=3)
                begun.set()
                await asyncio.sleep(0)

        task = asyncio.create_task(work())
        if passed > 5:
            await begun.wait()
        for _ in range(passed % 6):
            await asyncio.sleep(0)
        done = task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert done or task.cancelled()
        charged = 30 if holds and holds[0].reported else 0
        assert await left(access) == 1_000_000 - charged
        assert not charged or holds[0].ending.charged == 30

    story(tell)


def test_a_hold_is_committed_though_all_tasks_are_cancelled_as_at_the_end_of_a_loop():
    async def tell(access: spillover.AsyncAccess) -> None:
        before = asyncio.all_tasks()
        holds = [access.hold("acme", TOKENS, {"output": 100}, key=f"{number}") for number in range(3)]

        async def work(hold) -> None:
            async with hold:
                hold.report(output=3)
                await asyncio.Event().wait()

        tasks = [asyncio.create_task(work(hold)) for hold in holds]
        while not all(hold.reported for hold in holds):
            await asyncio.sleep(0)
        for _ in range(2):
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                if task not in before:
                    task.cancel()
            await asyncio.sleep(0)
        assert all(
            isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True)
        )
        assert [hold.ending.charged for hold in holds] == [30, 30, 30]

    story(tell)


def test_a_timeout_around_a_stream_commits_what_came_before_it():
    async def tell(access: spillover.AsyncAccess) -> None:
        hold = access.hold("acme", TOKENS)

        async def work() -> None:
            async with asyncio.timeout(None) as limit, hold:
                hold.report(output=3)
                limit.reschedule(asyncio.get_running_loop().time())
                await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            await work()
        assert hold.ending.charged == 30

    story(tell)


def test_reports_never_wait_and_one_extension_at_a_time_is_under_way(monkeypatch):
    entered, go = Event(), Event()

    async def tell(access: spillover.AsyncAccess) -> None:
        extend, under_way, most, calls = access.holds.extend, [0], [0], [0]

        async def watched(*args, **options):
            calls[0] += 1
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            entered.set()
            await asyncio.get_running_loop().run_in_executor(None, go.wait, PATIENCE_S)
            try:
                return await extend(*args, **options)
            finally:
                under_way[0] -= 1

        monkeypatch.setattr(access.holds, "extend", watched)
        async with access.hold("acme", TOKENS, {"output": 10}) as hold:
            for _ in range(1000):
                hold.report(output=1)
            await asyncio.get_running_loop().run_in_executor(None, entered.wait, PATIENCE_S)
            for _ in range(1000):
                hold.report(output=1)
            assert calls == [1]
            go.set()
            while (await access.holds.list("acme"))[0].usage["output"] < 2000:
                await asyncio.sleep(0)
        assert (most, hold.ending.charged) == ([1], 20_000)
        assert calls[0] <= 3

    story(tell)


def test_the_end_does_not_wait_for_an_extension_that_is_under_way(monkeypatch):
    async def tell(access: spillover.AsyncAccess) -> None:
        async def endless(*args, **options):
            await asyncio.Event().wait()

        monkeypatch.setattr(access.holds, "extend", endless)
        async with access.hold("acme", TOKENS, {"output": 10}) as hold:
            hold.report(output=100)
            await asyncio.sleep(0)
        assert hold.ending.charged == 1000
        await asyncio.sleep(0)
        assert hold._extending.cancelled(), "no task is left behind"

    story(tell)


@pytest.mark.parametrize(("feature", "estimate", "stops"), [(SECONDS, 11, True), (TOKENS, {"output": 90_000}, False)])
def test_a_stream_that_is_short_stops_at_the_next_report_or_finishes(feature, estimate, stops):
    async def tell(access: spillover.AsyncAccess) -> None:
        count = {"seconds": 10} if stops else {"output": 80_000}
        with suppress(Denied):
            async with access.hold("acme", feature, estimate) as hold:
                hold.report(**count)
                while hold.trouble is None:
                    await asyncio.sleep(0)
                assert isinstance(hold.trouble, Denied)
                hold.report(**count)
                assert not stops
        assert hold.ending.granted == (20 if stops else 1_600_000)

    story(tell)


def test_what_is_to_be_done_to_the_end_is_begun_again_a_bounded_number_of_times():
    async def run() -> None:
        begun = [0]

        async def work() -> None:
            begun[0] += 1
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await through(work)
        assert begun == [TRIES_MAX]

        async def fails() -> None:
            raise Broken

        with pytest.raises(Broken):
            await through(fails)

    asyncio.run(run())
