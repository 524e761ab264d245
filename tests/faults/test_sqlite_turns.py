"""Turns at a file, and children that were forked: who waits is next, and nobody holds a lock that is not theirs."""

import os
import threading
import time

import pytest

from spillover.model.errors import StoreUnavailable
from spillover.sqlite import Turnstile
from spillover.stores.sqlite import SQLiteHotStore
from tests.conformance.support import Hot, add, grant, kinds


def in_child(action) -> int:
    child = os.fork()
    if child == 0:
        try:
            action()
        except StoreUnavailable as refused:
            os._exit(7 if "forked" in str(refused) else 8)
        except BaseException:
            os._exit(9)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_is_refused_and_does_no_harm(tmp_path):
    hot = Hot(SQLiteHotStore(tmp_path / "a.db"))
    hot.commit(grant(add("a", 1)))
    for use in (lambda: hot.load(1), lambda: hot.commit(grant()), hot.read, lambda: hot.acknowledge(hot.read())):
        assert in_child(use) == 7
    assert in_child(hot.close) == 0
    assert in_child(lambda: SQLiteHotStore(tmp_path / "a.db")) == 7
    assert kinds(hot.commit(grant(add("a", 1)))) == "c"
    hot.close()
    assert in_child(lambda: Hot(SQLiteHotStore(tmp_path / "a.db")).commit(grant(add("a", 1), key="child"))) == 0
    assert Hot(SQLiteHotStore(tmp_path / "a.db")).values(1, "a") == (3,)


def test_a_turn_waits_in_line_gives_up_in_time_and_leaves_no_lock_behind(tmp_path):
    path = str(tmp_path / "a.db")
    first, second, third = Turnstile(path), Turnstile(path, wait_s=0.05), Turnstile(path)
    with first:
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="ahead for more than"), second:
                pytest.fail("two in the room")
    for turnstile in (third, second, first):
        with turnstile:
            pass
    for turnstile in (first, second, third):
        turnstile.close()
        turnstile.close()


def test_who_waits_is_next_however_quickly_another_comes_back(tmp_path):
    path, order = str(tmp_path / "a.db"), []
    waiting, quick = Turnstile(path), Turnstile(path)

    def wait_once() -> None:
        with waiting:
            order.append("waiting")

    for _ in range(20):
        with quick:
            thread = threading.Thread(target=wait_once)
            thread.start()
            time.sleep(0.01)  # until it stands in line
        with quick:
            order.append("quick")
        thread.join()
    assert order == ["waiting", "quick"] * 20
    waiting.close()
    quick.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_inside_a_turn_does_not_hold_the_lock(tmp_path):
    path = str(tmp_path / "a.db")
    first, second = Turnstile(path), Turnstile(path, wait_s=0.5)
    held, release = os.pipe(), os.pipe()
    parent = os.fork()
    if parent == 0:  # takes the turn, forks a child that lives on, and dies inside
        with first:
            if os.fork() == 0:
                os.read(release[0], 1)
                os._exit(0)
            os.write(held[1], b"x")
            os._exit(0)
    os.waitpid(parent, 0)
    os.read(held[0], 1)
    try:
        with second:
            pass
    finally:
        os.write(release[1], b"x")
