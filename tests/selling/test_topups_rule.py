"""The rule of automatic top-ups on any history: never two open, never too many in a month, every crossing once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spillover.engine.drive import drive
from spillover.model.policy import Pack
from spillover.office.sqlite import SQLiteOffice
from spillover.ports.sales import TopUp, TopUpRule
from spillover.selling.topups import crossings, month, ordered

DAY, START, ACCOUNT = 86_400_000, 1_772_452_800_000, 7
"""2026-03-02T12:00:00Z."""
PACK = Pack("small", "credits", 30, "9.00", "EUR")


class Step(NamedTuple):
    """A change of the balance, as a watcher tells it."""

    before: int
    after: int
    at: int = START
    cause: str = "usage"
    measure: str = "credits"


def rule(below: int = 10, most: int = 3, made: int = 0) -> TopUpRule:
    return TopUpRule(ACCOUNT, below, "small", most, made)


# changes | the open order as they begin | which of them call for an order
CROSSINGS: list[tuple[list[Step], str, list[int]]] = [
    ([Step(11, 10)], "", [0]),
    ([Step(30, 0)], "", [0]),
    ([Step(12, 11)], "", []),
    ([Step(10, 9)], "", []),
    ([Step(10, 11)], "", []),
    ([Step(20, 9, measure="video.seconds")], "", []),
    ([Step(20, 9), Step(9, 20), Step(20, 9)], "", [0, 2]),
    ([Step(20, 9)], "topup:1", []),
    ([Step(20, 9), Step(9, 39, cause="topup:1")], "topup:1", []),
    ([Step(20, 9), Step(9, 39, cause="topup:1"), Step(39, 10)], "topup:1", [2]),
    ([Step(0, 8, cause="topup:1")], "topup:1", [0]),
    ([Step(0, 8, cause="topup:1"), Step(8, 3)], "topup:1", [0]),
    ([Step(0, 8, cause="other")], "topup:1", []),
    ([Step(0, 8, cause="other")], "", []),
    ([Step(20, 9, at=START - 1)], "", []),
]


@pytest.mark.parametrize(("changes", "open_key", "found"), CROSSINGS)
def test_a_change_calls_for_an_order_if_it_crosses_the_threshold_while_none_is_open(
    changes: list[Step], open_key: str, found: list[int]
) -> None:
    said = list(crossings(rule(made=START), changes, open_key))
    assert [next(at for at, one in enumerate(changes) if one is change) for change in said] == found


@pytest.mark.parametrize(
    ("at", "zone", "said"),
    [
        ("2026-03-31T22:30:00", "Europe/Paris", "2026-04"),
        ("2026-03-31T21:30:00", "Europe/Paris", "2026-03"),
        ("2026-01-01T07:59:59", "America/Los_Angeles", "2025-12"),
        ("2026-01-01T00:00:00", "UTC", "2026-01"),
    ],
)
def test_the_month_begins_at_midnight_of_the_zone(at: str, zone: str, said: str) -> None:
    from datetime import UTC, datetime

    from spillover.core.instants import to_instant

    assert month(to_instant(datetime.fromisoformat(at).replace(tzinfo=UTC)), zone) == said


@pytest.fixture(scope="module")
def office() -> Iterator[Any]:
    found = SQLiteOffice(None)
    yield found
    drive(found.close())


NAMES = ("cross", "cross", "look", "look", "look", "pay", "pay", "note", "use", "give", "fail", "days")
ACTS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 40)), min_size=10, max_size=40)


class World:
    """An account's history, looked at now and then; `noted`: what is told of each order, by this test's own count."""

    _accounts = iter(range(1_000, 1 << 40))

    def __init__(self, office: Any, most: int) -> None:
        self.office, self.most, self.account = office, most, next(self._accounts)
        drive(office.put_topup_rule(TopUpRule(self.account, 10, "small", most)))
        self.balance, self.at = 25, START
        self.unseen: list[Step] = []
        self.open: TopUp | None = None
        self.granted: set[str] = set()
        self.per_month: dict[str, int] = {}

    def change(self, by: int, cause: str) -> None:
        after = max(self.balance + by, 0)
        if after != self.balance:
            self.unseen.append(Step(self.balance, after, self.at, cause))
            self.balance = after

    def look(self) -> None:
        """As the watcher; and, apart from it, what it has to come to."""
        changes, self.unseen = self.unseen, []
        expected = self.expected(changes)
        packs = {"small": PACK}
        told = self.office._desk.write(lambda tables: ordered(tables, self.account, changes, packs, "UTC", self.at))
        found = drive(self.office.open_topup(self.account))
        if self.open is not None and self.open.key in self.granted:
            self.open = None
        if expected is None:
            assert told == []
            assert (found.key if found else None) == (self.open.key if self.open else None)
            return
        assert [(one.type, one.key) for one in told] == [("topup.wanted", f"topup.wanted:{found.key}")]
        assert (found.period, found.number) == (expected, self.per_month.get(expected, 0) + 1)
        self.per_month[expected] = found.number
        self.open = found

    def expected(self, changes: Sequence[Step]) -> str | None:
        """The month of the order that these changes call for, each looked at by itself."""
        open_key = self.open.key if self.open else ""
        for step in changes:
            short = step.cause == open_key and bool(open_key) and step.after <= 10
            if open_key and step.cause == open_key:
                open_key = ""
            elif open_key or not (step.before > 10 and step.after <= 10):
                continue
            period = month(step.at, "UTC")
            if (short or step.before > 10 >= step.after) and self.per_month.get(period, 0) < self.most:
                return period
        return None

    def do(self, act: str, much: int) -> None:
        match act:
            case "cross":
                self.change(20, "by hand")
                self.change(-self.balance, "usage")
            case "use":
                self.change(-much, "usage")
            case "give":
                self.change(much, "by hand")
            case "pay" if self.open and self.open.key not in self.granted:
                self.granted.add(self.open.key)
                self.change(max(much // 4, 1), self.open.key)
            case "note" if self.open and self.open.key in self.granted:  # the charging worker sees it first
                drive(self.office.end_topup(self.open, "paid"))
            case "fail" if self.open and self.open.key not in self.granted:
                self.look()
                if self.open is not None and self.open.key not in self.granted:
                    assert drive(self.office.end_topup(self.open, "failed", "declined", at=self.at))
                    self.open = None
            case "days":
                self.at += much * DAY // 4
            case "look":
                self.look()


def require_the_rule(office: Any, acts: list[tuple[str, int]], most: int) -> None:
    world = World(office, most)
    for act, much in acts:
        world.do(act, much)
        orders = drive(office.topups(world.account, limit=1000))
        assert sum(order.state == "wanted" for order in orders) <= 1
        months = [order.period for order in orders]
        assert all(months.count(one) <= most for one in months)
    world.look()


@settings(max_examples=50, deadline=None)
@given(acts=ACTS, most=st.integers(1, 3))
def test_on_any_history_each_crossing_orders_once_while_none_is_open_and_no_month_has_too_many(
    office: Any, acts: list[tuple[str, int]], most: int
) -> None:
    require_the_rule(office, acts, most)


@pytest.mark.soak
@settings(max_examples=1_000, deadline=None)
@given(acts=ACTS, most=st.integers(1, 3))
def test_on_many_histories_each_crossing_orders_once_while_none_is_open_and_no_month_has_too_many(
    office: Any, acts: list[tuple[str, int]], most: int
) -> None:
    require_the_rule(office, acts, most)
