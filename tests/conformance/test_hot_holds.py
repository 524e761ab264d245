"""Open holds stand beside the cells: what a commit puts, replaces or removes changes with it, or not at all."""

import pytest

from spillover.model.commit import Commit, Duplicate, OpenHold, State
from spillover.model.errors import StoreUnavailable
from tests.conformance.conftest import LOCKED
from tests.conformance.support import MOST, Hot, Rung, add, denial, grant, kinds, push


def opening(id_: str = "h", due: int = 10, record: bytes = b"record", account: int = 1, **more) -> Commit:
    return grant(add("holds:used", 1), account=account, hold=(id_, due, record), **more)


def ids(found: list[OpenHold]) -> list[tuple[int, str]]:
    return [(hold.account, hold.id) for hold in found]


def test_a_hold_that_was_put_is_found_by_its_id_by_its_account_and_by_its_due_time(hot: Hot, rung: Rung):
    hot.one(opening("h", 10, b"\x00record\xff", account=-5))
    expected = OpenHold(-5, "h", 10, b"\x00record\xff")
    for store in (hot, rung.open()):
        assert store.hold(-5, "h") == expected
        assert store.holds(-5) == store.due(10) == store.due(10, 1, -5) == [expected]


def test_a_hold_that_is_not_there_is_none(hot: Hot):
    hot.one(opening("h", account=1))
    assert [hot.hold(1, "other"), hot.hold(1, "H"), hot.hold(1, ""), hot.hold(2, "h")] == [None] * 4
    assert hot.holds(2) == hot.due(account=2) == hot.due(9) == []


def test_a_hold_put_again_is_replaced_with_its_due_time(hot: Hot, rung: Rung):
    other = rung.open()
    hot.one(opening("h", 10, b"first"))
    other.one(opening("h", 20, b"second"))
    for store in (hot, other, rung.open()):
        assert store.hold(1, "h") == OpenHold(1, "h", 20, b"second")
        assert store.due(19) == []
        assert ids(store.due(20)) == [(1, "h")]


def test_a_hold_that_ended_is_gone_and_its_neighbours_stay(hot: Hot, rung: Rung):
    other = rung.open()
    hot.commit(opening("h"), opening("i"), opening("h", account=2))
    assert kinds(other.commit(grant(ended="h"))) == "c"
    for store in (hot, other, rung.open()):
        assert store.hold(1, "h") is None
        assert ids(store.holds(1)) == [(1, "i")]
        assert ids(store.due()) == [(1, "i"), (2, "h")]


def test_an_end_of_what_is_not_there_changes_no_hold(hot: Hot):
    hot.one(opening("h"))
    assert kinds(hot.commit(grant(ended="other"), grant(ended="h", account=2))) == "cc"
    assert ids(hot.due()) == [(1, "h")]


def test_one_commit_may_end_a_hold_and_put_another(hot: Hot, rung: Rung):
    hot.one(opening("h"))
    hot.one(grant(hold=("i", 7, b"i"), ended="h"))
    for store in (hot, rung.open()):
        assert store.holds(1) == store.due() == [OpenHold(1, "i", 7, b"i")]


def test_of_several_changes_in_one_batch_the_last_one_stands(hot: Hot, rung: Rung):
    batch = [opening("a", 1), grant(ended="a"), opening("b", 1, b"1"), opening("b", 2, b"2"), opening("c", 3)]
    batch += [grant(ended="c"), opening("c", 4, b"again")]
    assert kinds(hot.commit(*batch)) == "ccccccc"
    for store in (hot, rung.open()):
        assert store.holds(1) == [OpenHold(1, "b", 2, b"2"), OpenHold(1, "c", 4, b"again")]


def test_an_end_in_the_batch_after_the_opening_leaves_none(hot: Hot, rung: Rung):
    hot.commit(opening("h"), grant(), grant(ended="h"))
    assert hot.due() == rung.open().due() == []


def test_what_is_due_comes_earliest_first_whatever_the_order_in_which_it_was_put(hot: Hot):
    places = [(1, "b", 30), (2, "a", 10), (1, "a", 30), (1, "c", 20), (-3, "z", 30), (2, "é", 10), (2, "B", 10)]
    hot.commit(*(opening(id_, due, account=account) for account, id_, due in places))
    by_due = [(2, "B"), (2, "a"), (2, "é"), (1, "c"), (-3, "z"), (1, "a"), (1, "b")]
    assert ids(hot.due()) == by_due
    assert ids(hot.holds(1)) == ids(hot.due(account=1)) == [(1, "c"), (1, "a"), (1, "b")]


@pytest.mark.parametrize(("until", "due"), [(9, []), (10, ["a"]), (19, ["a"]), (20, ["a", "b"]), (MOST, ["a", "b"])])
def test_due_is_what_has_come_to_its_due_time_and_nothing_later(hot: Hot, until, due):
    hot.commit(opening("b", 20), opening("a", 10))
    assert [hold.id for hold in hot.due(until)] == [hold.id for hold in hot.due(until, account=1)] == due


@pytest.mark.parametrize("account", [None, 1])
def test_of_what_is_due_at_most_as_many_come_as_asked_for_the_earliest(hot: Hot, account):
    hot.commit(*(opening(f"{n}", 10 - n) for n in range(5)))
    assert [[h.id for h in hot.due(MOST, limit, account)] for limit in (0, 1, 3, 5, 6)] == [
        [], ["4"], ["4", "3", "2"], ["4", "3", "2", "1", "0"], ["4", "3", "2", "1", "0"]
    ]  # fmt: skip


def test_many_holds_of_many_accounts_are_kept_whole(hot: Hot, rung: Rung):
    hot.commit(*(opening(f"{n}", n % 50, account=n % 7) for n in range(700)))
    other = rung.open()
    assert len(other.due()) == 700
    assert [len(other.holds(account)) for account in range(7)] == [100] * 7
    hot.commit(*(grant(ended=f"{n}", account=n % 7) for n in range(0, 700, 2)))
    assert {int(hold.id) for hold in other.due()} == set(range(1, 700, 2))


CHANGE = {"hold": ("h", 99, b"changed"), "ended": "gone"}


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        pytest.param(grant(add("a", 1, low=1), **CHANGE), "x", id="a conflict by a cell"),
        pytest.param(grant(version=9, **CHANGE), "x", id="a conflict by the version"),
        pytest.param(grant(epoch=9, **CHANGE), "x", id="a conflict by the epoch"),
        pytest.param(grant(key="known", **CHANGE), "d", id="a duplicate"),
        pytest.param(denial(**CHANGE), "c", id="a denial"),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_what_is_not_applied_leaves_the_holds_alone(hot: Hot, rung: Rung, item, kind, together):
    first = [opening("h", 10, b"h", key="known"), opening("gone", 20, b"gone")]
    expected = [OpenHold(1, "h", 10, b"h"), OpenHold(1, "gone", 20, b"gone")]
    if together:
        outcomes = hot.commit(*first, item)[2:]
    else:
        hot.commit(*first)
        outcomes = rung.open().commit(item)
    assert kinds(outcomes) == kind
    assert hot.due() == rung.open().due() == expected


def test_what_again_decides_puts_its_own_hold_and_not_that_of_the_first_proposal(hot: Hot, rung: Rung):
    hot.commit(opening("old", 5), opening("kept", 6))
    stale = grant(add("holds:used", 1, high=0), hold=("h", 10, b"first"), ended="kept")

    def again(_: int, state: State) -> Commit:
        return grant(hold=("h", 20, b"second"), ended="old", key=stale.key)

    assert kinds([hot.one(stale, again)]) == "c"
    expected = [OpenHold(1, "kept", 6, b"record"), OpenHold(1, "h", 20, b"second")]
    assert hot.due() == rung.open().due() == expected


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(grant(), id="a commit without"),
        pytest.param(denial(hold=("h", 1, b""), ended="old"), id="a denial"),
        pytest.param(grant(version=9, hold=("h", 1, b""), ended="old"), id="a conflict"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_again_does_not_change_stays(hot: Hot, rung: Rung, second):
    hot.one(opening("old", 5))
    hot.one(grant(add("holds:used", 1, high=0), hold=("h", 10, b"first"), ended="old"), again=lambda i, s: second)
    assert hot.due() == rung.open().due() == [OpenHold(1, "old", 5, b"record")]


@pytest.mark.parametrize("rung", LOCKED, indirect=True)
def test_if_again_raises_the_holds_are_as_before(hot: Hot, rung: Rung):
    def fail(index: int, state: State) -> Commit:
        raise ZeroDivisionError

    before = [OpenHold(1, "a", 10, b"a"), OpenHold(1, "b", 20, b"b")]
    hot.commit(opening("a", 10, b"a"), opening("b", 20, b"b"))
    # Two items, so that one transaction has both on every rung.
    first = grant(hold=("a", 30, b"changed"), ended="b")
    for change in (first, grant(hold=("c", 1, b"c"), ended="a"), grant(hold=("a", 1, b"c"), ended="a")):
        with pytest.raises(ZeroDivisionError):
            hot.commit(change, grant(add("a", 1, low=1)), again=fail)
        assert hot.due() == hot.holds(1) == rung.open().due() == before
    assert kinds(hot.commit(first)) == "c"
    assert hot.due() == rung.open().due() == [OpenHold(1, "a", 30, b"changed")]


def test_a_hold_outlives_its_event_in_the_stream_and_new_terms(hot: Hot, rung: Rung):
    hot.commit(push(1), opening("h", version=1))
    hot.acknowledge(hot.read())
    hot.one(push(2))
    assert ids(hot.due()) == ids(rung.open().due()) == [(1, "h")]


def test_ids_of_holds_are_kept_exactly(hot: Hot, rung: Rung):
    names = ["h", "H", "h ", "é", "e\u0301", "🌊", "'; --", "1", "h" * 300, *["\x00", "h\x00"] * rung.nul]
    hot.commit(*(opening(name, n) for n, name in enumerate(names)))
    other = rung.open()
    assert [hold.id for hold in other.holds(1)] == names
    assert [found.due for name in names if (found := other.hold(1, name))] == list(range(len(names)))


def test_a_batch_of_openings_sent_again_puts_nothing_twice_or_back(hot: Hot, rung: Rung):
    batch = [opening("h", key="open"), grant(ended="h", key="end")]
    assert kinds(hot.commit(*batch) + rung.open().commit(*batch) + hot.commit(batch[0])) == "ccddd"
    assert hot.due() == []
    assert isinstance(hot.find(1, "open"), Duplicate)


def test_a_closed_store_says_so_of_holds_and_keys(hot: Hot):
    hot.one(opening("h", key="k"))
    hot.close()
    for use in (lambda: hot.hold(1, "h"), lambda: hot.holds(1), hot.due, lambda: hot.find(1, "k")):
        with pytest.raises(StoreUnavailable, match="closed"):
            use()
