"""Settlement in steps: others get their turns between, it ends, and it says what it did."""

from __future__ import annotations

import asyncio
import threading

import pytest

import spillover
from spillover.engine.settlement import BATCH_MAX, Progress, Settling, settle_all
from tests.support import clock, policy

MANY = 3 * BATCH_MAX


@pytest.fixture(params=["memory", "file"])
def access(request, tmp_path):
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/a.db"
    with spillover.connect(url, policy=policy(), durability="fast", clock=clock(), settle=False) as engine:
        engine.accounts.put("acme", "plus")
        engine.credits.add("acme", "1000", key="gift")
        yield engine


def fill(access: spillover.Access, count: int) -> None:
    request = {"account": "acme", "feature": "chat.tokens", "usage": {"input": 1}}
    assert all(isinstance(answer, spillover.Decision) and answer for answer in access.consume_many([request] * count))


def test_settling_takes_the_lock_for_each_step_only(access, monkeypatch):
    fill(access, MANY)
    between: list[bool] = []

    def look(_seconds):
        between.append(access._lock.acquire(blocking=False))
        if between[-1]:
            access._lock.release()

    monkeypatch.setattr("spillover.access.plain.time.sleep", look)
    assert access.settle().done == MANY + 2
    assert between == [True] * 4


def test_settling_ends_though_others_go_on_deciding(access, monkeypatch):
    turning = access._desk.clock
    fill(access, BATCH_MAX)
    rounds: list[int] = []

    def others(_seconds):
        rounds.append(1)
        assert len(rounds) < 20, "it never ends"
        later = turning() + 3000
        monkeypatch.setattr(access._desk.deciding, "_clock", lambda: later)
        fill(access, BATCH_MAX)

    monkeypatch.setattr("spillover.access.plain.time.sleep", others)
    done = access.settle().done
    assert BATCH_MAX + 2 <= done <= 3 * BATCH_MAX
    assert len(rounds) <= 3


def test_settling_ends_when_a_stream_does_not_forget(access, monkeypatch):
    fill(access, 5)
    desk = access._desk

    async def forgetful(_entries):
        return None

    monkeypatch.setattr(desk.store, "acknowledge", forgetful)
    finished: list[Progress] = []
    worker = threading.Thread(target=lambda: finished.append(access.settle()), daemon=True)
    worker.start()
    worker.join(5)
    assert not worker.is_alive()
    assert finished == [Progress(7, 0, 0)]
    assert asyncio.run(settle_all(desk.store, desk.ledger)) == Progress(7, 0, 0)


def test_a_step_says_whether_it_is_past_an_instant(access):
    fill(access, 1)
    settling, now = Settling(access._desk.store, access._desk.ledger), access._desk.clock()
    assert not settling.is_past(0), "nothing was seen yet"
    access.run(settling.step())
    assert settling.is_past(now - 1)
    assert not settling.is_past(now)


def test_reports_do_not_wait_for_who_decides(access):
    fill(access, 3)
    access.settle()
    expected, found = access.usage("acme"), access.run(access._desk.account("acme"))
    seen: list[object] = []

    def report():
        seen.append(access.accounts.list().rows[0].name)
        seen.append(access.look(access._desk.ledger.usage(found)))

    worker = threading.Thread(target=report, daemon=True)
    with access._lock:
        worker.start()
        worker.join(5)
        assert not worker.is_alive()
    assert seen == ["acme", expected]


def test_a_short_program_leaves_its_decisions_booked(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    with spillover.connect(url, policy=policy()) as access:
        access.accounts.put("acme", "plus")
        assert access.consume("acme", "video.seconds", 1)
    with spillover.connect(url, settle=False) as access:
        assert [row.requests for row in access.usage("acme").rows] == [1]
