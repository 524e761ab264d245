"""What falls due and what is read of other times: scheduled plans, gifts, ended lots, policies, past balances."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spillover.model.account import NEVER, Lot
from spillover.model.errors import InvalidInput, UnknownName
from spillover.model.event import Entry
from spillover.model.reports import EndedLot, LayerUse, PastBalance, Publication
from spillover.model.terms import Lower
from spillover.ports import Grant
from tests.ledger.support import FEATURE, PRICE, START, Books, Hand, opened, over, overage, paid, run

DAY = 86_400_000


def due(books: Books, until: int) -> list[int]:
    return run(books.ledger.due_accounts(until, 100))


@pytest.mark.parametrize(("until", "found"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize(
    "terms",
    [{"next_plan": "free", "next_at": START + DAY}, {"gift": ("plus/monthly", START + DAY)}],
    ids=["scheduled plan", "gift"],
)
def test_an_account_is_due_from_the_instant_on(books: Books, terms: dict[str, Any], until: int, found: bool) -> None:
    account = books.put(**terms).account
    books.put("another")
    assert due(books, START + DAY + until) == ([account] if found else [])


def test_an_account_is_due_at_the_earliest_of_all_instants(books: Books) -> None:
    account = books.put(next_plan="free", next_at=START + 9, gift=("plus/a", START + 7)).account
    run_put(books, gift=("plus/b", START + 5))
    assert books.one("SELECT due FROM accounts") == START + 5
    assert run_put(books, gift=("plus/b", START + 50)).gifts == (("plus/a", START + 7), ("plus/b", START + 50))
    assert books.one("SELECT due FROM accounts") == START + 7
    gift = Grant(Lot(0, "credits"), 5, "g", "gift", "", gift=("plus/a", START + 70))
    run(books.ledger.grant(account, gift, at=START))
    assert run(books.ledger.profile(account)).gifts == (("plus/b", START + 50), ("plus/a", START + 70))
    assert books.one("SELECT due FROM accounts") == START + 9


def test_gifts_of_another_plan_and_of_a_closed_account_are_not_due(books: Books) -> None:
    books.put(gift=("pro/monthly", START + 5))
    assert books.one("SELECT due FROM accounts") == NEVER
    run_put(books, plan="pro")
    assert books.one("SELECT due FROM accounts") == START + 5
    run_put(books, state="closed")
    assert books.one("SELECT due FROM accounts") == NEVER
    run_put(books, next_plan="free", next_at=START + 9)
    assert books.one("SELECT due FROM accounts") == START + 9


def test_all_lots_there_ever_were_are_listed(books: Books) -> None:
    hand = opened(books, "acme", ("credits", PRICE))
    books.grant(hand.account, 7, key="scoped", scope=(("model", ("large",)),), expires=START + 5)
    hand.push()
    hand.use(paid(1, (1, PRICE)))
    books.settle(*hand.entries)
    drained, scoped = run(books.ledger.lots(hand.account))
    assert (drained.lot, drained.balance, drained.spent) == (Lot(1, "credits"), 0, PRICE)
    assert scoped.lot == Lot(2, "credits", expires=START + 5, scope=(("model", ("large",)),))
    assert (scoped.balance, scoped.paid, scoped.reference, scoped.granted_at) == (7, "9.00", "ch_1", START)
    assert [run(books.ledger.account_name(account)) for account in (hand.account, 5)] == ["acme", None]
    with pytest.raises(UnknownName):
        run(books.ledger.lots(5))


def test_a_plan_that_is_put_drops_what_was_scheduled_unless_it_sets_that_too(books: Books) -> None:
    first = books.put(next_plan="free", next_at=START + DAY)
    assert (first.next_plan, first.next_at) == ("free", START + DAY)
    assert run_put(books, zone="Asia/Tokyo").next_plan == "free"
    assert (books.put().next_plan, books.put().next_at) == ("", NEVER)
    assert books.one("SELECT due FROM accounts") == NEVER
    pro = books.put(plan="pro", next_plan="plus", next_at=START + 5)
    assert (pro.plan, pro.next_plan, pro.next_at) == ("pro", "plus", START + 5)
    assert run_put(books, next_plan="").next_at == NEVER
    assert books.unpushed()[-2].entries == (Entry("plan_change", "plan", "plus", "pro"),)


def run_put(books: Books, **terms: Any) -> Any:
    return books.put(**({"plan": None} | terms))


@pytest.mark.parametrize(
    ("terms", "field"),
    [({"next_plan": "free"}, "next_at"), ({"next_plan": "free", "next_at": -1}, "next_at"),
     ({"gift": ("a", -1)}, "gift"), ({"gift": (5, 5)}, "gift")],
)  # fmt: skip
def test_a_schedule_that_is_none_is_refused(books: Books, terms: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        books.put(**terms)
    assert refused.value.field == field


def test_a_lot_that_expired_is_due_until_its_end_is_ordered(books: Books) -> None:
    hand = opened(books, "acme", ("credits", 5))
    books.grant(hand.account, 7, key="late", expires=START + 9, priority=3)
    books.grant(hand.account, 8, key="soon", expires=START + 5)
    account = hand.account
    assert [due(books, START + 4), due(books, START + 5)] == [[], [account]]
    ended = run(books.ledger.ended_lots(account, START + 9))
    assert ended == [
        EndedLot(Lot(3, "credits", expires=START + 5), 8, "soon"),
        EndedLot(Lot(2, "credits", 3, expires=START + 9), 7, "late"),
    ]
    books.change(account, lowers=(Lower(3, "expire"),))
    assert [one.lot.id for one in run(books.ledger.ended_lots(account, START + 9))] == [2]
    books.change(account, key="2", lowers=(Lower(2, "rollover", 5, -1), Lower(2, "expire")), into=(Lot(0, "credits"),))
    assert run(books.ledger.ended_lots(account, NEVER)) == []
    assert due(books, START * 2) == []


def test_a_lot_on_which_a_hold_draws_is_due_and_a_drained_one_is_not(books: Books) -> None:
    account = books.put().account
    for number in (1, 2):
        books.grant(account, PRICE, key=f"{number}", expires=START + 5)
    hand = Hand(books, account)
    hand.push()
    hand.open(paid(1, (1, PRICE)))
    hand.use(paid(1, (2, PRICE)))
    books.settle(*hand.entries)
    assert [one.lot.id for one in run(books.ledger.ended_lots(account, START + 5))] == [1]


def test_an_erased_account_is_never_due_and_uses_no_plan(books: Books) -> None:
    account = books.put(next_plan="free", next_at=START).account
    books.grant(account, 5, expires=START + 5)
    books.put("bolt", plan="pro")
    assert run(books.ledger.plans_in_use()) == {"free": 1, "plus": 1, "pro": 1}
    run(books.ledger.erase_account(account))
    assert due(books, START * 2) == []
    assert run(books.ledger.plans_in_use()) == {"pro": 1}


def test_due_accounts_come_bounded_in_one_order(books: Books) -> None:
    accounts = sorted(books.put(name, next_plan="free", next_at=START).account for name in "abc")
    assert run(books.ledger.due_accounts(START, 2)) == accounts[:2]
    with pytest.raises(InvalidInput, match="limit"):
        run(books.ledger.due_accounts(START, 0))


def test_of_the_policies_published_up_to_an_instant_the_newest_is_in_force(books: Books) -> None:
    ledger = books.ledger
    for name, since, at in (("a", None, 10), ("b", 100, 20), ("a", 50, 30), ("c", 60, 40), ("c", None, 70)):
        run(ledger.publish(name, f"{{{name}}}", at=at, since=since))
    assert run(ledger.publications()) == (
        Publication(1, "a", 10, 10), Publication(2, "b", 100, 20), Publication(3, "c", 60, 40),
    )  # fmt: skip
    assert [run(ledger.policy_document(at=at)) for at in (9, 10, 59, 60, 100)] == [None, "{a}", "{a}", "{c}", "{c}"]
    assert run(ledger.policy_document()) == "{c}"
    assert run(ledger.policy_document("b", at=0)) == "{b}"
    for wrong in ({"at": -1}, {"at": 5, "since": -1}):
        with pytest.raises(InvalidInput):
            run(ledger.publish("d", "{}", **wrong))


@pytest.fixture
def hand(books: Books) -> Hand:
    """acme through five days: a purchase, use, overage and overshoot, a payment of what is owed, a refund."""
    hand = opened(books, "acme", ("credits", 3 * PRICE), (FEATURE, 5))
    hand.at = START + DAY - 1000
    hand.use(paid(2, (1, 2 * PRICE)), overage(1), key="one")
    hand.at = START + 2 * DAY - 1000
    hand.use(overshoot=over(3, PRICE), mode="record", key="two")
    books.settle(*hand.entries)
    books.grant(hand.account, 5 * PRICE, key="more", at=START + 3 * DAY)
    hand.at = START + 3 * DAY
    hand.push()
    books.settle(*hand.entries)
    books.refund(hand.account, "one", at=START + 4 * DAY)
    hand.at = START + 4 * DAY
    hand.push()
    assert books.settle(*hand.entries).quarantined == 0
    return hand


def test_the_balance_of_any_past_instant_is_the_sum_up_to_it(hand: Hand) -> None:
    def at(instant: int) -> list[tuple[str, int, int, int]]:
        rows = run(hand.books.ledger.balance_at(hand.account, instant))
        assert all(isinstance(row, PastBalance) for row in rows)
        return [(row.measure, row.balance // PRICE or row.balance, row.receivable // PRICE, row.owed // PRICE)
                for row in rows]  # fmt: skip

    units = (FEATURE, 5, 0, 0)
    assert at(START - 1) == []
    assert at(START) == at(START + DAY - 1) == [("credits", 3, 0, 0), units]
    assert at(START + DAY) == [("credits", 1, 1, 0), units]
    assert at(START + 2 * DAY) == [("credits", 1, 1, 2), units]
    assert at(START + 3 * DAY) == [("credits", 4, 1, 0), units]
    assert at(START + 4 * DAY) == [("credits", 6, 0, 0), units]
    now = [
        (one.measure, one.balance, one.receivable, one.owed) for one in run(hand.books.ledger.balances(hand.account))
    ]
    assert now == [(one.measure, one.balance, one.receivable, one.owed)
                   for one in run(hand.books.ledger.balance_at(hand.account, NEVER))]  # fmt: skip
    with pytest.raises(UnknownName):
        run(hand.books.ledger.balance_at(4711, 5))


def test_entries_have_no_balance(hand: Hand) -> None:
    hand.books.put(plan="pro")
    hand.push()
    hand.books.settle(*hand.entries)
    assert {one.measure for one in run(hand.books.ledger.balance_at(hand.account, NEVER))} == {"credits", FEATURE}


def test_usage_shows_what_no_layer_paid_as_overshoot(hand: Hand) -> None:
    (row,) = run(hand.books.ledger.usage(hand.account)).rows
    assert (row.units, row.charged) == (6, 5 * PRICE)
    assert row.layers == (
        LayerUse("credits", 2, 2 * PRICE), LayerUse("overage", 1, PRICE), LayerUse("overshoot", 3, 2 * PRICE),
    )  # fmt: skip
    overshoot = hand.books.one("SELECT CAST(overshoot AS TEXT) FROM usage_facts WHERE key = 'two'")
    assert json.loads(overshoot)["forgiven"] == PRICE


def test_events_come_in_order_page_by_page_and_by_time(hand: Hand) -> None:
    other = opened(hand.books, "bolt")
    hand.books.settle(*other.entries)
    whole = run(hand.books.ledger.events())
    places = [(one.event.account, one.epoch, one.sequence) for one in whole.rows]
    assert places == sorted((entry.account, entry.epoch, entry.sequence) for entry in (*hand.entries, *other.entries))
    for account in (None, hand.account):
        seen, after = [], None
        while True:
            page = run(hand.books.ledger.events(account=account, limit=2, after=after))
            seen += page.rows
            if (after := page.after) is None:
                break
        assert seen == [one for one in whole.rows if account in (None, one.event.account)]
    day = run(hand.books.ledger.events(since=START + DAY, until=START + 2 * DAY)).rows
    assert [one.event.key for one in day] == ["one"]
    with pytest.raises(UnknownName):
        run(hand.books.ledger.events(account=5))
