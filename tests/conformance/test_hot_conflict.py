"""What lies outside its box is decided again, on the state as it is: once under a lock, or outside until it fits."""

import pytest

from spillover.model.commit import Commit, Committed, Conflict, OpenHold, Standing, State
from spillover.stores.valkey.committing import ROUNDS_MAX
from tests.conformance.conftest import LOCKED, UNLOCKED
from tests.conformance.support import Hot, Rung, add, denial, grant, kinds, profile, push, solid


def test_another_epoch_is_a_conflict(hot: Hot):
    hot.one(grant(add("a", 1), epoch=5))
    assert kinds(hot.commit(grant(epoch=4), grant(epoch=6), grant(epoch=5))) == "xxc"
    assert hot.load(1).epoch == 5


def test_a_new_account_starts_with_the_epoch_of_its_first_commit(hot: Hot, rung: Rung):
    assert hot.one(grant(add("a", 1), epoch=3)) == Committed(1, {"a": 1})
    assert [(e.epoch, e.sequence) for e in hot.read()] == [(3, 1)]
    assert kinds(rung.open().commit(grant(epoch=1))) == "x"


def test_another_profile_version_is_a_conflict(hot: Hot, rung: Rung):
    hot.commit(push(1), push(2))
    for store in (hot, rung.open()):
        assert kinds(store.commit(grant(version=1), grant(version=3), grant(version=0), grant(version=2))) == "xxxc"


def test_a_commit_on_a_profile_that_an_unknown_account_lacks_is_a_conflict(hot: Hot):
    (outcome,) = hot.commit(grant(add("a", 1), version=1))
    assert isinstance(outcome, Conflict)
    assert (outcome.state.sequence, outcome.state.profile, outcome.state.cells) == (0, None, {"a": 0})


def test_a_conflict_carries_the_place_the_profile_and_every_cell(hot: Hot, rung: Rung):
    hot.commit(push(1, *(add(f"cell/{n}", n) for n in range(1, 300))), grant(add("cell/7", -7), version=1))
    expected = {f"cell/{n}": n for n in range(1, 300) if n != 7}
    for store in (hot, rung.open()):
        (outcome,) = store.commit(grant(add("new", 1, low=1), version=1))
        assert solid(outcome) == State(1, 2, profile(1), expected)
        assert outcome.state.cells["new"] == 0


def test_again_gets_the_index_and_the_state_with_every_earlier_item_in_it(hot: Hot):
    seen: list[tuple[int, State]] = []

    def again(index: int, state: State) -> Commit:
        seen.append((index, solid(state)))
        return grant(("a", state.cells["a"], state.cells["a"], None, 10))

    stale = [grant(("a", 0, 0, None, 1)) for _ in range(3)]
    assert hot.commit(*stale, again=again) == [Committed(1, {"a": 1}), Committed(2, {"a": 11}), Committed(3, {"a": 21})]
    assert seen == [(1, State(1, 1, None, {"a": 1})), (2, State(1, 2, None, {"a": 11}))]


def test_a_conflict_carries_what_earlier_items_of_its_batch_changed_and_what_was_never_loaded(hot: Hot, rung: Rung):
    hot.one(grant(add("a", 1), add("b", 2), add("c", 3)))
    batch = grant(add("a", 10), add("b", -2), add("d", 4)), grant(add("a", 1, high=0))
    assert solid(rung.open().commit(*batch)[1]) == State(1, 2, None, {"a": 11, "c": 3, "d": 4})


def test_again_sees_what_another_store_object_committed(hot: Hot, rung: Rung):
    other = rung.open()
    hot.one(push(1, add("a", 5)))
    other.one(grant(add("b", 7), version=1))
    hot.one(grant(add("b", 1), add("c", 2), version=1))
    other.one(push(2, add("a", 100)))
    seen: list[State] = []

    def again(_: int, state: State) -> Commit:
        seen.append(solid(state))
        return grant(("c", 2, 2, None, 1), version=2)

    assert hot.one(grant(("a", 5, 5, None, -1), version=1), again) == Committed(5, {"c": 3})
    assert seen == [State(1, 4, profile(2), {"a": 105, "b": 8, "c": 2})]


def test_items_after_a_conflict_see_its_outcome(hot: Hot):
    batch = [grant(("a", 5, 5, None, 1)), grant(("a", 3, 3, None, 1)), grant(("a", 0, 9, None, 1))]
    outcomes = hot.commit(*batch, again=lambda index, _: grant(("a", 0, 0, None, 3)) if index == 0 else None)
    assert outcomes == [Committed(1, {"a": 3}), Committed(2, {"a": 4}), Committed(3, {"a": 5})]


def test_a_conflict_that_is_not_decided_again_changes_nothing(hot: Hot):
    hot.one(grant(add("a", 1)))
    outcome = hot.one(grant(("a", 0, 0, None, 1)), again=lambda index, state: None)
    assert solid(outcome) == State(1, 1, None, {"a": 1})


def test_a_conflict_decided_again_may_become_a_denial(hot: Hot, rung: Rung):
    hot.one(grant(add("a", 1)))
    outcome = hot.one(
        grant(("a", 0, 0, None, 1)), again=lambda index, state: denial(("a", 1, 1, None, 0), denied=("f", "window", 1))
    )
    assert outcome == Committed(1, {"a": 1})
    assert rung.denials() == {(1, "f", "window", 1): 1}


def test_again_is_asked_once_and_what_conflicts_twice_is_a_conflict(hot: Hot):
    asked: list[int] = []

    def stubborn(index: int, state: State) -> Commit:
        asked.append(index)
        return grant(("a", 5, 5, None, 1))

    outcomes = hot.commit(grant(("a", 5, 5, None, 1)), grant(add("a", 1)), again=stubborn)
    assert kinds(outcomes) == "xc"
    assert hot.values(1, "a") == (1,)
    assert asked == [0]


def test_again_is_not_asked_for_what_committed(hot: Hot):
    def never(index: int, state: State) -> Commit:
        raise AssertionError(index)

    assert kinds(hot.commit(grant(), denial(), again=never)) == "cc"


def test_what_again_decides_under_a_known_key_is_a_duplicate(hot: Hot, rung: Rung):
    first = grant(add("a", 1), key="k")
    hot.one(first)
    outcome = rung.open().one(grant(("a", 0, 0, None, 1)), again=lambda index, state: first)
    assert kinds([outcome]) == "d"
    assert hot.values(1, "a") == (1,)


def test_the_key_of_what_again_decided_is_known(hot: Hot, rung: Rung):
    hot.one(grant(add("a", 1)))
    second = grant(("a", 1, 1, None, 1), key="k")
    stale = grant(("a", 0, 0, None, 1), key="k")
    assert kinds(hot.commit(stale, stale, again=lambda index, state: second)) == "cd"
    assert kinds(rung.open().commit(stale)) == "d"


def test_a_state_handed_out_is_a_copy(hot: Hot):
    def spoil(index: int, state: State) -> None:
        state.cells["a"] = 77
        state.cells["b"] = 77

    hot.one(grant(add("a", 1)))
    outcome = hot.one(grant(("a", 0, 0, None, 1)), again=spoil)
    outcome.state.cells["a"] = 88
    hot.load(1, "a").cells["a"] = 99
    hot.one(grant(add("c", 1))).cells["c"] = 99
    assert hot.values(1, "a", "b", "c") == (1, 0, 1)


@pytest.mark.parametrize("rung", LOCKED, indirect=True)
def test_if_again_raises_nothing_of_the_batch_was_applied(hot: Hot, rung: Rung):
    def fail(index: int, state: State) -> Commit:
        raise ZeroDivisionError

    hot.one(grant(add("a", 1)))
    before = hot.load(1, "a", "b"), hot.read()
    batch = grant(add("b", 1), key="k"), grant(("a", 0, 0, None, 1))
    with pytest.raises(ZeroDivisionError):
        hot.commit(*batch, again=fail)
    assert (hot.load(1, "a", "b"), hot.read()) == before
    assert kinds(rung.open().commit(*batch)) == "cx"


@pytest.mark.parametrize("rung", UNLOCKED, indirect=True)
def test_if_again_raises_outside_a_lock_the_keys_decide_what_was_applied(hot: Hot, rung: Rung):
    def fail(index: int, state: State) -> Commit:
        raise ZeroDivisionError

    batch = grant(add("b", 1), key="k", hold=("h", 1, b"")), grant(add("a", 1, low=1), key="l"), grant(account=2)
    with pytest.raises(ZeroDivisionError):
        hot.commit(*batch, again=fail)
    assert kinds(rung.open().commit(*batch)) == "dxd"
    assert hot.standing(1) == Standing(1, 1, 1, None, {"b": 1}, (OpenHold(1, "h", 1, b""),))


@pytest.mark.parametrize("rung", UNLOCKED, indirect=True)
def test_what_meets_another_conflict_outside_a_lock_is_decided_again_on_the_newest_state(hot: Hot, rung: Rung):
    other, asked = rung.open(), list[int]()

    def again(index: int, state: State) -> Commit:
        value = state.cells["a"]
        if index == 0:
            asked.append(value)
            if len(asked) < 3:  # meanwhile somebody else is quicker
                other.one(grant(add("a", 1)))
        return grant(("a", value, value, None, 10 - 9 * index))

    hot.one(grant(add("a", 1)))
    batch = grant(("a", 0, 0, None, 10)), grant(("a", 0, 0, None, 1)), grant(account=2)
    assert hot.commit(*batch, again=again) == [Committed(4, {"a": 13}), Committed(5, {"a": 14}), Committed(1, {})]
    assert asked == [1, 2, 3]


@pytest.mark.parametrize("rung", UNLOCKED, indirect=True)
def test_what_always_meets_another_conflict_ends_as_one_after_a_stated_number_of_times(hot: Hot, rung: Rung):
    other, asked = rung.open(), list[int]()

    def again(_: int, state: State) -> Commit:
        asked.append(value := state.cells["a"])
        other.one(grant(add("a", 1)))
        return grant(("a", value, value, None, 10))

    hot.one(grant(add("a", 1)))
    assert solid(hot.one(grant(("a", 0, 0, None, 10)), again)).cells == {"a": len(asked) + 1}
    assert asked == list(range(1, ROUNDS_MAX + 1))
    assert hot.values(1, "a") == (len(asked) + 1,)


def test_a_conflict_stops_no_other_account(hot: Hot):
    batch = [grant(add("a", 1, low=1)), grant(account=65), grant(add("b", 1)), grant(account=2), grant(add("a", 1))]
    assert kinds(hot.commit(*batch)) == "xcccc"
    assert hot.values(1, "a", "b") == (1, 1)


def test_a_push_creates_the_account_and_raises_its_lots(hot: Hot, rung: Rung):
    assert hot.one(push(1, add("lot:1", 500))) == Committed(1, {"lot:1": 500})
    for store in (hot, rung.open()):
        assert store.load(1, "lot:1") == State(1, 1, profile(1), {"lot:1": 500})


def test_a_push_replaces_exactly_the_profile_before_it(hot: Hot, rung: Rung):
    hot.one(push(1))
    assert kinds(hot.commit(push(3), push(1), push(2, add("lot:1", 5)), push(2, add("lot:1", 5)))) == "xxcx"
    for store in (hot, rung.open()):
        assert store.load(1, "lot:1") == State(1, 2, profile(2), {"lot:1": 5})


def test_a_push_sent_again_raises_its_lots_once(hot: Hot, rung: Rung):
    item = push(1, add("lot:1", 5))
    assert kinds(hot.commit(item, item) + rung.open().commit(item)) == "cdd"
    assert hot.values(1, "lot:1") == (5,)


def test_decisions_of_one_batch_see_a_push_that_stands_between_them(hot: Hot):
    batch = [push(1, add("a", 1)), grant(version=1), push(2), grant(version=1), grant(version=2), denial(version=2)]
    assert kinds(hot.commit(*batch)) == "cccxcc"
