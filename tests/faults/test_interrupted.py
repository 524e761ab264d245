"""Interrupted waits, forked children, and a settler that meets the unforeseen: nobody else is kept from the file."""

import fcntl
import logging
import os
import signal
import threading
import time

import pytest

import spillover
from spillover.access.settler import Settler
from spillover.engine.settlement import Progress
from spillover.model.errors import StoreUnavailable
from spillover.sqlite import Turnstile
from spillover.sqlite.claim import Claim
from tests.faults.test_sqlite_turns import in_child
from tests.support import clock, policy


class TimeUp(Exception):
    """What a signal's handler raises."""


@pytest.fixture
def alarm():
    """Raises TimeUp in this thread after so many seconds."""

    def time_up(*_):
        raise TimeUp

    before = signal.signal(signal.SIGALRM, time_up)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def is_free(path: str) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def until(condition) -> None:
    for _ in range(5000):
        if condition():
            return
        time.sleep(0.001)
    pytest.fail("it never came to that")


@pytest.mark.parametrize("place", ["door", "room"])
def test_an_interrupted_wait_for_a_turn_leaves_the_file_to_others(tmp_path, alarm, place):
    path = str(tmp_path / "a.db")
    held = os.open(f"{path}-{place}", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    turnstile = Turnstile(path)
    alarm(0.02)
    with pytest.raises(TimeUp), turnstile:
        pytest.fail("the lock was not free")
    os.close(held)
    until(lambda: is_free(f"{path}-door") and is_free(f"{path}-room"))
    with turnstile:
        assert not is_free(f"{path}-room")
        assert is_free(f"{path}-door")
    turnstile.close()


def test_an_interruption_just_after_the_turn_was_taken_leaves_the_file_to_others(tmp_path, monkeypatch):
    path = str(tmp_path / "a.db")
    turnstile = Turnstile(path)
    take = turnstile._room.take

    def interrupted():
        take()
        raise KeyboardInterrupt

    monkeypatch.setattr(turnstile._room, "take", interrupted)
    with pytest.raises(KeyboardInterrupt), turnstile:
        pytest.fail("it was interrupted")
    assert is_free(f"{path}-door")
    assert is_free(f"{path}-room")
    turnstile.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_keeps_no_claim(tmp_path):
    path = str(tmp_path / "a.db")
    claim, other = Claim(path, "settler"), Claim(path, "settler")
    assert claim.take()
    go, stop = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(stop)
        os.read(go, 1)
        os._exit(0)
    os.close(go)
    try:
        assert not other.take(), "the child closes its copy and leaves the lock alone"
        claim.release()
        claim.release()
        assert other.take()
        other.release()
    finally:
        os.close(stop)
        os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_childs_copy_of_a_claim_is_closed(tmp_path):
    claim = Claim(str(tmp_path / "a.db"), "settler")
    assert claim.take()
    fd = claim._fd

    def look():
        try:
            os.fstat(fd)
        except OSError:
            return
        os._exit(3)

    assert in_child(look) == 0
    claim.release()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("url", ["memory://", "file"])
def test_a_child_forked_while_another_thread_is_at_work_is_refused_and_can_close(tmp_path, url):
    url = f"sqlite:///{tmp_path}/a.db" if url == "file" else url
    with spillover.connect(url, policy=policy(), clock=clock()) as access:
        access.accounts.put("acme", "plus")

        def within(verb):
            def run():
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(5)
                verb()

            return run

        with access._lock, access._gather._leader:
            for verb in (
                lambda: access.consume("acme", "video.seconds", 1),
                lambda: access.check("acme", "video.seconds", 1),
                lambda: access.consume_many([{"account": "acme", "feature": "chat.messages"}]),
                access.settle,
                access.accounts.list,
            ):
                assert in_child(within(verb)) == 7
            assert in_child(within(access.close)) == 0
        assert access.consume("acme", "video.seconds", 1)


def test_an_interruption_before_a_verb_begins_leaves_nothing_behind(tmp_path):
    class Interrupted:
        def __enter__(self):
            raise KeyboardInterrupt

        def __exit__(self, *_):
            pytest.fail("it was not entered")

    with spillover.connect("memory://", policy=policy(), clock=clock(), settle=False) as access:
        access.accounts.put("acme", "plus")
        lock, access._lock = access._lock, Interrupted()
        with pytest.raises(KeyboardInterrupt):  # and no coroutine that was never awaited, which would be an error here
            access.balance("acme")
        access._lock = lock
        assert access.balance("acme").credits == 0


def test_a_settler_outlives_what_it_did_not_foresee_and_says_so_once(caplog):
    steps, recovered = [], threading.Event()

    def step() -> Progress:
        steps.append(1)
        if len(steps) < 4:
            raise ZeroDivisionError("planted") if len(steps) < 3 else StoreUnavailable("planted too")
        recovered.set()
        return Progress(0, 0, 0)

    settler = Settler(step, lambda: None)
    with caplog.at_level(logging.INFO, "spillover"):
        settler.start()
        until(lambda: settler.trouble is not None)
        assert isinstance(settler.trouble, ZeroDivisionError)
        assert recovered.wait(5)
        until(lambda: settler.trouble is None)
        settler.stop()
    said = [record.getMessage() for record in caplog.records if record.name == "spillover"]
    assert said == [
        "settlement failed and is tried again: ZeroDivisionError: planted",
        "settlement failed and is tried again: StoreUnavailable: planted too",
        "settlement goes on",
    ]


def test_an_open_engine_shows_the_trouble_of_its_settlement(monkeypatch):
    with spillover.connect("memory://", policy=policy(), clock=clock()) as access:
        assert access.trouble is None
        access.accounts.put("acme", "plus")

        async def broken(*_):
            raise ZeroDivisionError("planted")

        monkeypatch.setattr(access._desk.ledger, "settle", broken)
        assert access.consume("acme", "video.seconds", 1)
        until(lambda: isinstance(access.trouble, ZeroDivisionError))
        monkeypatch.undo()
        until(lambda: access.trouble is None)
