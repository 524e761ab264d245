"""When a settler asks for shards: at its start, when its claims are to be renewed, and before it ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

import spillover
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.connect import read_document
from spillover.bootstrap.rungs import open_rung
from spillover.bootstrap.working import Each, Working
from spillover.engine.drive import drive
from spillover.model.errors import StoreUnavailable
from tests.support import clock, policy


class Shares:
    """Claims on one shard, which somebody else has, or of which nobody can be asked."""

    def __init__(self) -> None:
        self.asked, self.free, self.away = 0, False, False

    async def take(self) -> list[int]:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return [0] if self.free else []

    async def release(self) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
def shares() -> Shares:
    return Shares()


@pytest.fixture
def working(shares, tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False):
        pass
    opens: Callable[..., object] = partial(open_rung, address_of(url), "strict", 5_000)
    made = Working(opens, shares, policy, clock(), read_document, tend=False)
    yield made
    made.finish()


def test_who_has_no_shard_asks_no_more_often_than_who_has_some(working, shares):
    for _ in range(20):
        working.step()
    assert shares.asked == 1
    shares.free = True
    working._claiming = Each(0, at_once=True)  # three seconds later
    working.step()
    assert (shares.asked, working.shards) == (2, [0])


def test_who_could_not_ask_tries_again_and_does_not_take_it_for_having_none(working, shares):
    shares.away = True
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            working.step()
    assert shares.asked == 3
    shares.away, shares.free = False, True
    working.step()
    assert working.shards == [0]


def test_a_short_program_books_at_its_end_what_was_another_settlers_at_its_start(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    first = spillover.connect(url, policy=policy())
    first.accounts.put("acme", "plus")
    with spillover.connect(url) as second:
        first.close()
        assert second.consume("acme", "video.seconds", 1)
    with spillover.connect(url, settle=False, tend=False) as after:
        assert drive(after.desk.store.backlog()).entries == 0
