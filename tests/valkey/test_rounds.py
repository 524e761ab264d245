"""Without a lock to decide under, conflicts are decided again outside and sent again, a stated number of times."""

from __future__ import annotations

import time

import pytest

from spillover.model.commit import Committed, Conflict, State
from spillover.model.errors import ClockAhead, ClockBehind
from tests.conformance.support import add, denial, grant, kinds, push
from tests.valkey.support import store


@pytest.fixture(params=["valkey_url", "redis_url", "cluster_url"])
def url(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def hot(url):
    with store(url) as hot:
        yield hot


@pytest.fixture
def other(url):
    with store(url) as hot:
        yield hot


def scripts(hot) -> int:
    """How many commits were sent so far."""
    return int(repr(hot.store._committing._calls).strip("count()"))


ROUNDS_MAX = 4  # as decision 0006 states


@pytest.mark.parametrize("interferences", range(ROUNDS_MAX + 2))
def test_what_others_disturb_is_sent_again_at_most_so_often(hot, other, interferences):
    hot.one(grant(add("a", 1)))
    seen: list[int] = []

    def again(index: int, state: State):
        seen.append(state.cells["a"])
        if len(seen) <= interferences:
            other.one(grant(add("a", 1)))
        return grant(("a", state.cells["a"], state.cells["a"], None, 100))

    outcome = hot.one(grant(("a", 0, 0, None, 1)), again)
    tries = min(interferences + 1, ROUNDS_MAX)
    assert seen == list(range(1, tries + 1))
    if interferences < ROUNDS_MAX:
        assert outcome == Committed(2 + interferences, {"a": 101 + interferences})
    else:
        assert isinstance(outcome, Conflict)
        assert outcome.state.cells["a"] == hot.values(1, "a")[0] == 1 + ROUNDS_MAX


def test_a_batch_of_stale_decisions_takes_two_calls(hot):
    hot.commit(*(grant(add("a", 1000), account=n) for n in (64, 128)))

    def again(index: int, state: State):
        value = state.cells["a"]
        return grant(("a", value, value, None, -1), account=64 + 64 * (index % 2))

    before = scripts(hot)
    batch = [grant(("a", 0, 0, None, 1), account=64 + 64 * (n % 2)) for n in range(100)]
    assert kinds(hot.commit(*batch, again=again)) == "c" * 100
    assert scripts(hot) - before == 2 * len({hot.store._layout.shard(account) for account in (64, 128)})
    assert hot.values(64, "a") == hot.values(128, "a") == (950,)


def test_the_order_of_an_account_s_items_is_kept_whatever_conflicts(hot):
    hot.one(grant(add("a", 5)))
    order: list[int] = []

    def again(index: int, state: State):
        order.append(index)
        return None if index == 3 else grant(add("a", 1), key=f"{index}")

    batch = [grant(add("a", 1, high=5 if n % 2 else 99), key=f"{n}") for n in range(8)]
    assert kinds(hot.commit(*batch, again=again)) == "cccxcccc"
    assert order == [1, 3, 5, 7]
    assert [entry.key for entry in hot.entries(1)][1:] == ["0", "1", "2", "4", "5", "6", "7"]


def test_a_clock_ahead_of_the_server_s_changes_nothing(hot, url):
    hot.one(push(1, add("a", 1)))
    before = hot.standing(1), hot.read(), hot.denials(1)
    ahead = 2**52
    batch = [grant(add("a", 1), version=1), denial(denied=("f", "window", 1), version=1), grant(version=1, now=ahead)]
    with pytest.raises(ClockAhead, match="let both follow the same time server"):
        hot.commit(*batch)
    assert (hot.standing(1), hot.read(), hot.denials(1)) == before


def test_who_may_wait_long_for_a_server_is_not_taken_for_a_clock_behind_it(url):
    with store(url, timeout_ms=30_000) as patient:
        now = int(time.time() * 1000)
        assert kinds([patient.one(grant(now=now - 29_000))]) == "c"
        with pytest.raises(ClockBehind, match="expected at most 31000 ms"):
            patient.one(grant(now=now - 31_001))


def test_a_push_of_thousands_of_cells_and_a_load_of_them_are_one_step(hot):
    names = [f"cell/{n}" for n in range(9_000)]
    hot.one(push(1, *(add(name, n + 1) for n, name in enumerate(names))))
    assert list(hot.load(1, *names).cells.values()) == list(range(1, 9_001))
    assert list(hot.load(1, *names[:3_000]).cells.values()) == list(range(1, 3_001))
    outcome = hot.one(grant(*(add(name, -n - 1) for n, name in enumerate(names)), version=1))
    assert set(outcome.cells.values()) == {0}
    assert hot.standing(1).cells == {}
