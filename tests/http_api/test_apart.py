"""What takes long is done by a process of its own, one at a time, which ends with whoever asked."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from spillover.http_api.apart import Apart
from spillover.http_api.problems import Refused
from spillover.model.errors import BoundExceeded, Fault, StoreUnavailable
from tests.http_api import works
from tests.http_api.served import environment

SECONDS = 30


def until(happens):
    deadline = time.monotonic() + SECONDS
    while not (found := happens()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


async def until_begun(folder):
    """The number of the process."""
    return int(await asyncio.to_thread(until, lambda: (folder / "begun").exists() and (folder / "begun").read_text()))


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as stat:  # ended, and waited for by nobody yet
        return stat.read().rpartition(")")[2].split()[0] == "Z"


def test_a_second_one_is_refused_while_the_first_goes_on_and_is_taken_after_it(tmp_path):
    async def play():
        apart = Apart(works.waits, "a work", SECONDS, "wait", folder=str(tmp_path))
        first = asyncio.create_task(apart.ask(number=1))
        assert await until_begun(tmp_path) != os.getpid()
        with pytest.raises(Refused, match="a work: found one under way") as refused:
            await apart.ask(number=2)
        assert refused.value.name == "busy"
        (tmp_path / "go").touch()
        assert json.loads(await first) == {"folder": str(tmp_path), "number": 1}
        assert json.loads(await apart.ask(number=3))["number"] == 3

    asyncio.run(play())


def test_what_takes_too_long_is_ended_and_says_what_to_do(tmp_path):
    async def play():
        apart = Apart(works.waits, "a work", 2, "ask for less", folder=str(tmp_path))
        with pytest.raises(BoundExceeded, match="seconds of a work: found 3, expected at most 2; ask for less"):
            await apart.ask()
        until(lambda: not (tmp_path / "begun").exists() or is_gone(int((tmp_path / "begun").read_text())))

    asyncio.run(play())


def test_closing_ends_what_is_under_way_and_begins_nothing_more(tmp_path):
    async def play():
        apart = Apart(works.waits, "a work", SECONDS, "wait", folder=str(tmp_path))
        asked = asyncio.create_task(apart.ask())
        pid = await until_begun(tmp_path)
        apart.close()
        with pytest.raises(Fault):
            await asked
        assert is_gone(pid)
        with pytest.raises(StoreUnavailable):
            await apart.ask()

    asyncio.run(play())


def test_closing_ends_what_is_just_being_started(tmp_path):
    async def play():
        apart = Apart(works.waits, "a work", SECONDS, "wait", folder=str(tmp_path))
        asked = asyncio.create_task(apart.ask())
        await asyncio.sleep(0)  # it is being started: there is no process yet to be ended
        assert apart._process is None
        apart.close()
        with pytest.raises(Fault):
            await asked

    asyncio.run(play())


def test_it_ends_with_whoever_asked_however_that_one_ends(tmp_path):
    asker = subprocess.Popen([sys.executable, "-m", "tests.http_api.works", str(tmp_path)], env=environment())
    try:
        pid = int(until(lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text()))
        assert not is_gone(pid)
    finally:
        asker.send_signal(signal.SIGKILL)
        asker.wait()
    until(lambda: is_gone(pid))


def test_what_the_work_refuses_is_refused_in_its_words():
    async def play():
        with pytest.raises(Refused, match="account: found 'nobody', expected one that was created") as refused:
            await Apart(works.refuses, "a work", SECONDS, "wait").ask()
        assert (refused.value.name, refused.value.field) == ("unknown-name", "account")

    asyncio.run(play())


@pytest.mark.parametrize(("work", "logged"), [(works.breaks, "what nobody foresaw"), (works.dies, "enough memory")])
def test_what_the_work_fails_at_is_a_fault_that_only_the_log_tells(work, logged, caplog):
    async def play():
        with pytest.raises(Fault) as fault:
            await Apart(work, "a work", SECONDS, "wait").ask()
        assert logged not in str(fault.value)

    asyncio.run(play())
    assert logged in caplog.text
