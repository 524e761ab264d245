"""Whatever happens in whatever order, and whoever dies: what was ordered and booked is there once, and all agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from spillover.access.desk import Desk
from spillover.bootstrap.connect import read_document
from spillover.engine.answers import Decision
from spillover.engine.pushing import push_terms
from spillover.engine.rebuilding import rebuild, shut_in
from spillover.engine.watching import Watching
from spillover.model.errors import SpilloverError
from tests.rebuild.disorder import START, Shop
from tests.rebuild.support import account_of, rebuilt, standing, waiting
from tests.rebuild.test_races import up_to
from tests.rungs.opening import Place, place
from tests.support import policy

EACH = ["memory", "sqlite", "postgres", "valkey"]
EMBEDDED = EACH[:2]
FEW = {"memory": range(20), "sqlite": range(2)}
MANY = {"memory": range(1_000), "sqlite": range(100), "postgres": range(60), "valkey": range(60)}
CASES = [
    *(pytest.param(rung, seeds, id=rung) for rung, seeds in FEW.items()),
    *(pytest.param(rung, seeds, id=f"{rung}, many", marks=pytest.mark.soak) for rung, seeds in MANY.items()),
]


@pytest.mark.parametrize(("rung", "seeds"), CASES)
def test_any_order_of_orders_decisions_losses_and_rebuilds_ends_in_books_that_are_whole(
    rung: str, seeds: range, request: pytest.FixtureRequest
) -> None:
    for seed in seeds:
        with place(rung, request.getfixturevalue) as where:
            played(where, seed)


def played(where: Place, seed: int, *, steps: int = 150) -> None:
    """One history, to its end."""
    pick = random.Random(seed)
    shop = Shop(where, pick)
    try:
        shop.run(shop.put())
        shop.play(steps, emptied=pick.choice([0.0, 0.01, 0.03]))
        shop.finish(all_=pick.random() < 0.5)
        shop.check()
    except BaseException as error:
        if isinstance(error, AssertionError | SpilloverError):
            error.add_note(f"seed {seed}:\n" + "\n".join(shop.log[-200:]))
        raise
    finally:
        shop.close()


@contextmanager
def opened(rung: str, fixture: Callable[[str], Any]) -> Iterator[Shop]:
    """A shop of one account that has a plan, and 100 credits that are settled."""
    with place(rung, fixture) as where:
        shop = Shop(where, random.Random(0), ("acme",))
        try:
            shop.opened.access.accounts.put("acme", "plus")
            credits(shop, 100, "first")
            shop.opened.access.settle(tend=False)
            yield shop
        finally:
            shop.close()


def credits(shop: Shop, amount: int, key: str) -> None:
    shop.opened.access.credits.add("acme", amount, key=key)


def ends_whole(shop: Shop, balance: int) -> None:
    access = shop.opened.access
    shop.watch_places()
    assert access.balance("acme").credits == balance * 1_000_000
    access.settle(tend=False)
    shop.opened.sound()
    assert not [keys for keys in shop.made.values() if len(keys) > 1]


@pytest.mark.parametrize("rung", EACH)
def test_credits_ordered_after_a_rebuild_come_into_force_again_when_the_hot_store_is_emptied(
    rung: str, request: pytest.FixtureRequest
) -> None:
    with opened(rung, request.getfixturevalue) as shop:
        rebuilt(shop.opened.access, "acme")
        credits(shop, 500, "o")  # in force in an epoch in which nothing is settled
        shop.watch_places()
        shop.empty()
        shop.run(shop.rebuild_all())
        (entry,) = waiting(shop.opened.access, "acme")
        assert (entry.epoch, entry.sequence) == (2, 1)
        ends_whole(shop, 600)


@pytest.mark.parametrize("rung", EMBEDDED)
def test_an_account_in_an_epoch_in_which_nothing_is_settled_is_missed_and_put_back_by_a_settler(
    rung: str, request: pytest.FixtureRequest
) -> None:
    with opened(rung, request.getfixturevalue) as shop:
        rebuilt(shop.opened.access, "acme")
        shop.empty()
        assert shop.opened.access.run(Watching(shop.store, shop.ledger).step(START)) == 1
        assert standing(shop.opened.access, "acme").epoch == 2
        ends_whole(shop, 100)


@pytest.mark.parametrize("rung", EMBEDDED)
def test_first_terms_are_not_pushed_into_a_fenced_epoch_of_an_emptied_hot_store(
    rung: str, request: pytest.FixtureRequest
) -> None:
    with place(rung, request.getfixturevalue) as where:
        shop = Shop(where, random.Random(0), ("acme",))
        shop.run(shop.put())
        account = account_of(shop.opened.access, "acme")
        run = shop.opened.access.run
        run(shut_in(shop.store, account, 0))
        run(shop.ledger.raise_epoch(account, epoch=0, at=START, reason="who died", actor="ops"))
        shop.empty()
        run(push_terms(shop.store, shop.ledger, now=START))
        assert standing(shop.opened.access, "acme").epoch == 2
        assert shop.opened.access.consume("acme", "video.seconds", 1, key="it serves")
        ends_whole(shop, 0)
        shop.close()


@pytest.mark.parametrize("rung", EACH)
def test_who_is_late_to_put_an_epoch_back_opens_nothing(rung: str, request: pytest.FixtureRequest) -> None:
    with opened(rung, request.getfixturevalue) as shop:
        account, run = account_of(shop.opened.access, "acme"), shop.opened.access.run
        late = rebuild(*shop.paused, account, now=START, reason="late", actor="ops")
        while late.send(None) != "put_back":
            pass
        assert run(shut_in(shop.store, account, 1)).epoch == 0
        late.send(None)  # its own is not taken
        assert standing(shop.opened.access, "acme").shut
        late.close()
        rebuilt(shop.opened.access, "acme")
        assert standing(shop.opened.access, "acme").epoch == 2
        ends_whole(shop, 100)


@pytest.mark.parametrize("rung", EACH)
def test_an_epoch_is_put_back_by_who_raised_it_alone(rung: str, request: pytest.FixtureRequest) -> None:
    """Else a place that was given out, and is booked, is given out again once the store has lost it."""
    with opened(rung, request.getfixturevalue) as shop:
        access, account = shop.opened.access, account_of(shop.opened.access, "acme")
        late = rebuild(*shop.paused, account, now=START, reason="late", actor="ops")
        up_to(late, "raise_epoch")
        rebuilt(access, "acme")
        up_to(late, "put_back")  # of an epoch that the other has raised
        assert access.consume("acme", "video.seconds", 1, key="booked")
        access.settle(tend=False)
        shop.empty()
        up_to(late)
        other = Desk(policy(), shop.store, shop.ledger, lambda: START, read_document)  # that has seen nothing of it
        (after,) = access.run(other.decide([other.take_in("acme", "video.seconds", 1, "after", {})]))
        assert isinstance(after, Decision)
        access.settle(tend=False)
        assert access.run(shop.ledger.quarantined()) == ()
        ends_whole(shop, 100)


def test_an_account_that_the_store_lost_while_it_was_rebuilt_is_not_fenced() -> None:
    """Else what is answered there meanwhile would be lost."""
    with place("memory", lambda name: None) as where:
        shop = Shop(where, random.Random(0), ("acme",))
        shop.run(shop.put())
        account = account_of(shop.opened.access, "acme")
        slow = rebuild(*shop.paused, account, now=START, reason="slow", actor="ops")
        while slow.send(None) != "standing":
            pass
        shop.empty()
        assert shop.opened.access.consume("acme", "video.seconds", 1, key="answered")
        shop.going.append(("rebuild", slow))  # type: ignore[arg-type]
        shop.step(0, 1_000)
        shop.opened.access.settle(tend=False)
        assert shop.opened.access.run(shop.ledger.event_by_key(account, "answered")) is not None
        ends_whole(shop, 0)
        shop.close()
