"""A commit is applied in one atomic step if, and only if, every cell lies in its range."""

import pytest

from spillover.model.commit import Committed
from tests.conformance.support import ANY, MOST, Hot, Rung, add, denial, grant, kinds, push, solid

BOXES = [
    # low, high
    (3, 7),
    (0, 5),
    (5, 5),
    (-4, 4),
    (-MOST, 0),
    (1, MOST),
]


@pytest.mark.parametrize("decision", [grant, denial])
@pytest.mark.parametrize(("low", "high"), BOXES)
def test_an_item_commits_exactly_where_the_value_lies_in_its_range(hot: Hot, decision, low, high):
    values = [value for value in (low - 1, low, high, high + 1) if abs(value) <= MOST]
    hot.commit(*(grant(add("a", value), account=account) for account, value in enumerate(values)))
    outcomes = hot.commit(*(decision(("a", low, high, None, 0), account=account) for account in range(len(values))))
    assert kinds(outcomes) == "".join("c" if low <= value <= high else "x" for value in values)


@pytest.mark.parametrize(
    ("value", "floor", "amount", "after"),
    [
        (4, None, 3, 7),
        (4, 10, 0, 10),
        (4, 10, 3, 13),
        (10, 10, 3, 13),
        (11, 10, 3, 14),
        (0, 10, -10, 0),
        (5, None, -5, 0),
        (-5, 0, 2, 2),
        (3, None, -7, -4),
        (0, MOST, 0, MOST),
        (MOST - 1, None, 1, MOST),
        (MOST, None, -MOST, 0),
        (-MOST, None, 0, -MOST),
    ],
)
def test_the_value_becomes_at_least_the_floor_and_then_the_sum(hot: Hot, rung: Rung, value, floor, amount, after):
    hot.one(grant(add("a", value)))
    outcome = hot.one(grant(("a", *ANY, floor, amount)))
    assert isinstance(outcome, Committed)
    assert outcome.cells == {"a": after}
    assert hot.values(1, "a") == rung.open().values(1, "a") == (after,)


def test_the_range_is_checked_before_the_floor_is_applied(hot: Hot):
    hot.one(grant(add("a", 2)))
    assert kinds(hot.commit(grant(("a", 0, 5, 100, 1)), grant(("a", 0, 5, None, 1)))) == "cx"
    assert hot.values(1, "a") == (101,)


def test_one_cell_outside_its_range_leaves_every_cell_and_the_stream_as_they_were(hot: Hot, rung: Rung):
    hot.one(grant(add("a", 1), add("b", 1)))
    before = hot.load(1, "a", "b", "c"), hot.read()
    for name in "abc":
        operations = [add(n, 1, high=-1 if n == name else MOST) for n in "abc"]
        assert kinds(hot.commit(grant(*operations))) == "x"
    assert (hot.load(1, "a", "b", "c"), hot.read()) == before
    assert rung.open().load(1, "a", "b", "c") == before[0]


def test_items_are_atomic_one_by_one_and_never_the_batch(hot: Hot):
    batch = [grant(add("a", 1, high=high)) for high in (5, -1, 5, 0, 5)]
    assert kinds(hot.commit(*batch)) == "cxcxc"
    assert hot.values(1, "a") == (3,)


def test_each_item_sees_what_the_earlier_ones_of_its_account_did(hot: Hot):
    batch = [grant(("a", n, n, None, 1)) for n in range(5)]
    assert kinds(hot.commit(*batch)) == "ccccc"
    assert hot.values(1, "a") == (5,)


def test_outcomes_stand_in_the_order_of_the_items_and_carry_only_the_cells_touched(hot: Hot):
    outcomes = hot.commit(
        grant(add("a", 1), account=7), grant(add("a", 2), account=8), grant(add("b", 3), account=7), grant(account=8)
    )
    assert outcomes == [Committed(1, {"a": 1}), Committed(1, {"a": 2}), Committed(2, {"b": 3}), Committed(2, {})]


def test_accounts_share_no_cell_and_no_sequence(hot: Hot):
    hot.commit(grant(add("a", 1), account=1), grant(add("a", 2), account=-1), grant(add("a", 3), account=2**62))
    assert [hot.values(account, "a") for account in (1, -1, 2**62)] == [(1,), (2,), (3,)]
    assert [hot.load(account).sequence for account in (1, -1, 2**62)] == [1, 1, 1]


def test_names_of_cells_are_kept_exactly(hot: Hot, rung: Rung):
    names = ["a", "A", "a ", "", "é", "e\u0301", "feature/5h@used", "!s", "!!", "🌊", "'", "x" * 500]
    names += ["\x00", "a\x00b"] * rung.nul
    hot.one(grant(*(add(name, n) for n, name in enumerate(names, 1))))
    assert rung.open().values(1, *names) == tuple(range(1, len(names) + 1))


def test_an_empty_batch_answers_nothing(hot: Hot):
    assert hot.commit() == []


def test_a_batch_of_any_length_is_answered_whole(hot: Hot, rung: Rung):
    batch = [grant(add(f"c{n % 3}", 1), account=n % 7) for n in range(700)]
    outcomes = hot.commit(*batch)
    assert [outcome.sequence for outcome in outcomes] == [n // 7 + 1 for n in range(700)]
    assert len(rung.open().read()) == 700


def test_a_cell_that_is_0_is_absent(hot: Hot, rung: Rung):
    hot.commit(grant(add("a", 5), add("b", 1)), grant(add("a", -5), add("never", 0)))
    outside = grant(add("b", 0, high=0))
    for store in (hot, rung.open()):
        assert store.values(1, "a", "b", "never") == (0, 1, 0)
        assert solid(store.one(outside)).cells == {"b": 1}
    hot.one(grant(("a", 0, 0, None, 2)))
    assert hot.values(1, "a") == (2,)


def test_load_gives_an_unknown_account_as_sequence_0_without_a_profile(hot: Hot):
    state = hot.load(99, "a", "b")
    assert (state.sequence, state.profile, state.cells) == (0, None, {"a": 0, "b": 0})


def test_load_gives_exactly_the_cells_asked_for(hot: Hot):
    hot.one(push(1, add("a", 1), add("b", 2)))
    assert hot.load(1, "b", "c").cells == {"b": 2, "c": 0}
    assert hot.load(1).cells == {}


def test_another_store_object_sees_what_was_committed_and_its_cache_never_lies(hot: Hot, rung: Rung):
    other = rung.open()
    for turn in range(6):
        store = (hot, other)[turn % 2]
        assert kinds(store.commit(grant(("a", turn, turn, None, 1)))) == "c"
        assert hot.values(1, "a") == other.values(1, "a") == (turn + 1,)
        assert hot.load(1).sequence == other.load(1).sequence == turn + 1


def test_closing_is_safe_to_repeat(hot: Hot):
    hot.one(grant())
    hot.close()
    hot.close()
