"""Every row of the table of bookings (docs/decisions/0005, "Books"), by name, as the statement shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spillover.model.account import NEVER, Lot, Override
from spillover.model.terms import Lower, Reset
from tests.ledger.support import FEATURE, PRICE, START, Books, Hand, gifted, opened, over, overage, paid, run
from tests.ledger.verifier import faults

REVENUE = f"revenue/{FEATURE}"
Row = tuple[Any, ...]


def booked(hand: Hand) -> list[Row]:
    """The account's statement from here on: kind, measure, lot, delta, source, target, lot and account after."""
    before: int = hand.books.one("SELECT update_count FROM accounts WHERE id = ?", hand.account)
    rows = run(hand.books.ledger.statement(hand.account, after=before)).rows
    assert not rows
    hand.books.settle(*hand.entries)
    return rows_after(hand, before)


def rows_after(hand: Hand, number: int) -> list[Row]:
    return [
        (row.kind, row.measure, row.lot, row.delta, row.source, row.target, row.lot_after, row.account_after)
        for row in run(hand.books.ledger.statement(hand.account, after=number)).rows
    ]


def usage(hand: Hand) -> None:
    hand.use(gifted(2, (3, 2)), paid(3, (1, 2 * PRICE), (2, PRICE)), overage(2))


def commit(hand: Hand) -> None:
    hold = hand.open(paid(3, (1, 3 * PRICE)))
    hand.end(hold, "commit", paid(2, (1, 2 * PRICE)), overage(1))


def late_commit(hand: Hand) -> None:
    hold = hand.open(paid(3, (1, 3 * PRICE)))
    hand.end(hold, "expire")
    hand.late(hold, paid(1, (1, PRICE)))


def opening(hand: Hand) -> None:
    hold = hand.open(paid(1, (1, PRICE)), gifted(1, (3, 1)))
    hand.extend(hold, paid(1, (1, PRICE)))


def release(hand: Hand) -> None:
    hand.end(hand.open(paid(1, (1, PRICE)), overage(1)), "release")


def expiry(hand: Hand) -> None:
    hand.end(hand.open(paid(1, (1, PRICE))), "expire")


def overshoot(hand: Hand) -> None:
    hand.use(paid(1, (2, PRICE)), overshoot=over(3, PRICE), mode="record")


def overshoot_forgiven(hand: Hand) -> None:
    hand.use(overshoot=over(2, 2 * PRICE), mode="record")


def overshoot_owed(hand: Hand) -> None:
    hand.end(hand.open(paid(1, (1, PRICE))), "commit", paid(1, (1, PRICE)), overshoot=over(2, 0))


def overshoot_free(hand: Hand) -> None:
    hand.use(overshoot=over(2, 0, price=0), mode="record")


def fallen(hand: Hand) -> None:
    hold = hand.open(paid(3, (1, 2 * PRICE), (2, PRICE)), gifted(1, (3, 1)))
    hand.end(hold, "commit", paid(1, (1, PRICE)), gone={1: "expire", 2: "revoke"})


DEBIT = ("debit", "credits", 1, -PRICE, "lot/1", REVENUE)
SETTLED: dict[str, tuple[Callable[[Hand], None], list[Row]]] = {
    "usage": (usage, [
        ("debit", FEATURE, 3, -2, "lot/3", REVENUE, 3, 3),
        ("debit", "credits", 1, -2 * PRICE, "lot/1", REVENUE, 2 * PRICE, 3 * PRICE),
        ("debit", "credits", 2, -PRICE, "lot/2", REVENUE, 0, 2 * PRICE),
        ("overage", "credits", 0, 2 * PRICE, "receivable", REVENUE, 0, 2 * PRICE),
    ]),
    "commit": (commit, [
        ("debit", "credits", 1, -2 * PRICE, "lot/1", REVENUE, 2 * PRICE, 3 * PRICE),
        ("overage", "credits", 0, PRICE, "receivable", REVENUE, 0, PRICE),
    ]),
    "late commit": (late_commit, [(*DEBIT, 3 * PRICE, 4 * PRICE)]),
    "hold, extend": (opening, []),
    "release": (release, []),
    "expire": (expiry, []),
    "overshoot": (overshoot, [
        ("debit", "credits", 2, -PRICE, "lot/2", REVENUE, 0, 4 * PRICE),
        ("debit", "credits", 0, 3 * PRICE, "overshoot", REVENUE, 0, 3 * PRICE),
        ("overshoot_refund", "credits", 0, -PRICE, "forgiven", "overshoot", 0, 2 * PRICE),
        ("owed", "credits", 0, 2 * PRICE, "owed", "overshoot", 0, 2 * PRICE),
    ]),
    "overshoot, all forgiven": (overshoot_forgiven, [
        ("debit", "credits", 0, 2 * PRICE, "overshoot", REVENUE, 0, 2 * PRICE),
        ("overshoot_refund", "credits", 0, -2 * PRICE, "forgiven", "overshoot", 0, 0),
    ]),
    "overshoot of a commit, all owed": (overshoot_owed, [
        (*DEBIT, 3 * PRICE, 4 * PRICE),
        ("debit", "credits", 0, 2 * PRICE, "overshoot", REVENUE, 0, 2 * PRICE),
        ("owed", "credits", 0, 2 * PRICE, "owed", "overshoot", 0, 2 * PRICE),
    ]),
    "overshoot that costs nothing": (overshoot_free, []),
    "moves of a hold's end": (fallen, [
        (*DEBIT, 3 * PRICE, 4 * PRICE),
        ("expire", "credits", 1, -PRICE, "lot/1", "expired", 2 * PRICE, 3 * PRICE),
        ("revoke", "credits", 2, -PRICE, "lot/2", "revoked", 0, 2 * PRICE),
    ]),
}  # fmt: skip


@pytest.fixture
def hand(books: Books) -> Hand:
    """acme: lots of 4 and 1 credits at 5 a message, 5 gifted messages."""
    return opened(books, "acme", ("credits", 4 * PRICE), ("credits", PRICE), (FEATURE, 5))


@pytest.mark.parametrize("row", SETTLED)
def test_what_is_booked_for_an_event(hand: Hand, row: str) -> None:
    happens, wanted = SETTLED[row]
    happens(hand)
    assert booked(hand) == wanted
    assert hand.books.quarantined() == ()
    assert faults(hand.books.image()) == []


ORDERED: dict[str, tuple[dict[str, Any], list[Row]]] = {
    "revoke": ({"lowers": (Lower(1, "revoke"),)}, [
        ("revoke", "credits", 1, -4 * PRICE, "lot/1", "revoked", 0, PRICE)]),
    "expire": ({"lowers": (Lower(1, "expire"),)}, [
        ("expire", "credits", 1, -4 * PRICE, "lot/1", "expired", 0, PRICE)]),
    "adjust down": ({"lowers": (Lower(1, "adjust", PRICE),)}, [
        ("adjust", "credits", 1, -PRICE, "lot/1", "adjustments", 3 * PRICE, 4 * PRICE)]),
    "adjust up": ({"adds": ((1, PRICE),)}, [
        ("adjust", "credits", 1, PRICE, "adjustments", "lot/1", 5 * PRICE, 6 * PRICE)]),
    "rollover, and the rest expires": (
        {"lowers": (Lower(1, "rollover", PRICE, -1), Lower(1, "expire")), "into": (Lot(0, "credits", expires=NEVER),)},
        [("rollover", "credits", 1, -PRICE, "lot/1", "rollover", 3 * PRICE, 4 * PRICE),
         ("rollover", "credits", 4, PRICE, "rollover", "lot/4", PRICE, 5 * PRICE),
         ("expire", "credits", 1, -3 * PRICE, "lot/1", "expired", 0, 2 * PRICE)]),
    "override": ({"overrides": (Override("codex/burst", 5, until=START * 2),)}, [
        ("override", "codex/burst", 0, 0, "", f"5 until {START * 2}", 0, 0)]),
    "override of one scope value": ({"overrides": (Override("codex/burst", 7, "ada"),)}, [
        ("override", "codex/burst@ada", 0, 0, "", "7", 0, 0)]),
    "window_reset": ({"resets": (Reset("codex/weekly", ("w:used", "w:start")),)}, [
        ("window_reset", "codex/weekly", 0, 0, "12", "0", 0, 0)]),
}  # fmt: skip


@pytest.mark.parametrize("row", ORDERED)
def test_what_is_booked_for_an_order(hand: Hand, row: str) -> None:
    what, wanted = ORDERED[row]
    hand.use(changes=(("w:used", None, 12),))
    hand.books.settle(*hand.entries)
    before: int = hand.books.one("SELECT update_count FROM accounts")
    hand.books.change(hand.account, "why not", reason="because", **what)
    hand.push()
    hand.books.settle(*hand.entries)
    assert rows_after(hand, before) == wanted
    rows = run(hand.books.ledger.statement(hand.account, after=before)).rows
    assert {(row.reason, row.actor) for row in rows} == {("because", "ops")}
    cause = {"why not"} if "adds" in what else {f"0.{hand.sequence}"}
    assert {row.cause for row in rows} == cause
    assert faults(hand.books.image()) == []


TERMS: dict[str, tuple[dict[str, Any], Row]] = {
    "plan": ({"plan": "pro"}, ("plan_change", "plan", "plus", "pro")),
    "state": ({"state": "suspended"}, ("state_change", "state", "active", "suspended")),
    "consent": ({"consent": False}, ("state_change", "consent", "true", "false")),
    "zone": ({"zone": "Asia/Tokyo"}, ("state_change", "zone", "UTC", "Asia/Tokyo")),
    "billing_day": ({"anchor": 5}, ("state_change", "billing_day", str(START), "5")),
}


@pytest.mark.parametrize("what", TERMS)
def test_what_is_booked_for_changed_terms(hand: Hand, what: str) -> None:
    change, (kind, measure, before, after) = TERMS[what]
    hand.books.put(**change)
    hand.push()
    assert booked(hand) == [(kind, measure, 0, 0, before, after, 0, 0)]
    assert faults(hand.books.image()) == []


def test_new_credits_pay_what_is_owed_in_the_push_that_brings_them(hand: Hand) -> None:
    hand.use(overshoot=over(2, 0), mode="record")
    hand.push()
    hand.books.settle(*hand.entries)
    hand.books.grant(hand.account, 3 * PRICE, key="more")
    hand.push()
    assert booked(hand) == [("owed", "credits", 4, -2 * PRICE, "lot/4", "owed", PRICE, 6 * PRICE)]
    (credits, _) = run(hand.books.ledger.balances(hand.account))
    assert (credits.owed, credits.balance, credits.spent) == (0, 6 * PRICE, 2 * PRICE)
    assert hand.cells["debt"] == 0
    assert faults(hand.books.image()) == []


CHARGES: dict[str, tuple[Callable[[Hand], None], tuple[int, list[list[Any]]] | None]] = {
    "usage": (usage, (5 * PRICE, [["credits", 3, PRICE, 3 * PRICE], ["overage", 2, PRICE, 2 * PRICE]])),
    "commit": (commit, (3 * PRICE, [["credits", 2, PRICE, 2 * PRICE], ["overage", 1, PRICE, PRICE]])),
    "overshoot": (overshoot, (3 * PRICE, [
        ["credits", 1, PRICE, PRICE], ["overshoot", 3, PRICE, 3 * PRICE], ["forgiven", 0, 0, -PRICE]])),
    "all forgiven": (overshoot_forgiven, (0, [
        ["overshoot", 2, PRICE, 2 * PRICE], ["forgiven", 0, 0, -2 * PRICE]])),
    "costs nothing": (overshoot_free, None),
    "hold": (opening, None),
    "release": (release, None),
}  # fmt: skip


@pytest.mark.parametrize("what", CHARGES)
def test_what_is_charged_has_paid_legs_then_overshoot_then_what_is_forgiven(hand: Hand, what: str) -> None:
    happens, wanted = CHARGES[what]
    happens(hand)
    hand.books.settle(*hand.entries)
    charges = [run(hand.books.ledger.event_by_key(hand.account, entry.key)) for entry in hand.entries]
    found = [(one.charge.amount, [list(leg) for leg in one.charge.legs]) for one in charges if one and one.charge]
    assert found == ([wanted] if wanted else [])


def test_what_falls_back_and_what_was_used_say_why_and_by_whom(hand: Hand) -> None:
    hold = hand.open(paid(2, (1, 2 * PRICE)), subject="a" * 20)
    hand.end(hold, "commit", paid(1, (1, PRICE)), gone={1: "expire"}, subject="a" * 20)
    hand.books.settle(*hand.entries)
    rows = run(hand.books.ledger.statement(hand.account, after=3)).rows
    assert [(row.kind, row.reason, row.actor) for row in rows] == [
        ("debit", "usage", "a" * 20), ("expire", "hold ended", "a" * 20),
    ]  # fmt: skip
