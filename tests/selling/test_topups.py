"""Automatic top-ups from the crossing to the lot: what is ordered, charged, told and counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput, UnknownName
from spillover.policy import policy_from_document
from spillover.ports.sales import TopUp
from spillover.selling.charging import AFTER_MS, LEASE_MS, LOOK_AGAIN_MS, WAITING_MS, Charged
from tests.selling.filling import DAY, HOUR, MINUTE, Filling


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Filling]:
    found = Filling(f"sqlite:///{tmp_path}/books.db", "acme", "other")
    for name in ("acme", "other"):
        found.give(name, "30", f"start {name}")
    found.watch()
    found.set("acme")
    yield found
    found.close()


def cross(shop: Filling, key: str, messages: int = 4) -> None:
    """From 30 credits to 10."""
    shop.spend("acme", messages, key)
    shop.watch()


def test_credits_that_fall_to_the_threshold_order_the_pack_once_and_it_is_told(shop: Filling) -> None:
    shop.spend("acme", 3, "a")
    shop.watch()
    assert shop.orders("acme") == []
    shop.spend("acme", 1, "b")
    shop.spend("other", 4, "b")
    for _ in range(2):
        shop.watch()
    (order,) = shop.orders("acme")
    key = f"topup:{shop.id('acme')}:2026-03:1"
    assert (order.key, order.state, order.pack) == (key, "wanted", shop.access.policy.packs["small"])
    assert shop.told("acme") == [("topup.wanted", f"topup.wanted:{key}")]
    assert shop.orders("other") == []


def test_an_order_is_charged_under_its_key_and_its_pack_granted_under_the_same(shop: Filling) -> None:
    cross(shop, "a")
    (order,) = shop.orders("acme")
    assert shop.charge() == 1
    assert shop.till.charged == {order.key: "ch_0 acme 9.00 EUR"}
    assert shop.states("acme") == ["paid"]
    lot = shop.access.lots.list("acme")[-1]
    assert (lot.granted, lot.paid, lot.currency, lot.reference) == (100_000_000, "9.00", "EUR", "ch_0")
    assert lot.lot.expires == shop.clock() + 365 * DAY
    assert drive(shop.ledger.ordered(order.account, order.key))
    assert shop.charge() == 0


def test_a_top_up_arms_the_next_one_and_no_more_than_its_rule_says_come_in_a_month(shop: Filling) -> None:
    cross(shop, "a")
    for number in range(4):
        shop.charge()
        shop.watch()
        shop.spend("acme", 20, f"more {number}") if number < 3 else None
        shop.watch()
    assert [order.number for order in shop.orders("acme")] == [1, 2, 3]
    assert shop.states("acme") == ["paid"] * 3
    shop.clock.turn(milliseconds=31 * DAY)
    shop.give("acme", "20", "by hand")
    shop.spend("acme", 4, "april")
    shop.watch()
    assert [(order.period, order.number) for order in shop.orders("acme")][3:] == [("2026-04", 1)]


def test_the_month_is_that_of_the_accounts_own_zone(shop: Filling) -> None:
    shop.access.accounts.put("acme", zone="Pacific/Kiritimati")  # 14 hours before UTC
    shop.clock.turn(milliseconds=29 * DAY + 2 * HOUR)  # 2026-03-31T11:00Z
    cross(shop, "a")
    assert [order.period for order in shop.orders("acme")] == ["2026-04"]


def test_what_fell_while_an_order_was_open_orders_nothing_also_after_the_zone_went_back_a_month(shop: Filling) -> None:
    shop.set("acme", most=9)
    shop.access.accounts.put("acme", zone="Pacific/Kiritimati")
    shop.clock.turn(milliseconds=29 * DAY + 2 * HOUR)  # 2026-03-31T11:00Z
    cross(shop, "a")
    shop.charge()
    shop.watch()
    shop.access.accounts.put("acme", zone="UTC")
    cross(shop, "b", 20)
    assert [(one.period, one.state) for one in shop.orders("acme")] == [("2026-03", "wanted"), ("2026-04", "paid")]
    shop.give("acme", "10", "by hand")
    shop.spend("acme", 2, "c")  # nobody looks before the worker has noted the payment
    shop.charge()
    shop.watch()
    assert [one.state for one in shop.orders("acme")] == ["paid", "paid"]


def test_while_one_is_open_no_other_is_ordered_and_after_it_failed_the_next_crossing_orders(shop: Filling) -> None:
    cross(shop, "a")
    shop.give("acme", "10", "by hand")
    cross(shop, "b", 2)
    assert shop.states("acme") == ["wanted"]
    (order,) = shop.orders("acme")
    failed = drive(shop.desk.fail("acme", order.key, "card declined"))
    assert (failed.state, failed.note) == ("failed", "card declined")
    assert shop.told("acme")[1:] == [("topup.failed", f"topup.failed:{order.key}")]
    shop.watch()
    assert shop.states("acme") == ["failed"]
    shop.give("acme", "10", "by hand again")
    cross(shop, "c", 2)
    assert [(one.state, one.number) for one in shop.orders("acme")] == [("failed", 1), ("wanted", 2)]


def test_a_pack_that_is_not_enough_is_followed_by_the_next(shop: Filling) -> None:
    shop.set("acme", pack="tiny")
    cross(shop, "a", 6)
    for _ in range(4):
        shop.charge()
        shop.watch()
    assert shop.states("acme") == ["paid", "paid", "paid"]
    assert shop.access.balance("acme").credits == 15_000_000


def test_whoever_receives_the_order_may_charge_and_grant_it(shop: Filling) -> None:
    cross(shop, "a")
    (order,) = shop.orders("acme")
    assert shop.charge(charge=None) == 1
    assert shop.states("acme") == ["wanted"]
    assert shop.charge(charge=None) == 0
    shop.access.packs.grant("acme", "small", key=order.key, paid="8.10 EUR", ref="by hand")
    shop.clock.turn(milliseconds=LOOK_AGAIN_MS)
    shop.charge(charge=None)
    assert shop.states("acme") == ["paid"]


def test_a_refused_charge_is_tried_three_times_over_a_day_and_has_failed_then(shop: Filling) -> None:
    cross(shop, "a")
    shop.till.says = [Charged("failed", why="card declined"), ConnectionError("no answer"), Charged("failed", why="no")]
    begun = shop.clock()
    for after, state in ((0, "wanted"), (AFTER_MS[0], "wanted"), (AFTER_MS[1], "failed")):
        shop.clock.turn(milliseconds=after)
        assert shop.charge() == 1
        assert shop.charge() == 0
        assert shop.states("acme") == [state]
    assert shop.clock() - begun == DAY
    (order,) = shop.orders("acme")
    assert (order.note, shop.till.charged, shop.till.asked) == ("no", {}, [order.key] * 3)
    assert [type for type, _ in shop.told("acme")] == ["topup.wanted", "topup.failed"]


def test_a_charge_that_waits_for_a_bank_is_asked_for_again_and_counts_no_try(shop: Filling) -> None:
    cross(shop, "a")
    shop.till.says = [Charged("waiting")] * 5
    for _ in range(6):
        shop.charge()
        shop.clock.turn(milliseconds=WAITING_MS)
    assert (shop.states("acme"), shop.orders("acme")[0].tries) == (["paid"], 0)


def test_what_is_ordered_is_what_the_policy_sold_then(shop: Filling) -> None:
    cross(shop, "a")
    dearer = shop.access.policy.document.replace('"9.00 EUR"', '"19.00 EUR"')
    shop.access.policies.publish(policy_from_document(dearer))
    shop.charge()
    assert list(shop.till.charged.values()) == ["ch_0 acme 9.00 EUR"]
    assert shop.access.lots.list("acme")[-1].paid == "9.00"


def test_an_erased_account_is_not_charged_and_nothing_is_ordered_for_it(shop: Filling) -> None:
    shop.set("other")
    cross(shop, "a")
    acme, other = shop.id("acme"), shop.id("other")
    shop.spend("other", 4, "a")
    for name in ("acme", "other"):
        shop.access.accounts.erase(name)
    shop.watch()
    assert shop.ask(lambda office: office.topups(other)) == []
    assert shop.charge() == 1
    (order,) = shop.ask(lambda office: office.topups(acme))
    assert (order.state, order.note, shop.till.asked) == ("failed", "the account was erased", [])


@pytest.mark.parametrize("again", [False, True], ids=["erased", "its name is another's"])
def test_who_is_erased_while_he_is_charged_is_told_to_be_paid_back_and_nobody_gets_his_pack(
    shop: Filling, again: bool
) -> None:
    cross(shop, "a")
    acme = shop.id("acme")

    def charge(order: TopUp, name: str) -> Charged:
        shop.access.accounts.erase(name)
        if again:
            shop.access.accounts.put(name, "plus")
        return Charged("paid", "ch_7")

    assert shop.charge(charge=charge) == 1
    (order,) = shop.ask(lambda office: office.topups(acme))
    assert (order.state, order.note) == ("failed", "erased, but charged as ch_7: give it back")
    assert not again or shop.access.lots.list("acme") == ()
    assert shop.charge() == 0


def test_pages_of_rules_go_on_from_no_number_that_is_none(shop: Filling) -> None:
    for after in (-1, 1 << 63, True):
        with pytest.raises(InvalidInput, match="after: found"):
            drive(shop.desk.list(10, after))


def test_a_rule_orders_nothing_for_what_was_before_it(shop: Filling) -> None:
    shop.spend("other", 5, "a")
    shop.clock.turn(milliseconds=MINUTE)
    shop.set("other")
    shop.watch()
    assert shop.orders("other") == []
    shop.give("other", "20", "more")
    shop.spend("other", 3, "b")
    shop.watch()
    assert shop.states("other") == ["wanted"]


def test_a_removed_rule_orders_nothing_more_and_what_was_ordered_is_charged(shop: Filling) -> None:
    cross(shop, "a")
    assert drive(shop.desk.remove("acme")).rule is None
    shop.charge()
    shop.spend("acme", 20, "b")
    shop.watch()
    assert shop.states("acme") == ["paid"]
    with pytest.raises(UnknownName, match="account: found 'acme', expected one that has a rule"):
        drive(shop.desk.remove("acme"))


def test_a_worker_whose_lease_is_over_does_not_ask_beside_another(shop: Filling) -> None:
    cross(shop, "a")
    (order,) = shop.orders("acme")
    due = shop.clock() + LEASE_MS
    taken = [shop.ask(lambda office: office.put_off_topup(order, due, tries=0)) for _ in range(2)]
    assert taken == [True, False]
    assert shop.charge() == 0


def test_rules_and_orders_are_read_by_names(shop: Filling) -> None:
    cross(shop, "a")
    found = drive(shop.desk.get("acme"))
    rule = found.rule
    assert (rule.account, rule.below.credits, rule.pack, rule.most) == ("acme", "10", "small", 3)
    assert [(one.state, one.pack.price, one.due) for one in found.orders] == [
        ("wanted", "9.00", "2026-03-02T09:00:00.000Z")
    ]
    shop.set("other", below="0.5", pack="tiny", most=1)
    rules = {rule.account: rule.below.micro_credits for rule in drive(shop.desk.list()).rules}
    assert rules == {"acme": 10_000_000, "other": 500_000}
    first = drive(shop.desk.list(1))
    assert first.after is not None
    assert drive(shop.desk.list(1, first.after)).rules != first.rules


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("nobody", "10", "small", 3), UnknownName, "account: found 'nobody'"),
        (
            ("acme", "10", "huge", 3),
            UnknownName,
            "pack: found 'huge', expected one of the policy's packs: clips, small, tiny",
        ),
        (("acme", "10", "clips", 3), InvalidInput, "pack: found clips, of units, expected a pack of credits"),
        (("acme", "-1", "small", 3), InvalidInput, "below: found '-1'"),
        (("acme", 1.5, "small", 3), InvalidInput, "below: found 1.5, expected credits as text"),
        (("acme", "10", "small", 0), InvalidInput, "most: found 0, expected orders in a month, from 1 to 1,000"),
        (("acme", "10", "small", True), InvalidInput, "most: found True"),
    ],
)
def test_what_no_rule_can_be_is_refused_by_field_and_the_rule_stays(
    shop: Filling, words: tuple[str, object, str, int], error: type[InvalidInput], said: str
) -> None:
    before = drive(shop.desk.get("acme"))
    with pytest.raises(error) as refused:
        drive(shop.desk.set(*words))
    assert str(refused.value).startswith(said)
    assert drive(shop.desk.get("acme")) == before


def test_only_an_open_order_of_the_account_itself_can_be_said_to_have_failed(shop: Filling) -> None:
    cross(shop, "a")
    (order,) = shop.orders("acme")
    for name, key in (("other", order.key), ("acme", order.key[:-1] + "2"), ("acme", "topup:x")):
        with pytest.raises(UnknownName, match="the key of an order of this account"):
            drive(shop.desk.fail(name, key, "declined"))
    shop.charge()
    with pytest.raises(InvalidInput, match="which is paid, expected an order that is not"):
        drive(shop.desk.fail("acme", order.key, "declined"))
    assert shop.states("acme") == ["paid"]
