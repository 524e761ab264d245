"""A key that comes again after the hot state forgot it: nobody pays twice for a request, and no usage is lost."""

from __future__ import annotations

import random

import pytest

from spillover.model.leg import Leg
from spillover.model.reports import MeasureBalance
from tests.ledger.grounds import Ground
from tests.ledger.support import PRICE, Books, Hand, gifted, included, opened, over, overage, paid, run
from tests.ledger.verifier import faults

OTHER = "e" * 32
"""Another request's fingerprint."""


def rich(books: Books) -> Hand:
    """An account with credits in lots 1 and 2, and gifted units in lot 3; all of it settled."""
    hand = opened(books, "acme", ("credits", 9 * PRICE), ("credits", 9 * PRICE), ("codex.messages", 9))
    books.settle(*hand.entries)
    return hand


def numbers(books: Books, account: int) -> list[tuple[str, int, int, int]]:
    """What the account has and what it cost: measure, balance, receivable, owed."""
    rows: tuple[MeasureBalance, ...] = run(books.ledger.balances(account))
    return [(row.measure, row.balance, row.receivable, row.owed) for row in rows]


def settle_all(hand: Hand) -> None:
    """The stream, then what that has ordered, to the end."""
    hand.books.settle(*hand.entries)
    while hand.push():
        hand.books.settle(*hand.entries)


LEGS = {
    "an allowance": (included(2),),
    "gifted units": (gifted(2, (3, 2)),),
    "credits of two lots": (paid(3, (1, PRICE), (2, 2 * PRICE)),),
    "the overage line": (overage(2),),
    "all of them": (included(1), gifted(1, (3, 1)), paid(2, (1, PRICE), (2, PRICE)), overage(1)),
}


@pytest.mark.parametrize("legs", LEGS.values(), ids=LEGS)
def test_the_same_request_twice_is_paid_once_and_both_are_on_the_books(books: Books, legs: tuple[Leg, ...]) -> None:
    hand = rich(books)
    hand.use(*legs, key="once")
    settle_all(hand)
    paid_once = numbers(books, hand.account)
    hand.use(*legs, key="once")
    settle_all(hand)
    assert numbers(books, hand.account) == paid_once
    assert books.rows("SELECT key FROM usage_events WHERE sequence IN (5, 6) ORDER BY sequence") == [
        ("once",), ("spillover:again:0.6",),
    ]  # fmt: skip
    assert books.rows("SELECT refunded, units FROM refunded") == [(sum(leg.units for leg in legs),) * 2]
    assert books.quarantined() == ()
    assert faults(books.image()) == []


def test_what_comes_back_returns_to_the_lots_of_the_hot_state(books: Books) -> None:
    hand = rich(books)
    for _ in range(2):
        hand.use(paid(2, (1, 2 * PRICE)), key="once")
    settle_all(hand)
    assert hand.cells["lot:1"] == 7 * PRICE
    assert books.standing(hand.account).cells["lot:1"] == 7 * PRICE


def test_what_overshoot_left_to_be_paid_is_not_owed_twice(books: Books) -> None:
    hand = rich(books)
    for _ in range(2):
        hand.use(paid(1, (1, PRICE)), overshoot=over(3, PRICE), mode="record", key="once")
    settle_all(hand)
    # Once it is 17 and 2 owed; the refund of a credit pays one of those that are owed, as credits that come always do.
    assert numbers(books, hand.account)[0] == ("credits", 16 * PRICE, 0, PRICE)
    assert hand.cells["debt"] == PRICE
    assert faults(books.image()) == []


def test_overshoot_without_legs_is_given_back_too(books: Books) -> None:
    hand = rich(books)
    for _ in range(2):
        hand.use(overshoot=over(2, 0), mode="record", key="once")
    settle_all(hand)
    assert hand.cells["debt"] == 2 * PRICE
    assert books.rows("SELECT * FROM refunded") == []
    assert faults(books.image()) == []


@pytest.mark.parametrize(
    "facts",
    [{"fingerprint": OTHER}, {"subject": "s" * 20}, {"attributes": {"model": "other"}}],
    ids=["fingerprint", "subject", "attributes"],
)
def test_another_request_under_the_same_key_is_usage_of_its_own(books: Books, facts: dict[str, object]) -> None:
    hand = rich(books)
    hand.use(paid(1, (1, PRICE)), key="once")
    hand.use(paid(2, (1, 2 * PRICE)), key="once", **facts)
    settle_all(hand)
    assert numbers(books, hand.account)[0][1] == 15 * PRICE
    assert books.one("SELECT amount FROM monetization_events WHERE sequence = 6") == 2 * PRICE
    assert books.rows("SELECT * FROM refunded") == []
    assert faults(books.image()) == []


def test_a_third_time_is_a_pair_of_its_own(books: Books) -> None:
    hand = rich(books)
    for _ in range(3):
        hand.use(paid(1, (1, PRICE)), key="once")
    settle_all(hand)
    assert numbers(books, hand.account)[0][1] == 17 * PRICE
    assert books.one("SELECT count(*) FROM refunded") == 2
    assert faults(books.image()) == []


def test_a_redelivery_of_what_came_again_changes_nothing(books: Books) -> None:
    hand = rich(books)
    for _ in range(2):
        hand.use(paid(1, (1, PRICE)), key="once")
    books.settle(*hand.entries)
    before = books.dump()
    answer = books.settle(*hand.entries[-2:])
    assert (answer.quarantined, len(answer.done)) == (0, 2)
    assert books.settle(*reversed(hand.entries)).quarantined == 0
    books.raise_epoch(hand.account)
    assert books.settle(*hand.entries).quarantined == 0  # an older epoch, but booked before
    after = books.dump()
    assert {name: after[name] for name in ("usage_events", "balance_updates", "refunded")} == {
        name: before[name] for name in ("usage_events", "balance_updates", "refunded")
    }


def test_a_request_whose_first_event_is_in_quarantine_is_booked_under_its_own_key(books: Books) -> None:
    hand = rich(books)
    hand.use(included(1), key="once", granted=5)
    hand.use(paid(1, (1, PRICE)), key="once")
    assert books.settle(*hand.entries).quarantined == 1
    assert books.one("SELECT sequence FROM usage_events WHERE key = 'once'") == 6
    assert books.rows("SELECT * FROM refunded") == []


def twice_held(hand: Hand, *ends: tuple[str, int]) -> None:
    """The same hold, opened again for each of these ends: what it committed, or how it ended."""
    for kind, units in ends:
        hold = hand.open(paid(3, (1, 3 * PRICE)), key="held")
        hold = hand.extend(hold, paid(1, (1, PRICE)))
        hand.end(hold, kind, *([paid(units, (1, units * PRICE))] if units else []), fingerprint=f"{kind} {units}")


def test_a_hold_that_is_opened_and_committed_again_is_paid_once(books: Books) -> None:
    hand = rich(books)
    twice_held(hand, ("commit", 2), ("commit", 2))
    settle_all(hand)
    assert numbers(books, hand.account)[0][1] == 16 * PRICE
    assert hand.cells["lot:1"] == 7 * PRICE
    keys = [
        key for (key,) in books.rows("SELECT key FROM usage_events WHERE sequence BETWEEN 8 AND 10 ORDER BY sequence")
    ]
    assert keys == ["spillover:again:0.8", "spillover:again:0.9", "spillover:again:0.10"]
    assert books.rows("SELECT sequence, refunded FROM refunded") == [(10, 2)]
    assert faults(books.image()) == []


@pytest.mark.parametrize(
    ("ends", "left"),
    [
        ((("commit", 2), ("commit", 1)), 15),
        ((("release", 0), ("commit", 2)), 16),
        ((("expire", 0), ("commit", 2)), 16),
        ((("commit", 2), ("release", 0)), 16),
        ((("release", 0), ("release", 0)), 18),
    ],
)
def test_another_end_of_a_hold_that_came_again_stands(
    books: Books, ends: tuple[tuple[str, int], ...], left: int
) -> None:
    hand = rich(books)
    twice_held(hand, *ends)
    settle_all(hand)
    assert numbers(books, hand.account)[0][1] == left * PRICE
    assert books.rows("SELECT * FROM refunded") == []
    assert books.quarantined() == ()
    assert faults(books.image()) == []


def test_a_late_commit_that_comes_again_is_paid_once(books: Books) -> None:
    hand = rich(books)
    for _ in range(2):
        hold = hand.open(paid(3, (1, 3 * PRICE)), key="held")
        hand.end(hold, "expire")
        hand.late(hold, paid(2, (1, 2 * PRICE)))
    settle_all(hand)
    assert numbers(books, hand.account)[0][1] == 16 * PRICE
    assert faults(books.image()) == []


def test_what_came_again_for_an_erased_account_is_given_back_all_the_same(books: Books) -> None:
    hand = rich(books)
    for _ in range(2):
        hand.use(paid(1, (1, PRICE)), overshoot=over(1, 0), mode="record", key="once")
    run(books.ledger.erase_account(hand.account))
    settle_all(hand)
    assert numbers(books, hand.account)[0] == ("credits", 16 * PRICE, 0, 0)
    assert faults(books.image()) == []


def test_unreadable_terms_of_one_account_keep_back_nobody(filed: Books) -> None:
    hand, other = rich(filed), opened(filed, "bolt", ("credits", PRICE))
    for _ in range(2):
        hand.use(paid(1, (1, PRICE)), key="once")
    other.use(paid(1, (1, PRICE)))
    filed.meddle("UPDATE profiles SET payload = '{' WHERE account = ? AND version = 4", hand.account)
    answer = filed.settle(*hand.entries, *other.entries)
    assert (answer.parked, answer.quarantined) == ((), 0)
    assert filed.one("SELECT count(*) FROM usage_events") == len(hand.entries) + len(other.entries)


def test_the_event_keeps_its_own_key_and_is_read_under_the_one_it_stands_under(books: Books) -> None:
    hand = rich(books)
    for fingerprint in ("f" * 32, OTHER):
        hand.use(paid(1, (1, PRICE)), key="once", fingerprint=fingerprint)
    settle_all(hand)
    found = run(books.ledger.event_by_key(hand.account, "spillover:again:0.6"))
    assert found is not None
    assert (found.event.key, found.event.fingerprint, found.charge and found.charge.amount) == ("once", OTHER, PRICE)
    first = run(books.ledger.event_by_key(hand.account, "once"))
    assert first is not None
    assert first.sequence == 5
    rows = run(books.ledger.statement(hand.account)).rows
    assert [row.key for row in rows if row.kind == "debit"] == ["once", "spillover:again:0.6"]


def test_any_cut_of_the_stream_ends_in_the_same_balances(ground: Ground) -> None:
    kinds = [(included(1),), (gifted(1, (3, 1)),), (paid(1, (1, PRICE)),), (overage(1),)]
    results = set()
    for seed in range(6):
        cuts = sorted(random.Random(seed).sample(range(1, 12), seed))
        copy, pick = ground.books(), random.Random(7)
        hand = rich(copy)
        stream = [hand.use(*pick.choice(kinds), key=f"key {pick.randrange(4)}") for _ in range(12)]
        for start, end in zip([0, *cuts], [*cuts, 12], strict=True):
            copy.settle(*stream[start:end], *stream[: random.Random(seed).randrange(12)][:start])
        assert faults(copy.image()) == []
        results.add(tuple(numbers(copy, hand.account)))
    assert len(results) == 1
