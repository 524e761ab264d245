"""An account that is shut takes no change, from anyone, until it is put back; all that it has can be read."""

import pytest

from spillover.model.commit import Conflict, OpenHold, Place, Standing, State
from tests.conformance.support import Hot, Rung, add, denial, grant, kinds, profile, push, settled, solid


@pytest.fixture
def other(hot: Hot, rung: Rung) -> Hot:
    """Another store object, which has seen account 1 before it is shut."""
    hot.commit(push(1, add("a", 5)), grant(add("b", 1), version=1, hold=("h", 10, b"r"), key="known"))
    other = rung.open()
    assert kinds(other.commit(grant(add("a", 1), version=1), denial(version=1))) == "cc"
    return other


HOLD = OpenHold(1, "h", 10, b"r")
STATE = State(1, 3, profile(1), {"a": 6, "b": 1}, shut=True)


def test_shutting_answers_where_the_account_stands(hot: Hot, other: Hot):
    assert hot.shut(1) == other.shut(1) == Place(1, 1, 3, 1, shut=True)
    assert hot.places(1) == other.places(1) == {1: Place(1, 1, 3, 1, shut=True)}


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(grant(add("a", 1), version=1), id="a grant"),
        pytest.param(grant(version=1, hold=("i", 1, b""), ended="h"), id="a hold"),
        pytest.param(denial(version=1, denied=("f", "window", 1)), id="a denial"),
        pytest.param(push(2, add("a", 1)), id="a push"),
        pytest.param(grant(add("a", 1, high=0), version=7, epoch=7, seen=9), id="what would be one anyway"),
    ],
)
def test_every_commit_of_a_shut_account_is_a_conflict_that_says_so_and_is_not_decided_again(
    hot: Hot, other: Hot, rung: Rung, item
):
    hot.shut(1)
    before = hot.entries(1), hot.holds(1)

    def never(index: int, state: State):
        raise AssertionError(index)

    for store in (hot, other, rung.open()):
        outcome = store.one(item, never)
        assert isinstance(outcome, Conflict)
        assert outcome.state.shut
        assert solid(outcome) == STATE
        assert kinds(store.commit(item, item)) == "xx"
    assert (hot.entries(1), hot.holds(1)) == before
    assert rung.denials() == {}


def test_a_known_key_of_a_shut_account_is_a_duplicate(hot: Hot, other: Hot):
    hot.shut(1)
    assert kinds(other.commit(grant(key="known"), grant(key="new", version=1))) == "dx"


def test_other_accounts_go_on_in_the_same_batch(hot: Hot, other: Hot):
    hot.shut(1)
    batch = [grant(account=65), grant(version=1), grant(account=65), grant(account=2)]
    assert kinds(other.commit(*batch)) == "cxcc"


def test_all_that_a_shut_account_has_can_be_read_and_its_stream_be_settled(hot: Hot, other: Hot):
    hot.shut(1)
    for store in (hot, other):
        assert store.load(1, "a", "b") == STATE
        assert store.standing(1) == Standing(1, 1, 3, profile(1), {"a": 6, "b": 1}, (HOLD,), shut=True)
        assert store.due() == store.holds(1) == [store.hold(1, "h")] == [HOLD]
        assert store.find(1, "known") is not None
    entries = hot.entries(1)
    assert len(entries) == 3
    other.acknowledge(entries)
    assert hot.entries(1) == hot.read() == []


def test_an_account_that_is_not_known_can_be_shut(hot: Hot, rung: Rung):
    other = rung.open()
    assert other.load(9).shut is False
    assert hot.shut(9) == Place(9, 0, 0, 0, shut=True)
    for store in (hot, other, rung.open()):
        outcome = store.one(grant(add("a", 1), account=9))
        assert isinstance(outcome, Conflict)
        assert solid(outcome) == State(0, 0, None, {}, shut=True)
        assert store.standing(9) == Standing(9, 0, 0, None, {}, shut=True)
        assert store.places(9, 8) == {9: Place(9, 0, 0, 0, shut=True)}
    assert hot.read() == []


def test_accounts_that_are_shut_are_told_in_the_order_of_their_ids(hot: Hot, rung: Rung):
    hot.commit(*(grant(account=account) for account in (1, 2, 3, 64, 2**40)))
    for account in (2**40, 3, 64, 1, 99):
        hot.shut(account)
    other = rung.open()
    assert other.shut_accounts() == [1, 3, 64, 99, 2**40]
    assert [other.shut_accounts(limit) for limit in (0, 1, 3, 5, 6)] == [
        [], [1], [1, 3, 64], [1, 3, 64, 99, 2**40], [1, 3, 64, 99, 2**40]
    ]  # fmt: skip
    assert other.put_back(settled(3, epoch=2))
    assert hot.shut_accounts() == [1, 64, 99, 2**40]


def test_shutting_is_safe_to_repeat(hot: Hot, other: Hot):
    assert hot.shut(1) == hot.shut(1) == other.shut(1)
    assert hot.shut_accounts() == [1]
    assert hot.put_back(settled(1))
    assert hot.shut_accounts() == []


def test_what_was_committed_before_the_shutting_stands(hot: Hot, other: Hot):
    before = [(entry.sequence, entry.key) for entry in hot.entries(1)]
    hot.shut(1)
    assert [(entry.sequence, entry.key) for entry in other.entries(1)] == before
    assert len(before) == 3
