"""Rebuilds beside rebuilds, settlers, engines and a move, interleaved call by call: nothing answered is lost."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any

import pytest

import spillover
from spillover.access.desk import Desk
from spillover.access.plain import Access
from spillover.bootstrap.connect import read_document
from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.engine.pushing import push_terms
from spillover.engine.rebuilding import rebuild
from spillover.engine.settlement import settle_account, settle_step
from spillover.model.errors import AccountShut, Contended
from spillover.model.reports import MOVED
from spillover.move.leaving import Left, leave
from tests.rebuild.support import account_of, looked, ports
from tests.support import clock, policy

SEEDS = 150


class Pause:
    """A moment at which others may go on, before a call of that name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __await__(self) -> Generator[str, None, None]:
        yield self._name


class Paused:
    """A port before each call of which others may go on."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*values: Any, **named: Any) -> Any:
            await Pause(name)
            return await found(*values, **named)

        return call


class Stage:
    """One account, and who does something to it at the same time."""

    def __init__(self) -> None:
        self.access: Access = spillover.connect("memory://", policy=policy(), clock=clock(), settle=False)
        self.access.accounts.put("acme", "plus")
        self.access.credits.add("acme", 10_000, key="first")
        self.account = account_of(self.access, "acme")
        store, ledger = ports(self.access)
        self.store, self.ledger = Paused(store), Paused(ledger)
        self.now = self.access.desk.clock()
        self.acknowledged: list[str] = []

    async def rebuilder(self) -> None:
        with suppress(AccountShut, Contended):  # another has it, or it was moved away
            await rebuild(self.store, self.ledger, self.account, now=self.now, reason="race", actor="ops")

    async def settler(self) -> None:
        for _ in range(4):
            await settle_step(self.store, self.ledger, batch=2)

    async def own_settler(self) -> None:
        await settle_account(self.store, self.ledger, self.account)

    async def pusher(self) -> None:
        with suppress(AccountShut, Contended):
            await push_terms(self.store, self.ledger, now=self.now)

    async def mover(self) -> None:
        await leave(self.store, self.ledger, self.account, "elsewhere", Left(), now=self.now, actor="ops")

    def engine(self, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        desk = Desk(self.access.policy, self.store, self.ledger, self.access.desk.clock, read_document)

        async def work() -> None:
            for number in range(5):
                ask = desk.take_in("acme", "video.seconds", 1, f"{name} {number}", {})
                (answer,) = await desk.decide([ask])
                if isinstance(answer, Decision):
                    assert answer.granted == 1
                    self.acknowledged.append(f"{name} {number}")
                else:
                    assert isinstance(answer, AccountShut | Contended), answer

        return work

    def play(self, pick: random.Random, *actors: Callable[[], Coroutine[Any, Any, None]]) -> None:
        going = [actor() for actor in actors]
        while going:
            one = pick.choice(going)
            for _ in range(pick.choice([1, 1, 1, 2, 5, 20])):
                try:
                    one.send(None)
                except StopIteration:
                    going.remove(one)
                    break

    def whole(self, actor: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """One actor, undisturbed."""
        self.play(random.Random(0), actor)

    def finish(self) -> None:
        """Whoever is left shut is put back, and all is settled."""
        store, ledger = ports(self.access)
        for account in drive(store.shut_accounts(10)):
            drive(rebuild(store, ledger, account, now=self.now, reason="left shut", actor="spillover"))
        self.access.settle(tend=False)

    def check(self) -> None:
        _, ledger = ports(self.access)
        assert drive(ledger.quarantined()) == ()
        for key in self.acknowledged:
            assert drive(ledger.event_by_key(self.account, key)) is not None, key
        epochs = [row.epoch for row in drive(ledger.epochs(self.account))]
        assert epochs == list(range(1, len(epochs) + 1))


def up_to(going: Coroutine[Any, Any, Any], *names: str) -> None:
    """Go on until one of these calls is next, or to the end."""
    if inspect.getcoroutinestate(going) == inspect.CORO_CLOSED:
        return
    try:
        while going.send(None) not in names:
            pass
    except StopIteration:
        pass


@pytest.mark.parametrize("next_", ["entries", "raise_epoch"])
def test_a_rebuild_that_was_overtaken_by_another_fences_nothing_that_was_answered_since(next_: str) -> None:
    stage = Stage()
    slow, engine = stage.rebuilder(), stage.engine("a")()
    up_to(slow, next_)  # it is shut by the slow one too
    stage.whole(stage.rebuilder)
    up_to(engine, "commit")
    up_to(engine, "commit")  # one is answered in the new epoch,
    stage.whole(stage.own_settler)  # and booked
    up_to(slow, "put_back")
    up_to(engine, "commit")  # another is answered
    assert len(stage.acknowledged) == 2
    up_to(slow)
    up_to(engine)
    stage.finish()
    stage.check()
    assert looked(stage.access, "acme").status == "same"
    stage.access.close()


@pytest.mark.parametrize("rebuilders", [1, 2, 3])
def test_rebuilds_beside_traffic_lose_nothing_that_was_answered(rebuilders: int) -> None:
    answered = 0
    for seed in range(SEEDS):
        stage = Stage()
        actors = [stage.rebuilder] * rebuilders + [stage.settler, stage.engine("a"), stage.engine("b"), stage.pusher]
        stage.play(random.Random(seed), *actors)
        stage.finish()
        stage.check()
        assert looked(stage.access, "acme").status == "same"
        answered += len(stage.acknowledged)
        stage.access.close()
    assert answered > SEEDS  # the engines did get through now and then


def test_an_account_that_is_moved_while_others_rebuild_it_stays_shut_and_lost_nothing() -> None:
    for seed in range(SEEDS):
        stage = Stage()
        actors = [stage.rebuilder, stage.rebuilder, stage.settler, stage.engine("a"), stage.own_settler, stage.mover]
        stage.play(random.Random(seed), *actors)
        store, ledger = ports(stage.access)
        place = drive(store.places([stage.account]))[stage.account]
        books = drive(ledger.standing(stage.account))
        assert place.shut
        assert (books.epoch > place.epoch, books.sequence) == (True, 0)
        assert drive(ledger.epochs(stage.account))[-1].reason == f"{MOVED}elsewhere"
        drive(settle_account(store, ledger, stage.account))
        stage.check()
        stage.access.close()
