"""An account is put back from the books: all of its state at once, in an epoch of its own, and only forwards."""

import pytest

from spillover.model.commit import Committed, Duplicate, OpenHold, Place, State
from spillover.model.event import StreamEntry
from tests.conformance.support import (
    Hot,
    Rung,
    add,
    denial,
    grant,
    kinds,
    profile,
    push,
    remembered,
    settled,
    solid,
)


@pytest.fixture
def other(hot: Hot, rung: Rung) -> Hot:
    """Another store object, which remembers account 1 as it is before it is put back."""
    item = grant(add("a", 5), add("gone", 1), version=1, hold=("old", 10, b"old"), key="known", payload=b"known")
    hot.commit(push(1), item, denial(version=1, denied=("f", "window", 1)), grant(account=65, hold=("o", 1, b"o")))
    other = rung.open()
    assert other.load(1, "a", "gone") == State(1, 2, profile(1), {"a": 5, "gone": 1})
    assert kinds(other.commit(grant(add("a", 1), version=1))) == "c"
    return other


HOLDS = OpenHold(1, "a", 30, b"a"), OpenHold(1, "z", 20, b"z")
BACK = settled(1, epoch=2, version=4, cells={"a": 2, "lot:1": 7}, holds=HOLDS)


def test_it_replaces_the_cells_the_holds_the_profile_and_begins_the_sequence_anew(hot: Hot, other: Hot, rung: Rung):
    other.shut(1)
    assert hot.put_back(BACK)
    for store in (hot, other, rung.open()):
        assert store.load(1, "a", "gone", "lot:1") == State(2, 0, profile(4), {"a": 2, "gone": 0, "lot:1": 7})
        assert store.standing(1) == BACK
        assert store.places(1) == {1: Place(1, 2, 0, 4)}
        assert store.holds(1) == store.due(account=1) == [HOLDS[1], HOLDS[0]]
        assert store.hold(1, "old") is None
        assert store.due() == [OpenHold(65, "o", 1, b"o"), HOLDS[1], HOLDS[0]]
        assert solid(store.one(grant(version=9, epoch=2))) == State(2, 0, profile(4), {"a": 2, "lot:1": 7})


def test_it_goes_on_in_the_new_epoch_only(hot: Hot, other: Hot, rung: Rung):
    hot.put_back(BACK)
    for number, store in enumerate((hot, other, rung.open()), 1):
        batch = grant(version=1), grant(version=4), grant(version=4, epoch=2, seen=3), grant(version=4, epoch=3)
        assert kinds(store.commit(*batch)) == "xxxx"
        item = grant(add("a", 1, low=1 + number, high=1 + number), version=4, epoch=2, seen=number - 1)
        assert store.one(item) == Committed(number, {"a": 2 + number})


@pytest.mark.parametrize("epoch", [-1, 0, 1])
def test_it_never_goes_back_and_never_twice(hot: Hot, other: Hot, epoch):
    before = hot.standing(1)
    assert not hot.put_back(
        settled(1, epoch=epoch, cells={"a": 99}, holds=HOLDS, keys=(remembered(grant(key="k"), 1, 1),))
    )
    assert hot.standing(1) == before
    assert hot.find(1, "k") is None
    assert other.put_back(BACK)
    other.one(grant(add("a", 1), version=4, epoch=2))
    before = other.standing(1)
    assert not hot.put_back(BACK)
    assert not hot.put_back(settled(1, epoch=2))
    assert hot.standing(1) == before
    assert hot.put_back(settled(1, epoch=9))
    assert hot.standing(1) == other.standing(1) == settled(1, epoch=9)


def test_one_that_was_not_put_back_stays_shut(hot: Hot, other: Hot):
    hot.shut(1)
    assert not other.put_back(settled(1, epoch=1))
    assert other.shut_accounts() == [1]
    assert other.put_back(settled(1, epoch=2))
    assert hot.shut_accounts() == []
    assert kinds(hot.commit(grant(epoch=2))) == "c"


@pytest.mark.parametrize("shut", [False, True])
def test_an_account_that_the_store_does_not_know_is_put_back(hot: Hot, rung: Rung, shut):
    other = rung.open()
    assert other.load(9).sequence == 0
    if shut:
        hot.shut(9)
    assert not hot.put_back(settled(9, epoch=0, cells={"a": 1}))
    back = settled(9, epoch=5, sequence=3, version=2, cells={"a": 1}, holds=(OpenHold(9, "h", 1, b"h"),))
    assert hot.put_back(back)
    for store in (hot, other, rung.open()):
        assert store.standing(9) == back
        assert kinds(store.commit(grant(account=9, epoch=4, version=2))) == "x"
    assert other.one(grant(add("a", 1), account=9, epoch=5, version=2, seen=3)) == Committed(4, {"a": 2})


def test_it_is_open_whatever_the_standing_says_and_has_no_cell_that_is_0(hot: Hot, other: Hot):
    hot.shut(1)
    assert other.put_back(settled(1, cells={"a": 0, "b": 1}, shut=True))
    assert hot.standing(1) == other.standing(1) == settled(1, cells={"b": 1})
    assert hot.shut_accounts() == []


def test_its_keys_are_known_beside_those_that_the_store_remembers(hot: Hot, other: Hot, rung: Rung):
    lost = grant(key="lost", payload=b"lost", fingerprint="request of lost")
    rung.book([StreamEntry(1, 1, 7, "lost", b"lost")])
    known = grant(key="known")
    assert hot.put_back(settled(1, keys=(remembered(lost, 1, 7), remembered(known, 1, 2))))
    for store in (hot, other, rung.open()):
        expected = [Duplicate(1, 7, "request of lost", b"lost"), Duplicate(1, 2, "request of known", b"known")]
        assert [store.find(1, "lost"), store.find(1, "known")] == expected
        assert store.commit(lost, known, grant(key="lost", epoch=2)) == [*expected, expected[0]]
        assert store.find(65, "lost") is None
    assert hot.load(1).sequence == 0


def test_keys_that_are_not_among_them_stay_known(hot: Hot, other: Hot):
    hot.put_back(BACK)
    assert other.commit(grant(key="known", epoch=2)) == [Duplicate(1, 1 + 1, "request of known", b"known")]


def test_the_stream_is_left_as_it_is_and_goes_on(hot: Hot, other: Hot, rung: Rung):
    before = hot.entries(1)
    assert [(entry.epoch, entry.sequence) for entry in before] == [(1, 1), (1, 2), (1, 3)]
    hot.put_back(settled(1))
    assert hot.entries(1) == before
    other.commit(grant(epoch=2, key="new"), grant(epoch=2))
    places = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    assert [(e.epoch, e.sequence) for e in hot.entries(1)] == places
    assert [(e.epoch, e.sequence) for e in hot.read() if e.account == 1] == places
    hot.acknowledge([hot.entries(1)[3]])
    hot.acknowledge(before[:1])
    assert [(e.epoch, e.sequence) for e in rung.open().entries(1)] == [(1, 2), (1, 3), (2, 2)]


def test_it_leaves_other_accounts_and_the_denials_that_were_counted(hot: Hot, other: Hot, rung: Rung):
    before = hot.standing(65), rung.denials()
    assert before[1] == {(1, "f", "window", 1): 1}
    hot.put_back(BACK)
    assert (other.standing(65), rung.denials()) == before


def test_a_large_account_is_put_back_whole(hot: Hot, rung: Rung):
    keys = tuple(remembered(grant(key=f"{n}"), 1, n) for n in range(1, 2_001))
    rung.book([StreamEntry(1, 1, n, f"{n}", b"%d" % n) for n in range(1, 2_001)])
    cells = {f"cell/{n}": n for n in range(1, 1_001)}
    holds = tuple(OpenHold(1, f"{n:04}", n % 7, b"%d" % n) for n in range(1_000))
    back = settled(1, cells=cells, holds=holds, version=1)
    hot.shut(1)
    hot.commit(*(grant(account=1) for _ in range(3)))
    assert hot.put_back(settled(1, cells=cells, holds=holds, version=1, keys=keys))
    other = rung.open()
    assert other.standing(1) == back
    assert len(other.due(account=1)) == 1_000
    assert [other.find(1, f"{n}") for n in (1, 1_000, 2_000, 2_001)] == [
        Duplicate(1, 1, "request of 1", b"1"),
        Duplicate(1, 1_000, "request of 1000", b"1000"),
        Duplicate(1, 2_000, "request of 2000", b"2000"),
        None,
    ]
