"""Reading the books back: balances, usage in groups, statements; always bounded, with a place to go on from."""

from __future__ import annotations

import pytest

from spillover.model.account import Lot
from spillover.model.books import Charge
from spillover.model.errors import InvalidInput, UnknownName
from spillover.model.event import decode_event
from spillover.model.reports import LayerUse, LotBalance, UsageRow
from tests.ledger.support import FEATURE, PRICE, START, Books, Hand, gifted, included, opened, overage, paid, run

DAY = 86_400_000


@pytest.fixture
def hand(books: Books) -> Hand:
    """acme: 3 + 1 credits at 5 a message, 5 gifted messages; ada and bob, in two teams."""
    hand = opened(books, "acme", ("credits", 3 * PRICE), ("credits", PRICE), (FEATURE, 5))
    token = run(books.ledger.tokens(hand.account, ["ada", "bob", "red"]))
    hand.use(included(2), key="1", subject=token["ada"], attributes={"team": token["red"], "model": "large"})
    hand.use(gifted(5, (3, 5)), paid(1, (1, PRICE)), key="2", subject=token["bob"])
    hand.use(paid(3, (1, 2 * PRICE), (2, PRICE)), key="3", subject=token["ada"], at=START + DAY)
    hand.use(overage(1), key="4", feature="sora.seconds", at=START + 2 * DAY, attributes={"model": "large"})
    assert books.settle(*hand.entries).quarantined == 0
    return hand


def usage(hand: Hand, *by: str, **bounds: int) -> list[tuple[tuple[str, ...], int, int, int]]:
    page = run(hand.books.ledger.usage(hand.account, by=by, **bounds))
    assert page.after is None
    return [(row.group, row.requests, row.units, row.charged) for row in page.rows]


def test_balances_show_each_measure_with_its_live_lots_in_burn_order(hand: Hand) -> None:
    hand.books.grant(hand.account, 7, key="early", priority=1)
    credits, messages = run(hand.books.ledger.balances(hand.account))
    assert (credits.measure, credits.balance, credits.granted, credits.spent) == (
        "credits",
        7,
        4 * PRICE + 7,
        4 * PRICE,
    )
    assert (credits.receivable, credits.owed) == (PRICE, 0)
    assert credits.lots == (LotBalance(Lot(4, "credits", 1), 7, 7, 0, "9.00", "EUR", "1.71", "ch_1", START),)
    assert (messages.measure, messages.balance, messages.granted, messages.spent) == (FEATURE, 0, 5, 5)
    assert messages.lots == ()


def test_usage_says_what_each_layer_paid(hand: Hand) -> None:
    page = run(hand.books.ledger.usage(hand.account))
    assert page.rows == (
        UsageRow(
            (FEATURE,), 3, 11, 4 * PRICE,
            (LayerUse("allowance", 2, 0), LayerUse("units", 5, 0), LayerUse("credits", 4, 4 * PRICE)),
        ),
        UsageRow(("sora.seconds",), 1, 1, PRICE, (LayerUse("overage", 1, PRICE),)),
    )  # fmt: skip


def test_usage_is_grouped_by_subject_with_the_names_of_people(hand: Hand) -> None:
    assert sorted(usage(hand, "subject")) == [
        (("",), 1, 1, PRICE), (("ada",), 2, 5, 3 * PRICE), (("bob",), 1, 6, PRICE),
    ]  # fmt: skip
    run(hand.books.ledger.erase_account(hand.account))
    assert {len(group[0][0]) for group in usage(hand, "subject")} == {0, 20}


def test_usage_is_grouped_by_attributes_and_days(hand: Hand) -> None:
    assert sorted(usage(hand, "team")) == [(("",), 3, 10, 5 * PRICE), (("red",), 1, 2, 0)]
    assert usage(hand, "day", "model") == [
        (("2026-06-01", ""), 1, 6, PRICE),
        (("2026-06-01", "large"), 1, 2, 0),
        (("2026-06-02", ""), 1, 3, 3 * PRICE),
        (("2026-06-03", "large"), 1, 1, PRICE),
    ]
    assert usage(hand) == [((), 4, 12, 5 * PRICE)]


def test_days_are_those_of_the_accounts_zone(hand: Hand) -> None:
    hand.books.put(zone="America/New_York")
    assert [group[0] for group in usage(hand, "day")] == [("2026-05-31",), ("2026-06-01",), ("2026-06-02",)]


def test_usage_is_bounded_by_time_end_excluded(hand: Hand) -> None:
    assert usage(hand, "feature", since=START + DAY, until=START + 2 * DAY) == [((FEATURE,), 1, 3, 3 * PRICE)]
    assert usage(hand, "feature", since=START + 3 * DAY) == []


def test_usage_comes_page_by_page(hand: Hand) -> None:
    seen, after = [], None
    while True:
        page = run(hand.books.ledger.usage(hand.account, by=("day", "subject"), limit=1, after=after))
        seen += page.rows
        if page.after is None:
            break
        after = page.after
    assert tuple(seen) == run(hand.books.ledger.usage(hand.account, by=("day", "subject"))).rows
    assert len(seen) == 4


def test_a_statement_has_running_balances_reasons_and_names(hand: Hand) -> None:
    rows = run(hand.books.ledger.statement(hand.account)).rows
    assert [(row.number, row.kind, row.lot, row.delta, row.lot_after, row.account_after) for row in rows] == [
        (1, "grant", 1, 3 * PRICE, 3 * PRICE, 3 * PRICE),
        (2, "grant", 2, PRICE, PRICE, 4 * PRICE),
        (3, "grant", 3, 5, 5, 5),
        (4, "debit", 3, -5, 0, 0),
        (5, "debit", 1, -PRICE, 2 * PRICE, 3 * PRICE),
        (6, "debit", 1, -2 * PRICE, 0, PRICE),
        (7, "debit", 2, -PRICE, 0, 0),
        (8, "overage", 0, PRICE, 0, PRICE),
    ]
    assert [(row.reason, row.actor_name) for row in rows[2:6]] == [
        ("top-up", ""), ("usage", "bob"), ("usage", "bob"), ("usage", "ada"),
    ]  # fmt: skip
    assert (rows[0].actor, rows[7].actor) == ("ops", "account")


def test_a_statement_comes_page_by_page_and_by_time(hand: Hand) -> None:
    first = run(hand.books.ledger.statement(hand.account, limit=3))
    second = run(hand.books.ledger.statement(hand.account, limit=5, after=first.after or 0))
    assert [row.number for row in (*first.rows, *second.rows)] == list(range(1, 9))
    assert (first.after, second.after) == (3, None)
    late = run(hand.books.ledger.statement(hand.account, since=START + DAY, until=START + 2 * DAY))
    assert [row.number for row in late.rows] == [6, 7]


def test_accounts_are_listed_erased_ones_too(hand: Hand) -> None:
    other = hand.books.put("bolt", plan="free", state="suspended").account
    run(hand.books.ledger.erase_account(other))
    page = run(hand.books.ledger.accounts())
    rows = {row.account: (row.name, row.plan, row.state, row.version, row.settled_sequence) for row in page.rows}
    assert rows == {hand.account: ("acme", "plus", "active", 4, 8), other: (None, "free", "suspended", 1, 0)}
    one = run(hand.books.ledger.accounts(limit=1))
    two = run(hand.books.ledger.accounts(limit=1, after=one.after or 0))
    assert one.rows + two.rows == page.rows
    assert two.after is None


def test_an_event_is_found_by_its_key_with_its_charge(hand: Hand) -> None:
    found = run(hand.books.ledger.event_by_key(hand.account, "3"))
    assert found is not None
    assert (found.epoch, found.sequence, found.event) == (0, 7, decode_event(hand.entries[6].payload))
    assert found.charge == Charge(
        FEATURE, START + DAY, found.event.subject, 3 * PRICE, (("credits", 3, PRICE, 3 * PRICE),)
    )  # fmt: skip
    free = run(hand.books.ledger.event_by_key(hand.account, "1"))
    assert free is not None
    assert free.charge is None
    assert run(hand.books.ledger.event_by_key(hand.account, "no such key")) is None


@pytest.mark.parametrize("limit", [0, -1, 100_001])
def test_a_page_without_bound_is_refused(hand: Hand, limit: int) -> None:
    ledger = hand.books.ledger
    for call in (ledger.statement(hand.account, limit=limit), ledger.usage(hand.account, limit=limit),
                 ledger.accounts(limit=limit), ledger.quarantined(limit=limit)):  # fmt: skip
        with pytest.raises(InvalidInput, match="limit"):
            run(call)


def test_an_unknown_account_has_nothing_to_read(books: Books) -> None:
    for call in (books.ledger.balances(5), books.ledger.usage(5), books.ledger.statement(5)):
        with pytest.raises(UnknownName):
            run(call)
