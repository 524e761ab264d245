"""Threads that share commits: an interrupted one takes nothing of the others with it, one that waits too long is told
that it was not begun, and a forked child is refused."""

from __future__ import annotations

import linecache
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from spillover.access import gather as gathering
from spillover.access.gather import Gather
from spillover.model.errors import Contended, Overloaded, StoreUnavailable


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


GIVING_BACK = ("with ", "finally:", "try:  #", ".release()")


@contextmanager
def led(gather: Gather) -> Iterator[None]:
    """Another thread has the lead meanwhile, and decides nothing."""
    leads, go = Event(), Event()

    def hold() -> None:
        with gather._leader:
            leads.set()
            go.wait(5)

    holder = Thread(target=hold, daemon=True)
    holder.start()
    leads.wait(5)
    try:
        yield
    finally:
        go.set()
        holder.join(5)


def interrupting(number: int, counted: list[int]):
    """A trace that raises KeyboardInterrupt at the line of that number, whatever it is.

    But where a lock is given back: Python handles no signal between a block and the release of its lock.
    """

    def trace(frame, event, _):
        if frame.f_code.co_filename != gathering.__file__:
            return None
        line = linecache.getline(gathering.__file__, frame.f_lineno)
        if event == "line" and not any(word in line for word in GIVING_BACK):
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
        with led(gather):  # both are in the queue when the first begins to serve
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
    with led(gather):
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
        with led(gather):
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
    with led(gather):
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


class Store:
    """Decides when it is told to: each batch waits for a `go` of its own."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.goes = [Event() for _ in range(8)]

    def decide(self, asks):
        number = len(self.batches)
        self.batches.append(list(asks))
        assert self.goes[number].wait(5), f"batch {number} was never let go"
        return [f"{ask} answered" for ask in asks]

    def has_begun(self, number: int) -> None:
        until(lambda: len(self.batches) > number)


def test_a_caller_whose_batch_does_not_begin_in_time_is_told_so_and_is_not_decided():
    store = Store()
    gather = Gather(store.decide, deadline=0.02)
    first = Caller(gather, "first")
    store.has_begun(0)
    late = Caller(gather, "late").result()
    assert isinstance(late, Overloaded)
    assert "was not begun: send it again under the same key" in str(late)
    assert [ticket.ask for ticket in gather._waiting] == ["first"], "who left stands in the queue no more"
    store.goes[0].set()
    assert first.result() == "first answered"
    assert store.batches == [["first"]]


def test_no_deadline_ends_a_batch_that_has_begun_not_even_for_who_does_not_lead_it():
    store = Store()
    gather = Gather(store.decide, deadline=5)
    first = Caller(gather, "first")
    store.has_begun(0)
    gather._deadline = 1.0
    begun = [Caller(gather, name) for name in ("second", "third")]
    until(lambda: len(gather._waiting) == 3)
    store.goes[0].set()
    store.has_begun(1)
    assert set(store.batches[1]) == {"second", "third"}
    assert isinstance(Caller(gather, "fourth").result(), Overloaded), "its deadline is later than that of those begun"
    assert all(caller.is_alive() for caller in begun)
    store.goes[1].set()
    assert [first.result(), *(caller.result() for caller in begun)] == [
        f"{name} answered" for name in ("first", "second", "third")
    ]


def test_a_caller_who_finds_too_many_waiting_is_refused_at_once():
    store = Store()
    gather = Gather(store.decide, waiting_max=2)
    callers = [Caller(gather, "first")]
    store.has_begun(0)
    callers.append(Caller(gather, "second"))
    until(lambda: len(gather._waiting) == 2)
    with pytest.raises(Overloaded, match="found 2 requests waiting, expected fewer than that; this request was not"):
        gather.submit("third")  # type: ignore[arg-type]
    for number in (0, 1):
        store.goes[number].set()
    assert [caller.result() for caller in callers] == ["first answered", "second answered"]
    assert store.batches == [["first"], ["second"]]


@pytest.mark.parametrize("admits", [True, False])
def test_what_was_not_begun_is_answered_otherwise_or_raised(admits):
    store = Store()

    def instead(asks, failures):
        return [f"{ask} admitted" for ask in asks] if admits else list(failures)

    gather = Gather(store.decide, deadline=0.02, waiting_max=2, instead=instead)
    first = Caller(gather, "first")
    store.has_begun(0)
    late = Caller(gather, "late").result()
    waiting = Caller(gather, "waiting")
    until(lambda: len(gather._waiting) == 2 or not waiting.is_alive())
    gather._waiting_max = 1
    refused = Caller(gather, "refused").result()
    if admits:
        assert (late, refused) == ("late admitted", "refused admitted")
    else:
        assert isinstance(late, Overloaded)
        assert isinstance(refused, Overloaded)
    store.goes[0].set()
    assert first.result() == "first answered"
    assert "late" not in [ask for batch in store.batches for ask in batch]
    store.goes[1].set()
    waiting.result()


def test_a_thread_interrupted_after_it_waited_too_long_leaves_the_others_their_answers():
    number, finished = 0, False
    while not finished:
        number += 1
        gather, counted = Gather(lambda asks: [f"{ask} answered" for ask in asks], deadline=0.001), [0]  # type: ignore[misc,arg-type]
        with led(gather):
            late = Caller(gather, "late", interrupting(number, counted)).result()
        finished = isinstance(late, Overloaded)
        assert finished == (counted[0] < number), f"its line {number}: {late!r}"
        assert Caller(gather, "later").result() == "later answered"
        assert not gather._waiting
    assert number > 15, "so many lines were tried"
