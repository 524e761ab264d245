"""Whatever is killed at whatever step, a crossing is ordered, told, charged and granted once: SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import psycopg
import pytest

from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.model.errors import StoreError
from spillover.office.topup_records import order
from spillover.ports.sales import TopUp
from spillover.selling.charging import LEASE_MS
from tests.office.support import execute
from tests.selling.filling import Cut, Filling, Killed, filling_on

AMID, AFTER = "amid", "after"
"""Where a call of the office is cut off: its transaction is rolled back, which is as before it; or stands, unknown."""


@pytest.fixture(scope="module", params=["sqlite", "postgres_server"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filling]:
    yield from filling_on(request, tmp_path_factory)


@contextmanager
def cut_off(shop: Filling, at: int, when: str) -> Iterator[Any]:
    """An office of its own that is killed at that call."""
    office: Any = open_office(address_of(shop.url), 10_000)
    desk = office._desk
    office._desk = cut = Cut(desk, at, when)
    try:
        yield office, cut
    finally:
        office._desk = desk
        drive(office.close())


def fresh(shop: Filling, name: str) -> None:
    """An account that has crossed its threshold, which nobody has seen yet."""
    shop.access.accounts.put(name, "plus")
    shop.give(name, "30", f"start {name}")
    shop.watch()
    shop.set(name)
    shop.spend(name, 4, f"used by {name}")


def worked(shop: Filling, office: Any) -> None:
    """What the workers do with one account, from the crossing to the lot."""
    shop.watch(office)
    shop.charging(office).step()


def test_a_crossing_is_ordered_told_charged_and_granted_once_wherever_workers_are_killed(shop: Filling) -> None:
    killed_everywhere(shop, "quick", 1 if shop.url.startswith("sqlite") else 3)  # each costs a server more


@pytest.mark.soak
def test_a_crossing_is_granted_once_wherever_workers_are_killed_at_every_step(shop: Filling) -> None:
    killed_everywhere(shop, "soak", 1)


def killed_everywhere(shop: Filling, word: str, stride: int) -> None:
    fresh(shop, f"{word} counted")
    with cut_off(shop, 0, "") as (office, cut):
        worked(shop, office)
    steps = cut.calls
    assert steps >= 6
    killed, places = 0, range(1, steps + 1, stride)
    for at in places:
        for when in (AMID, AFTER) if stride == 1 else (AMID,):
            name = f"{word} killed {when} {at}"
            fresh(shop, name)
            with cut_off(shop, at, when) as (office, _):
                try:
                    worked(shop, office)
                except Killed:
                    killed += 1
            shop.clock.turn(milliseconds=LEASE_MS)
            with cut_off(shop, 0, "") as (office, _):
                worked(shop, office)
            shop.access.settle()
            require_once(shop, name)
    assert killed == len(places) * (2 if stride == 1 else 1)


@pytest.mark.parametrize("when", ["before the charge", "after the charge"])
def test_a_worker_killed_while_it_charges_is_followed_by_one_that_asks_under_the_same_key(
    shop: Filling, when: str
) -> None:
    fresh(shop, when)
    shop.watch()
    charged = dict(shop.till.charged)
    shop.till.says = [Killed()]
    with pytest.raises(Killed):
        shop.charge()
    if when == "before the charge":
        shop.till.charged = charged
    assert shop.charge() == 0  # the dead one's lease is not over yet
    shop.clock.turn(milliseconds=LEASE_MS)
    assert shop.charge() == 1
    require_once(shop, when)


def require_once(shop: Filling, name: str) -> None:
    (found,) = shop.orders(name)
    assert (found.state, found.number, found.tries) == ("paid", 1, 0), name
    assert shop.told(name) == [("topup.wanted", f"topup.wanted:{found.key}")], name
    assert found.key in shop.till.charged, name
    bought = [lot for lot in shop.access.lots.list(name) if lot.paid]
    assert [lot.granted for lot in bought] == [100_000_000], name


def test_two_watchers_of_one_look_order_once(shop: Filling) -> None:
    fresh(shop, "twice")
    with cut_off(shop, 0, "") as (one, _), cut_off(shop, 0, "") as (other, _):
        advance = other.advance

        async def overtaken(*args: Any, **options: Any) -> bool:
            shop.watch(one)
            return bool(await advance(*args, **options))

        other.advance = overtaken
        shop.watch(other)
    assert shop.states("twice") == ["wanted"]
    shop.charge()
    require_once(shop, "twice")


def test_the_database_itself_keeps_a_second_open_order_out_and_what_ended_as_it_is(shop: Filling) -> None:
    fresh(shop, "held")
    shop.watch()
    (first,) = shop.orders("held")
    second = TopUp(first.account, first.period, 2, first.pack, at=first.at, due=first.due)
    with pytest.raises((StoreError, apsw.ConstraintError, psycopg.Error)):
        shop.office._desk.write(lambda tables: order(tables, second))
    shop.charge()
    place = f"WHERE account = {first.account}"
    for statement in (
        f"UPDATE office_topups SET state = 'wanted' {place}",
        f"UPDATE office_topups SET note = 'x' {place}",
        f"DELETE FROM office_topups {place}",
    ):
        with pytest.raises((apsw.ConstraintError, psycopg.errors.RestrictViolation), match="append-only"):
            execute(shop.url, statement)
    assert shop.states("held") == ["paid"]


def test_exports_follow_one_another_without_gap_and_are_sent_once(shop: Filling) -> None:
    from spillover.ports.sales import Export

    account = 77
    first = Export(account, 1, 3, 9, 5_000_000, 45, "EUR", "1/3", at=1)
    assert shop.ask(lambda office: office.add_export(first))
    for odd in (first, Export(account, 2, 8, 12, 1, 1, "EUR"), Export(account, 3, 9, 12, 1, 1, "EUR")):
        assert not shop.ask(lambda office, odd=odd: office.add_export(odd))
    second = Export(account, 2, 9, 12, 1_000_000, 9, "EUR", "-1/2", at=2)
    assert shop.ask(lambda office: office.add_export(second))
    assert shop.ask(lambda office: office.unsent_exports()) == [first, second]
    for reference in ("ii_1", "ii_2"):
        shop.ask(lambda office, reference=reference: office.export_sent(account, 1, reference))
    found = shop.ask(lambda office: office.exports(account))
    assert [(one.state, one.reference) for one in found] == [("sent", "ii_1"), ("written", "")]
    assert shop.ask(lambda office: office.last_export(account)) == second
    with pytest.raises((apsw.ConstraintError, psycopg.errors.RestrictViolation), match="append-only"):
        execute(shop.url, "UPDATE office_exports SET money = 1 WHERE account = 77")


def test_a_customer_is_one_account_the_last_that_was_said(shop: Filling) -> None:
    for account in (1, 2):
        shop.ask(lambda office, account=account: office.bind_customer(account, "stripe", "cus_1"))
    assert shop.ask(lambda office: office.account_of("stripe", "cus_1")) == 2
    assert shop.ask(lambda office: office.customer(1, "stripe")) is None
    shop.ask(lambda office: office.bind_customer(2, "stripe", "cus_2"))
    assert shop.ask(lambda office: office.account_of("stripe", "cus_1")) is None
    assert shop.ask(lambda office: office.customers("stripe")) == [(2, "cus_2")]
