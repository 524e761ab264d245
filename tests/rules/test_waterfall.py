"""Layers, lots and prices, read as a ledger."""

from __future__ import annotations

import pytest

from spillover.model.account import NEVER, Lot
from tests.rules.house import DAY, START, House, told

FULL = (
    "waterfall: [{from: allowance, windows: [{name: w, max: 5, every: day, in: UTC}]}, {from: units}, {from: credits}]"
)


def credits_only(*lots: tuple[Lot, int]) -> House:
    return House("waterfall: [{from: credits}]").lots(*lots)


def test_each_layer_gives_whole_units_and_the_rest_falls_to_the_next():
    house = House(FULL).lots((Lot(1, "f"), 4), (Lot(2, "credits"), 300))
    assert told(house.ask(20)) == "allowance 5 + units 4 (from 1) + credits 11 (55 from 2)"


def test_exact_grants_all_or_consumes_nothing():
    house = House(FULL).lots((Lot(1, "f"), 4), (Lot(2, "credits"), 10))
    assert told(house.ask(12)) == "denied: window w, units f, credits credits"
    assert told(house.ask(11)) == "allowance 5 + units 4 (from 1) + credits 2 (10 from 2)"


ORDER = [
    ("lower priority number first", (Lot(1, "credits", priority=2), Lot(2, "credits", priority=1)), "2, 1"),
    (
        "then earlier expiry",
        (Lot(1, "credits", expires=START + 2 * DAY), Lot(2, "credits", expires=START + DAY)),
        "2, 1",
    ),
    ("never expires last", (Lot(1, "credits", expires=NEVER), Lot(2, "credits", expires=START + DAY)), "2, 1"),
    ("then promotional before paid", (Lot(1, "credits"), Lot(2, "credits", promotional=True)), "2, 1"),
    ("then earlier effective time", (Lot(1, "credits", effective=5), Lot(2, "credits", effective=4)), "2, 1"),
    ("then the lower id", (Lot(2, "credits"), Lot(1, "credits")), "1, 2"),
    (
        "priority goes before expiry",
        (Lot(1, "credits", expires=START + DAY), Lot(2, "credits", priority=1)),
        "2, 1",
    ),
    (
        "expiry goes before promotional",
        (Lot(1, "credits", expires=START + DAY), Lot(2, "credits", promotional=True)),
        "1, 2",
    ),
]


@pytest.mark.parametrize(("guarantee", "lots", "order"), ORDER, ids=[case[0] for case in ORDER])
def test_lots_burn_in_one_order(guarantee, lots, order):
    house = credits_only(*((lot, 5) for lot in lots))
    assert told(house.ask(2)) == f"credits 2 (10 from {order})", guarantee


@pytest.mark.parametrize(
    ("at", "answer"), [(-1, "denied: credits credits"), (0, "credits 1 (5 from 1)"), (1, "credits 1 (5 from 1)")]
)
def test_a_lot_counts_from_its_effective_instant(at, answer):
    assert told(credits_only((Lot(1, "credits", effective=START + DAY), 5)).ask(1, DAY + at)) == answer


@pytest.mark.parametrize(
    ("at", "answer"), [(-1, "credits 1 (5 from 1)"), (0, "denied: credits credits"), (1, "denied: credits credits")]
)
def test_a_lot_counts_until_its_expiry(at, answer):
    assert told(credits_only((Lot(1, "credits", expires=START + DAY), 5)).ask(1, DAY + at)) == answer


def test_a_unit_may_be_paid_by_two_lots_and_a_rest_below_a_price_stays():
    house = credits_only((Lot(1, "credits"), 3), (Lot(2, "credits"), 4))
    assert told(house.ask(2)) == "denied: credits credits"
    assert told(house.ask(1)) == "credits 1 (5 from 1, 2)"
    assert house.cells["lot:2"] == 2_000_000


def test_ceilings_come_first_whoever_could_pay_and_count_what_others_pay():
    rule = "ceilings: [{name: c, max: 6, every: day, in: UTC}], " + FULL
    house = House(rule).lots((Lot(1, "credits"), 300))
    assert told(house.ask(7)) == "denied: ceiling c"
    assert told(house.ask(6)) == "allowance 5 + credits 1 (5 from 1)"
    assert told(house.ask(1)) == "denied: ceiling c"


def test_what_others_pay_counts_in_no_window_of_the_allowance():
    house = House("waterfall: [{from: units}, {from: allowance, windows: [{name: w, max: 2, ever: true}]}]").lots(
        (Lot(1, "f"), 5)
    )
    assert [told(house.ask(n)) for n in (5, 2, 1)] == ["units 5 (from 1)", "allowance 2", "denied: units f, window w"]


def test_spending_limits_bound_all_paid_layers_together():
    house = House(
        'waterfall: [{from: credits}, {from: overage, price_times: "2.00"}],'
        " spending: [{name: s, max: 30, every: day, in: UTC}]"
    ).lots((Lot(1, "credits"), 10))
    assert told(house.ask(5)) == "denied: credits credits, spending s"
    assert told(house.ask(4)) == "credits 2 (10 from 1) + overage 2 (20)"
    assert told(house.ask(1)) == "denied: spending s, spending s"


def test_overage_goes_up_to_its_cap_at_its_factor():
    house = House('waterfall: [{from: overage, price_times: "1.20", cap: {max: 18, every: month, in: UTC}}]')
    assert told(house.ask(4)) == "denied: cap overage_cap"
    assert told(house.ask(3)) == "overage 3 (18)"
    assert told(house.ask(1)) == "denied: cap overage_cap"


def test_without_consent_a_paid_layer_gives_nothing():
    house = House("waterfall: [{from: credits, consent: remembered}]").lots((Lot(1, "credits"), 10))
    house.profile = type(house.profile)(1, 1, "p", START, consent=False, lots=house.profile.lots)
    assert told(house.ask(1)) == "denied: consent credits"


def test_a_free_price_needs_no_credits():
    house = House("waterfall: [{from: credits}]", price="[{when: {size: small}, credits: 0}, {credits: 5}]")
    assert told(house.ask(9, size="small")) == "credits 9"
    assert told(house.ask(1, size="large")) == "denied: credits credits"


@pytest.mark.parametrize(
    ("usage", "micro"),
    [
        ({"input": 1_000_000}, 1_250_000),
        ({"input": 1}, 1),  # 1.25
        ({"input": 2}, 3),  # 2.5, half up
        ({"input": 3}, 4),  # 3.75
        ({"cached": 3}, 0),  # 0.375
        ({"cached": 4}, 1),  # 0.5, half up
        ({"input": 1, "cached": 2}, 2),  # 1.25 + 0.25 = 1.5: rounded once, on the total
        ({"input": 1, "cached": 1, "output": 1}, 11),  # 11.375
    ],
)
def test_cost_is_exact_and_rounded_once_half_up_on_the_total(usage, micro):
    house = House(
        "waterfall: [{from: allowance, windows: [{name: w, max: 100, ever: true}]}]",
        price='{input: "1.25", cached: "0.125", output: 10, per: 1M}',
        count="cost",
    )
    assert house.ask(usage).granted == micro


def test_only_what_the_plan_is_for():
    house = House("only: {size: [small]}, " + FULL)
    assert told(house.ask(1, size="small")) == "allowance 1"
    assert told(house.ask(1, size="large")) == "denied: plan size"
    assert told(house.ask(1)) == "denied: plan size"


def test_a_decision_that_would_draw_from_more_than_32_lots_is_refused_by_name():
    house = credits_only(*((Lot(number, "credits"), 5) for number in range(1, 41)))
    assert told(house.ask(33)) == "denied: bound legs"
    assert told(house.ask(32)).startswith("credits 32 (160 from 1, 2")


def test_a_maximum_that_was_lowered_below_what_was_used_gives_nothing_and_stays_in_its_box():
    house = House(FULL)
    house.cells |= {"f/w/day-UTC:start": START - 9 * 3_600_000, "f/w/day-UTC:used": 7}
    assert told(house.ask(1)) == "denied: window w, units f, credits credits"
