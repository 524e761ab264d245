"""Two connections, in every order of their calls: a top-up beside a debit, a refund twice. Both applied, bounded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from itertools import combinations, count
from random import Random
from typing import Any

import pytest

from spillover.access.desk import Desk
from spillover.access.plain import Access
from spillover.engine.answers import Decision
from spillover.model.account import Lot
from spillover.model.errors import InvalidInput
from spillover.ports import Grant
from tests.faults.shop import POLICY, Where, audited, looks, quarantined
from tests.support import policy as shared

SAMPLE = 12
ORDERS = [pytest.param(SAMPLE, id="some"), pytest.param(10_000, id="all", marks=pytest.mark.soak)]
Work = Callable[[Desk, str], Coroutine[Any, Any, object]]
WHOLE = 1_000_000


class Pause:
    """A moment before a call of a port."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Paused:
    """A port before each call of which the other connection may go on."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*values: Any, **named: Any) -> Any:
            await Pause()
            return await found(*values, **named)

        return call


def paused(access: Access) -> Desk:
    """The use cases over this engine's own connections."""
    desk = access.desk
    read = lambda _: access.policy  # noqa: E731
    return Desk(access.policy, Paused(desk.store), Paused(desk.ledger), desk.clock, read)  # type: ignore[arg-type]


class Going:
    """One of two that are under way; `calls` it took so far, `answer` in the end, or the error that it was."""

    def __init__(self, work: Coroutine[Any, Any, object]) -> None:
        self._work, self.calls, self.over = work, 0, False
        self.answer: object = None

    def step(self) -> None:
        if self.over:
            return
        try:
            self._work.send(None)
            self.calls += 1
        except StopIteration as done:
            self.answer, self.over = done.value, True
        except InvalidInput as error:
            self.answer, self.over = error, True

    def rest(self) -> None:
        while not self.over:
            self.step()


class Pair:
    """Two engines, with connections of their own."""

    def __init__(self, one: Access, other: Access) -> None:
        self.one, self.other, self.numbers = one, other, count()

    def account(self) -> str:
        """A fresh one, with 3 credits and its allowance used up."""
        name = f"account {next(self.numbers)}"
        self.one.accounts.put(name, "plus")
        self.one.credits.add(name, 3, key="first")
        assert self.one.consume(name, "video", 30, key="window").granted == 30
        assert self.one.consume(name, "video", 2, key="paid").granted == 2
        return name

    def every_order(self, first: Work, second: Work, most: int) -> Iterator[tuple[str, object, object]]:
        """Each order of their calls (or `most` of them), on an account each."""
        for name, order in self._orders(first, second, most):
            left, right = Going(first(paused(self.one), name)), Going(second(paused(self.other), name))
            for mine in order:
                (left if mine else right).step()
            left.rest()
            right.rest()
            yield name, left.answer, right.answer

    def _orders(self, first: Work, second: Work, most: int) -> Iterator[tuple[str, list[bool]]]:
        trial = self.account()
        self.one.settle()
        lengths = []
        for work in (first, second):
            going = Going(work(paused(self.one), trial))
            going.rest()
            lengths.append(going.calls + 1)
        places = list(combinations(range(sum(lengths)), lengths[0]))
        for chosen in Random("orders").sample(places, min(most, len(places))):
            name = self.account()
            self.one.settle()
            yield name, [at in chosen for at in range(sum(lengths))]


@contextmanager
def pair(place: Where) -> Iterator[Pair]:
    with place.connect(policy=shared(POLICY)) as one, place.connect() as other:
        yield Pair(one, other)
        one.settle()
        assert quarantined(one) == ()
        assert {found.status for found in looks(one)} == {"same"}
        report = audited(place, one)
        assert report.ok, [str(finding) for finding in report.findings]


async def debit(desk: Desk, name: str) -> object:
    (answer,) = await desk.decide([desk.take_in(name, "video", 4, "debit", {"mode": "partial"})])
    return answer


async def top_up(desk: Desk, name: str) -> object:
    account = await desk.account(name)
    lot = await desk.ledger.grant(account, Grant(Lot(0, "credits"), 5 * WHOLE, "up", "", ""), at=desk.clock())
    await desk.push()
    return lot


def refund(key: str, units: int | None) -> Work:
    async def work(desk: Desk, name: str) -> object:
        return await desk.orders.refund(name, "paid", units=units, key=key, reason="", actor="")

    return work


def left(access: Access, name: str) -> int:
    access.settle()
    return sum(lot.balance for lot in access.lots.list(name))


@pytest.mark.parametrize("most", ORDERS)
def test_a_top_up_beside_a_debit_is_applied_and_so_is_the_debit(place: Where, most: int) -> None:
    with pair(place) as both:
        granted = set()
        for name, decision, lot in both.every_order(debit, top_up, most):
            assert isinstance(decision, Decision)
            assert isinstance(lot, Lot)
            granted.add(decision.granted)
            assert left(both.one, name) == (6 - decision.granted) * WHOLE
        assert granted == {1, 4}, "some came before the top-up, and some after"


@pytest.mark.parametrize("most", ORDERS)
@pytest.mark.parametrize(("second", "back"), [("again", 2), ("other", 2)])
def test_a_refund_twice_gives_back_no_more_than_was_paid(place: Where, second: str, back: int, most: int) -> None:
    with pair(place) as both:
        for name, one, other in both.every_order(refund("again", None), refund(second, None), most):
            if second == "again":
                assert one == other, "the same order has the same answer"
            else:
                assert [isinstance(one, InvalidInput), isinstance(other, InvalidInput)].count(True) == 1
            assert left(both.one, name) == (1 + back) * WHOLE
