"""One timer for all bodies: who is late is ended and says so, and nobody else is."""

import asyncio

import pytest

from spillover.http_api.rsgi import Deadlines


async def waiting(deadlines, event):
    """As a body is read. "late", or what came of it."""
    task = deadlines.begin()
    try:
        await event.wait()
        return "came"
    except asyncio.CancelledError:
        if deadlines.end(task):
            return f"late, {asyncio.current_task().cancelling()} left"
        raise
    finally:
        deadlines.end(task)


def test_who_waits_too_long_is_late_and_goes_on_uncancelled():
    async def play():
        deadlines = Deadlines(0.02)
        return await asyncio.gather(*(waiting(deadlines, asyncio.Event()) for _ in range(3)))

    assert asyncio.run(play()) == ["late, 0 left"] * 3


def test_what_came_in_time_is_not_ended_afterwards():
    async def play():
        deadlines, event = Deadlines(0.02), asyncio.Event()
        event.set()
        assert await waiting(deadlines, event) == "came"
        return await waiting(deadlines, asyncio.Event())  # the same task: only its second wait is late

    assert asyncio.run(play()) == "late, 0 left"


def test_a_task_that_somebody_else_cancels_is_not_taken_for_late():
    async def play():
        deadlines = Deadlines(60)
        task = asyncio.create_task(waiting(deadlines, asyncio.Event()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not deadlines._until
        assert not deadlines._late

    asyncio.run(play())
