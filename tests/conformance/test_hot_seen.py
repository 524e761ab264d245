"""A store that has lost something is found out: it stands before what an engine has seen of the account."""

import pytest

from spillover.model.commit import Committed, Conflict, State
from tests.conformance.support import Hot, Rung, add, denial, grant, kinds, push, solid


@pytest.mark.parametrize("decision", [grant, denial])
@pytest.mark.parametrize(("seen", "kind"), [(0, "c"), (1, "c"), (2, "c"), (3, "x"), (2**53 - 1, "x")])
def test_a_commit_of_an_engine_that_has_seen_a_later_sequence_is_a_conflict(hot: Hot, rung: Rung, decision, seen, kind):
    hot.commit(grant(add("a", 1)), grant(add("a", 1)))
    outcome = rung.open().one(decision(add("a", 1), seen=seen))
    assert kinds([outcome]) == kind
    if kind == "x":
        assert solid(outcome) == State(1, 2, None, {"a": 2})
        assert hot.load(1, "a") == State(1, 2, None, {"a": 2})


def test_an_account_that_was_seen_and_is_not_there_is_a_conflict(hot: Hot):
    outcome = hot.one(grant(add("a", 1), seen=1))
    assert isinstance(outcome, Conflict)
    assert (outcome.state.sequence, outcome.state.profile, outcome.state.shut) == (0, None, False)
    assert hot.read() == []


def test_what_was_seen_is_compared_with_what_earlier_items_of_the_batch_took(hot: Hot):
    assert kinds(hot.commit(grant(seen=0), grant(seen=1), grant(seen=2), grant(seen=4), grant(seen=3))) == "cccxc"


def test_what_is_decided_again_may_have_seen_less(hot: Hot, rung: Rung):
    hot.one(push(1, add("a", 1)))
    told: list[State] = []

    def again(_: int, state: State):
        told.append(solid(state))
        return grant(add("a", 1), version=1, seen=state.sequence)

    assert rung.open().one(grant(add("a", 1), version=1, seen=7), again) == Committed(2, {"a": 2})
    assert [(state.epoch, state.sequence) for state in told] == [(1, 1)]


def test_a_known_key_is_a_duplicate_whatever_was_seen(hot: Hot):
    hot.one(grant(key="k"))
    assert kinds(hot.commit(grant(key="k", seen=9))) == "d"
