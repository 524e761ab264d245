"""Threads that share commits: an interrupted one takes nothing of the others with it, and a forked child is refused."""

from __future__ import annotations

import linecache
import os
import signal
import sys
from threading import Event, Thread

import pytest

from spillover.access import gather as gathering
from spillover.access.gather import Gather
from spillover.model.errors import Contended, StoreUnavailable


class TimeUp(Exception):
    """What a signal's handler raises."""


class Caller(Thread):
    """A thread that submits one request; `trace` is called for each line that it runs of the gathering."""

    def __init__(self, gather: Gather, ask: str, trace=None) -> None:
        super().__init__(daemon=True)
        self.gather, self.ask, self.trace = gather, ask, trace
        self.got: object = None
        self.start()

    def run(self) -> None:
        try:
            if self.trace:
                sys.settrace(self.trace)
            self.got = self.gather.submit(self.ask)  # type: ignore[arg-type]
        except BaseException as failure:
            self.got = failure

    def result(self) -> object:
        self.join(5)
        assert not self.is_alive(), f"{self.ask} hangs"
        return self.got


def until(condition) -> None:
    """Wait for what another thread is about to do."""
    pause = Event()
    for _ in range(5000):
        if condition():
            return
        pause.wait(0.001)
    pytest.fail("it never came to that")


def interrupting(number: int, counted: list[int]):
    """A trace that raises KeyboardInterrupt at the line of that number, whatever it is.

    But where `with` gives the lock back: Python handles no signal between a block and the release of its lock.
    """

    def trace(frame, event, _):
        if frame.f_code.co_filename != gathering.__file__:
            return None
        if event == "line" and "with " not in linecache.getline(gathering.__file__, frame.f_lineno):
            counted[0] += 1
            if counted[0] == number:
                raise KeyboardInterrupt
        return trace

    return trace


def test_a_thread_interrupted_at_any_line_leaves_the_others_their_answers():
    number, finished = 0, False
    while not finished:
        number += 1
        gather, counted = Gather(lambda asks: [f"{ask} answered" for ask in asks]), [0]  # type: ignore[misc,arg-type]
        with gather._leader:  # both are in the queue when the first begins to serve
            first = Caller(gather, "first", interrupting(number, counted))
            until(lambda first=first, gather=gather: gather._waiting or not first.is_alive())
            queued = len(gather._waiting)
            second = Caller(gather, "second")
            until(lambda gather=gather, queued=queued: len(gather._waiting) > queued)
        finished = first.result() == "first answered"
        assert finished == (counted[0] < number)
        assert second.result() == "second answered", f"the first was interrupted at its line {number}"
        assert Caller(gather, "later").result() == "later answered"
        assert not gather._waiting
    assert number > 12, "whoever of the two serves first, so many lines were tried"


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), TimeUp()])
def test_what_is_raised_in_the_leader_alone_is_not_raised_in_other_threads(failure):
    leading, go, seen = Event(), Event(), []

    def decide(asks):
        seen.append(list(asks))
        if len(seen) == 1:
            leading.set()
            go.wait(5)
            raise failure
        return [f"{ask} answered" for ask in asks]

    gather = Gather(decide)
    leader = Caller(gather, "leader")
    leading.wait(5)
    others = [Caller(gather, f"other {number}") for number in range(3)]
    until(lambda: len(gather._waiting) == 4)
    go.set()
    assert leader.result() is failure
    assert [other.result() for other in others] == [f"other {number} answered" for number in range(3)]


def test_what_kept_a_whole_batch_from_being_decided_is_raised_in_each_of_its_threads():
    def decide(asks):
        raise Contended("planted")

    gather = Gather(decide)
    with gather._leader:
        callers = [Caller(gather, f"{number}") for number in range(3)]
        until(lambda: len(gather._waiting) == 3)
    assert all(isinstance(caller.result(), Contended) for caller in callers)


def test_a_thread_interrupted_while_it_waits_is_not_decided():
    seen: list[str] = []

    def decide(asks):
        seen.extend(asks)
        return list(asks)

    def time_up(*_):
        raise TimeUp

    gather = Gather(decide)
    before = signal.signal(signal.SIGALRM, time_up)
    try:
        with gather._leader:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(TimeUp):
                gather.submit("left")  # type: ignore[arg-type]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert gather.submit("stayed") == "stayed"  # type: ignore[arg-type,comparison-overlap]
    assert seen == ["stayed"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_while_another_thread_decides_is_refused_and_does_not_hang():
    gather = Gather(list)  # type: ignore[arg-type]
    with gather._leader:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(3)
            try:
                gather.submit("child")  # type: ignore[arg-type]
            except StoreUnavailable as refused:
                os._exit(7 if "after the fork" in str(refused) else 8)
            except BaseException:
                os._exit(9)
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
