"""A server that does not answer is left alone for a stated time, and tried for a short one."""

from __future__ import annotations

import pytest

from spillover.stores.valkey.doubts import Doubts

NODE = ("127.0.0.1", 7001)


class Watch:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def doubts(watch: Watch) -> Doubts:
    return Doubts(watch)


def test_a_silent_server_rests_five_times_as_long_as_a_try_may_last_and_two_seconds_at_most(doubts, watch):
    told = []
    for _ in range(6):
        doubts.failed(NODE, "no answer", silent=True)
        rest = 5 * doubts.try_ms(NODE, writes=True) / 1000
        watch.now += rest - 0.001
        assert doubts.resting(NODE, writes=True) == "no answer"
        watch.now += 0.002
        assert doubts.resting(NODE, writes=True) is None
        assert doubts.has(NODE), "it is tried, and not waited for"
        told.append((doubts.try_ms(NODE, writes=True), rest))
    assert told == [(50, 0.25), (100, 0.5), (200, 1.0), (400, 2.0), (400, 2.0), (400, 2.0)]


def test_one_that_refuses_at_once_is_asked_each_time_and_not_waited_for(doubts):
    doubts.failed(NODE, "refused", silent=False)
    assert doubts.has(NODE)
    assert doubts.resting(NODE, writes=True) is None
    assert doubts.try_ms(NODE, writes=True) == 0


def test_one_that_answered_is_trusted_as_before(doubts):
    for _ in range(3):
        doubts.failed(NODE, "no answer", silent=True)
    doubts.answered(NODE, wrote=False)
    assert not doubts.has(NODE)
    assert doubts.resting(NODE, writes=True) is None
    assert not doubts.looks(NODE)
    doubts.failed(NODE, "no answer", silent=True)
    assert doubts.try_ms(NODE, writes=True) == 50


def test_one_that_takes_no_writes_is_doubted_until_it_takes_one(doubts):
    doubts.failed(NODE, "no replica", silent=False, writes=True)
    doubts.answered(NODE, wrote=False)
    assert doubts.has(NODE)
    doubts.answered(NODE, wrote=True)
    assert not doubts.has(NODE)


def test_one_whose_writes_are_not_confirmed_rests_from_them_and_is_read_throughout(doubts, watch):
    doubts.failed(NODE, "no replica confirmed", silent=True, writes=True)
    assert doubts.resting(NODE, writes=True) == "no replica confirmed"
    assert doubts.resting(NODE, writes=False) is None
    assert (doubts.try_ms(NODE, writes=True), doubts.try_ms(NODE, writes=False)) == (50, 0)
    doubts.answered(NODE, wrote=False)
    assert doubts.resting(NODE, writes=True) == "no replica confirmed"
    watch.now += 0.251
    assert doubts.resting(NODE, writes=True) is None
    doubts.answered(NODE, wrote=True)
    assert not doubts.has(NODE)


def test_who_serves_its_slots_is_looked_up_at_once_and_then_four_times_a_second(doubts, watch):
    doubts.failed(NODE, "no answer", silent=True)
    looks = []
    for _ in range(100):
        looks.append(doubts.looks(NODE))
        watch.now += 0.01
    assert [at for at, looked in enumerate(looks) if looked] in ([0, 25, 50, 75], [0, 26, 52, 78])


def test_a_slot_that_was_waited_for_in_vain_may_be_waited_for_again_after_ten_seconds(doubts, watch):
    doubts.waited(7)
    watch.now += 9.9
    assert doubts.has(7)
    assert not doubts.has(8)
    watch.now += 0.2
    assert not doubts.has(7)
