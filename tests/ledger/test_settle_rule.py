"""The pure rule: which charge and transfers follow from an event, and which events do not add up."""

from __future__ import annotations

from typing import Any

import pytest

from spillover.core.settle import Poison, grant_transfer, settle
from spillover.model.account import Profile
from spillover.model.event import SCHEMA, Entry, Event
from spillover.model.leg import Leg
from tests.ledger.support import FEATURE, PRICE, START, gifted, included, overage, paid

BIG = 2**53


def event(*legs: Leg, **facts: Any) -> Event:
    drawn = {lot: sum(a for leg in legs for of, a in leg.lots if of == lot) for leg in legs for lot, _ in leg.lots}
    changes = tuple((f"lot:{lot}", None, -amount) for lot, amount in drawn.items())
    facts = {"granted": sum(leg.units for leg in legs), "legs": legs, "changes": changes} | facts
    rest = {"policy": "p", "feature": FEATURE, "subject": "s" * 20}
    return Event(
        **({"schema": SCHEMA, "rules": 1, "kind": "usage", "account": 7, "key": "k", "fingerprint": "f", "at": START,
            "profile": 1} | rest | facts)
    )  # fmt: skip


def test_each_layer_makes_its_charge_and_transfers() -> None:
    legs = (included(2), gifted(3, (4, 1), (5, 2)), paid(2, (1, PRICE), (2, PRICE)), overage(1))
    charge, transfers = settle(event(*legs), 0, 9)
    assert charge is not None
    assert (charge.feature, charge.at, charge.subject, charge.amount) == (FEATURE, START, "s" * 20, 3 * PRICE)
    assert charge.legs == (("credits", 2, PRICE, 2 * PRICE), ("overage", 1, PRICE, PRICE))
    assert [(t.kind, t.measure, t.lot, t.delta, t.source, t.target) for t in transfers] == [
        ("debit", FEATURE, 4, -1, "lot/4", f"revenue/{FEATURE}"),
        ("debit", FEATURE, 5, -2, "lot/5", f"revenue/{FEATURE}"),
        ("debit", "credits", 1, -PRICE, "lot/1", f"revenue/{FEATURE}"),
        ("debit", "credits", 2, -PRICE, "lot/2", f"revenue/{FEATURE}"),
        ("overage", "credits", 0, PRICE, "receivable", f"revenue/{FEATURE}"),
    ]
    assert {(t.cause, t.reason, t.actor, t.at) for t in transfers} == {("0.9", "usage", "s" * 20, START)}


@pytest.mark.parametrize(
    "legs",
    [(), (included(5),), (Leg("credits", 3),), (included(1), Leg("credits", 1))],
    ids=["none", "included", "free", "both"],
)
def test_what_costs_nothing_makes_no_charge_and_no_transfer(legs: tuple[Leg, ...]) -> None:
    assert settle(event(*legs), 0, 1) == (None, ())


def test_gifted_units_move_without_a_charge() -> None:
    charge, transfers = settle(event(gifted(2, (1, 2))), 0, 1)
    assert charge is None
    assert len(transfers) == 1


def test_usage_without_a_subject_is_the_accounts_own() -> None:
    assert settle(event(overage(1), subject=""), 0, 1).transfers[0].actor == "account"


def test_terms_book_nothing_since_a_grant_is_booked_when_raised() -> None:
    terms = Profile(account=7, version=1, plan="plus", anchor=0)
    assert settle(event(kind="terms", changes=(("lot:1", None, 50),), terms=terms), 0, 1, raised={1: 50}) == (None, ())


@pytest.mark.parametrize(("promotional", "source"), [(True, "promotion"), (False, "purchases")])
def test_a_grant_moves_from_where_it_was_paid(promotional: bool, source: str) -> None:
    made = grant_transfer(
        3, "credits", 50, promotional=promotional, cause="k", reason="r", actor="a", at=1
    )  # fmt: skip
    assert (made.source, made.target, made.delta, made.amount, made.lot) == (source, "lot/3", 50, 50, 3)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (event(included(2), schema=SCHEMA + 1), "schema"),
        (event(included(2), granted=3), "legs of 2 units"),
        (event(paid(2, (1, PRICE))), "lots give 5000000, expected 10000000"),
        (event(gifted(2, (1, 3))), "lots give 3, expected 2"),
        (event(Leg("allowance", 1, lots=((1, 1),))), "lots give 1, expected 0"),
        (event(Leg("overage", 1, 5, 5, ((1, 5),))), "lots give 5, expected 0"),
        (event(Leg("allowance", 1, 5, 5)), "nothing is charged"),
        (event(Leg("units", 1, 5, 5, ((1, 1),))), "nothing is charged"),
        (event(Leg("allowance", -1)), "outside 0"),
        (event(Leg("allowance", BIG)), "outside 0"),
        (event(Leg("overage", 1, 1, BIG)), "outside 0"),
        (event(Leg("overage", 1, -1, 1)), "outside 0"),
        (event(Leg("overage", 1, 1, -1)), "outside 0"),
        (event(Leg("allowance", BIG - 1), Leg("allowance", BIG - 1)), "a sum outside"),
        (event(Leg("overage", 1, 1, BIG - 1), Leg("overage", 1, 1, BIG - 1)), "a sum outside"),
        (event(included(1), at=-1), "an instant"),
        (event(included(1), at=BIG), "an instant"),
        (event(Leg("credits", 1, 5, 5, ((1, 6), (2, -1)))), "lot 2 gives -1"),
        (event(Leg("credits", 1, 5, 5, ((0, 5),))), "lot 0 gives"),
        (event(*[included(1)] * 33), "33 legs"),
        (event(gifted(33, *[(lot, 1) for lot in range(1, 34)])), "33 legs"),
        (event(kind="terms"), "terms of another"),
        (event(kind="terms", terms=Profile(7, 2, "plus", 0)), "terms of another"),
        (event(kind="terms", terms=Profile(8, 1, "plus", 0)), "terms of another"),
        (event(paid(1, (1, PRICE)), changes=()), "cell changed by 0"),
        (event(paid(1, (1, PRICE)), changes=(("lot:1", None, -PRICE + 1),)), "cell changed by"),
        (event(paid(1, (1, PRICE)), changes=(("lot:1", 0, -PRICE),)), "set by a floor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_event_that_does_not_add_up_is_poison(wrong: Event, reason: str) -> None:
    with pytest.raises(Poison, match=reason):
        settle(wrong, 0, 1)


def test_as_many_legs_as_a_decision_may_have_are_booked() -> None:
    assert len(settle(event(gifted(32, *[(lot, 1) for lot in range(1, 33)])), 0, 1).transfers) == 32


def test_an_entry_that_changes_nothing_is_not_booked() -> None:
    terms = Profile(account=7, version=1, plan="plus", anchor=0)
    entries = (Entry("override", "l", "1", "1"), Entry("override", "l", "1", "2"))
    settled = settle(event(kind="terms", terms=terms, entries=entries, reason="r", actor="a"), 0, 4)
    assert [(t.measure, t.source, t.target, t.delta, t.cause, t.reason, t.actor) for t in settled.transfers] == [
        ("l", "1", "2", 0, "0.4", "r", "a")
    ]
