"""What becomes of top-ups later: a month that was full turns, a failed order is granted: SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.noticing import Worker
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput, StoreError
from spillover.notices.sending import Rules
from spillover.selling.turning import order_again
from tests.selling.filling import DAY, Filling, filling_on


@pytest.fixture(scope="module", params=["sqlite", "postgres_server"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filling]:
    yield from filling_on(request, tmp_path_factory)


def spent(shop: Filling, name: str, *, failed: bool = False) -> None:
    """An account whose month is full after one order, and that has nothing left."""
    shop.access.accounts.put(name, "plus")
    shop.give(name, "30", f"start {name}")
    shop.watch()
    shop.set(name, most=1)
    shop.spend(name, 4, "a")
    shop.watch()
    if failed:
        drive(shop.desk.fail(name, shop.orders(name)[0].key, "card declined"))
    else:
        shop.charge()
    shop.spend(name, 2 if failed else 22, "all of it")
    look(shop)
    assert shop.access.balance(name).credits == 0
    assert not shop.access.consume(name, "chat.messages")  # so nothing more comes into its books


def look(shop: Filling) -> None:
    worker = Worker(address_of(shop.url), Rules(allow_private=True), clock=shop.clock)
    worker.run()
    worker.close()


def again(shop: Filling, office: Any) -> int:
    return drive(order_again(office, office, shop.ledger, shop.clock()))


def test_an_account_that_is_below_as_its_month_was_full_is_ordered_for_once_when_the_month_has_turned(
    shop: Filling,
) -> None:
    spent(shop, "full")
    look(shop)
    assert shop.states("full") == ["paid"]
    shop.clock.turn(milliseconds=31 * DAY)
    for _ in range(2):
        look(shop)
    first, second = shop.orders("full")
    assert (second.state, second.number, second.period > first.period) == ("wanted", 1, True)
    assert shop.told("full")[1:] == [("topup.wanted", f"topup.wanted:{second.key}")]
    shop.charge()
    look(shop)
    shop.clock.turn(milliseconds=31 * DAY)
    look(shop)  # what was granted is above the threshold
    assert shop.states("full") == ["paid", "paid"]


def test_of_workers_that_see_a_month_turn_at_the_same_time_one_orders(shop: Filling) -> None:
    spent(shop, "many")
    shop.clock.turn(milliseconds=31 * DAY)
    offices: list[Any] = [open_office(address_of(shop.url), 10_000) for _ in range(3)]
    start, failed = threading.Barrier(3), list[BaseException]()
    rules = drive(shop.office.full_topups("9999-12"))
    assert shop.id("many") in [rule.account for rule, _ in rules]

    def work(office: Any) -> None:
        start.wait()
        try:
            again(shop, office)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work, args=(office,)) for office in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for office in offices:
        drive(office.close())
    assert (failed, shop.states("many")) == ([], ["paid", "wanted"])


def test_what_no_watcher_has_seen_yet_and_an_order_that_failed_are_not_ordered_for_as_a_month_turns(
    shop: Filling,
) -> None:
    spent(shop, "unseen")
    spent(shop, "failed", failed=True)
    shop.clock.turn(milliseconds=31 * DAY)
    shop.give("unseen", "5", "by hand")
    again(shop, shop.office)
    assert (shop.states("unseen"), shop.states("failed")) == (["paid"], ["failed"])
    look(shop)
    assert (shop.states("unseen"), shop.states("failed")) == (["paid", "wanted"], ["failed"])


def test_an_order_that_failed_and_was_granted_later_is_told_as_paid(shop: Filling) -> None:
    spent(shop, "late", failed=True)
    key = shop.orders("late")[0].key
    assert [one.state for one in drive(shop.desk.get("late")).orders] == ["failed"]
    shop.access.packs.grant("late", "small", key=key, paid="9.00 EUR", ref="by hand")
    assert [(one.state, one.note) for one in drive(shop.desk.get("late")).orders] == [("paid", "card declined")]
    with pytest.raises(InvalidInput, match="which is paid"):
        drive(shop.desk.fail("late", key, "card declined"))


def test_an_account_that_cannot_be_read_keeps_no_other_from_being_ordered_for_when_a_month_turns(shop: Filling) -> None:
    spent(shop, "beside")
    shop.access.accounts.put("broken", "plus")
    shop.clock.turn(milliseconds=31 * DAY)
    shop.give("broken", "5", "start broken")

    async def fails(looks: Any) -> Any:
        raise StoreError("its books cannot be read")

    worker = Worker(address_of(shop.url), Rules(allow_private=True), clock=shop.clock, finders=lambda *_: (fails,))
    with pytest.raises(StoreError, match="its books cannot be read"):
        worker.step()
    worker.close()
    assert shop.states("beside") == ["paid", "wanted"]
