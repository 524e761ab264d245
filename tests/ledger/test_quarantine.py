"""What cannot be booked is quarantined with its reason and takes its sequence; its neighbours go on."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from spillover.model.account import Lot, Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.event import Move, StreamEntry, decode_event, encode_event
from spillover.model.leg import Leg
from spillover.model.terms import Lower
from tests.ledger.support import FEATURE, PRICE, START, Books, Hand, gifted, included, opened, overage, paid
from tests.ledger.verifier import faults

Poisoner = Callable[[Hand], StreamEntry]


def raw(payload: bytes) -> Poisoner:
    def put(hand: Hand) -> StreamEntry:
        hand.use(included(1), key="raw")
        entry = msgspec.structs.replace(hand.entries[-1], payload=payload)
        hand.entries[-1] = entry
        return entry

    return put


def terms(version: int) -> Poisoner:
    def put(hand: Hand) -> StreamEntry:
        profile = Profile(hand.account, version, "plus", 0)
        return hand.use(kind="terms", profile=version, terms=profile, key=f"terms {version}")

    return put


def held(hand: Hand, leg: Leg) -> StreamEntry:
    hand.open(leg)
    return hand.entries[-1]


def paying(hand: Hand, amount: int) -> StreamEntry:
    """New terms that take from lot 1 what overshoot never left to be paid."""
    hand.books.put(zone="Asia/Tokyo")
    (entry,) = hand.push()
    changes = (("lot:1", None, -amount), ("debt", None, -amount))
    event = msgspec.structs.replace(decode_event(entry.payload), moves=(Move("owed", 1, amount),), changes=changes)
    hand.entries[-1] = msgspec.structs.replace(entry, payload=encode_event(event))
    return hand.entries[-1]


CASES: dict[str, tuple[Poisoner, str, bool]] = {
    "not JSON": (raw(b"{"), "not an event", False),
    "not UTF-8": (raw(b"\xff\xfe"), "not an event", False),
    "another form": (raw(b'{"schema":1}'), "not an event", False),
    "a NUL in a text": (raw(b'{"schema":1,"feature":"a\\u0000"}'), "a text with a NUL", False),
    "a NUL after a backslash": (raw(b'{"key":"\\\\\\u0000"}'), "a text with a NUL", False),
    "a NUL as it is": (raw(b'{"key":"\0"}'), "not an event", False),
    "too deep": (raw(b'{"x":' + b"[" * 100_000), "not an event", False),
    "a fraction": (raw(b'{"schema":1.5}'), "not an event", False),
    "another schema": (lambda hand: hand.use(included(1), schema=3), "schema 3", True),
    "another account's": (lambda hand: hand.use(included(1), account=5), "stands in another's place", True),
    "does not add up": (lambda hand: hand.use(included(1), granted=2), "legs of 1 units", True),
    "unknown lot": (lambda hand: hand.use(paid(1, (9, PRICE))), "lot 9: found no such lot", True),
    "lot of another measure": (lambda hand: hand.use(gifted(1, (1, 1))), "a lot of credits", True),
    "too little in the lot": (lambda hand: hand.use(paid(3, (1, 3 * PRICE))), "draws 15000000 of a balance", True),
    "too little for two legs": (
        lambda hand: hand.use(paid(2, (1, 2 * PRICE)), paid(1, (1, PRICE))), "draws 15000000 of a balance", True,
    ),
    "a cell beyond 2^53": (
        lambda hand: hand.use(included(1), changes=(("a", None, AMOUNT_MAX), ("b", None, AMOUNT_MAX + 1))),
        "a cell would leave the range", False,
    ),
    "owed beyond 2^53": (
        lambda hand: (hand.use(Leg("overage", 1, 1, AMOUNT_MAX)), hand.use(overage(1)))[1],
        "what the account owes would pass", True,
    ),
    "a hold on an unknown lot": (lambda hand: held(hand, paid(1, (9, PRICE))), "lot 9: found no such lot", True),
    "a hold on a lot of another measure": (lambda hand: held(hand, gifted(1, (1, 1))), "a lot of credits", True),
    "paying what is not owed": (
        lambda hand: paying(hand, PRICE), "pays 5000000 more than is owed", True,
    ),
    "terms again": (terms(1), "terms 1, expected", True),
    "terms from nowhere": (terms(50), "terms 50, expected", True),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_poison_takes_its_sequence_and_its_neighbours_go_on(books: Books, case: str) -> None:
    poison, reason, applied = CASES[case]
    hand = opened(books, "acme", ("credits", 2 * PRICE))
    hand.use(included(1))
    entry = poison(hand)
    hand.use(paid(1, (1, PRICE)))
    other = opened(books, "other")
    other.use(included(1))

    answer = books.settle(*hand.entries, *other.entries)
    assert (len(answer.done), answer.parked, answer.quarantined) == (
        len(hand.entries) + 1 + len(other.entries) - 1,
        (),
        1,
    )
    (shown,) = books.rows("SELECT account, epoch, sequence, key, payload, counted, applied, reason FROM quarantine")
    assert shown[:7] == (hand.account, 0, entry.sequence, entry.key, entry.payload, 1, int(applied))
    assert reason in shown[7]
    assert books.one("SELECT settled_sequence FROM accounts WHERE id = ?", hand.account) == hand.sequence
    assert books.one("SELECT balance FROM lots") == PRICE
    assert faults(books.image()) == []

    before = books.dump()
    assert books.settle(*hand.entries).quarantined == 0
    assert books.dump() == before


def test_terms_whose_key_was_booked_before_are_not_booked_again(books: Books) -> None:
    hand = opened(books)
    books.settle(*hand.entries)
    books.put_again(hand.account, "pro", START)
    (push,) = books.unpushed()
    hand.entry(replace(hand._terms(push), key="spillover:terms:1"))
    assert books.settle(*hand.entries).quarantined == 1
    assert books.one("SELECT reason FROM quarantine") == "its key was booked before, as event 0.1"
    assert books.one("SELECT settled_version FROM accounts") == 1


def test_the_same_key_of_another_account_is_another_key(books: Books) -> None:
    hands = [opened(books, "acme"), opened(books, "bolt")]
    entries = [hand.use(included(1), key="same") for hand in hands]
    assert books.settle(*hands[0].entries, *hands[1].entries).quarantined == 0
    assert books.one("SELECT count(*) FROM usage_events WHERE key = 'same'") == len(entries)


def test_an_unknown_account_is_quarantined_and_blocks_nobody(books: Books) -> None:
    hand = opened(books)
    ghost = Hand(books, 4711)
    ghost.use(included(1))
    ghost.sequence = 7
    ghost.use(included(1))
    answer = books.settle(*ghost.entries, *hand.entries)
    assert (len(answer.done), answer.quarantined) == (3, 2)
    assert set(books.rows("SELECT sequence, reason, counted FROM quarantine")) == {
        (1, "the account is unknown", 0), (8, "the account is unknown", 0),
    }  # fmt: skip
    assert books.settle(*ghost.entries).quarantined == 0


def test_an_older_epoch_is_fenced_and_never_reaches_a_balance(filed: Books) -> None:
    books = filed
    hand = opened(books, "acme", ("credits", 2 * PRICE))
    booked = hand.use(paid(1, (1, PRICE)))
    books.settle(*hand.entries)
    late = hand.use(paid(1, (1, PRICE)))
    books.meddle("UPDATE accounts SET epoch = 1, settled_sequence = 0")
    answer = books.settle(booked, late)
    assert (answer.done, answer.quarantined) == ((booked, late), 1)
    assert books.rows("SELECT sequence, reason, counted, applied FROM quarantine") == [
        (late.sequence, "fenced: epoch 0 is older than the account's 1", 0, 0)
    ]
    assert books.one("SELECT balance FROM lots") == PRICE


@pytest.mark.parametrize("what", ["another key", "another payload"])
def test_a_place_given_twice_shows_that_the_hot_state_went_back(books: Books, what: str) -> None:
    hand = opened(books)
    first = hand.use(included(1), key="first")
    books.settle(*hand.entries)
    hand.sequence -= 1
    again = hand.use(included(2), key="first" if what == "another payload" else "second")
    assert again.sequence == first.sequence
    answer = books.settle(again)
    assert (answer.done, answer.quarantined) == ((again,), 1)
    assert books.rows("SELECT key, payload, counted, applied FROM quarantine") == [(again.key, again.payload, 0, 0)]
    assert "went back in time" in books.one("SELECT reason FROM quarantine")
    assert faults(books.image()) == []


def test_cells_of_a_quarantined_event_stay_comparable_with_the_hot_state(books: Books) -> None:
    hand = opened(books, "acme", ("credits", 5 * PRICE))
    hand.use(paid(1, (1, PRICE)), changes=(("w", None, 3),), granted=9)
    books.settle(*hand.entries)
    assert dict(books.rows("SELECT name, value FROM settled_cells")) == {"lot:1": 4 * PRICE, "t": hand.at, "w": 3}
    assert books.one("SELECT balance FROM lots") == 5 * PRICE


def test_a_rollover_that_would_pass_two_to_53_is_quarantined_and_stops_nobody(books: Books) -> None:
    hand, other = opened(books, "acme", ("credits", AMOUNT_MAX)), opened(books, "bolt")
    lowers = (Lower(1, "rollover", 5, -1), Lower(1, "expire"))
    books.change(hand.account, lowers=lowers, into=(Lot(0, "credits"),))
    hand.push()
    other.use(included(1))
    assert books.settle(*hand.entries, *other.entries).quarantined == 1
    (one,) = books.quarantined()
    assert "all that was ever granted would pass 2^53 - 1" in one.reason
    assert books.one("SELECT balance FROM lots WHERE lot = 1") == AMOUNT_MAX


def test_an_event_that_takes_more_of_a_cell_than_there_is_is_alone_to_blame(books: Books) -> None:
    hand = opened(books, "acme", ("credits", 2 * PRICE))
    hand.open(paid(3, (1, 3 * PRICE)))
    hand.open(paid(1, (1, PRICE)))
    hand.use(included(1))
    books.settle(*hand.entries)
    assert [(one.sequence, one.reason) for one in books.quarantined()] == [
        (3, "lot 1: -5000000 is left in its cell, 10000000 in the books")
    ]


def test_terms_that_raise_more_than_the_books_have_are_quarantined(filed: Books) -> None:
    hand = opened(filed, "acme", ("credits", 5))
    event = decode_event(hand.entries[-1].payload)
    more = msgspec.structs.replace(event, changes=(("lot:1", None, 9),))
    hand.entries[-1] = msgspec.structs.replace(hand.entries[-1], payload=encode_event(more))
    filed.meddle("UPDATE orders SET raised = '[[1,9]]'")
    filed.settle(*hand.entries)
    assert [one.reason for one in filed.quarantined()] == ["lot 1: 9 is left in its cell, 5 in the books"]


def test_a_late_commit_of_a_hold_that_is_open_leaves_it_open(books: Books) -> None:
    hand = opened(books, "acme", ("credits", 2 * PRICE))
    hold = hand.open(paid(1, (1, PRICE)))
    hand.late(hold, paid(1, (1, PRICE)))
    books.settle(*hand.entries)
    assert len(books.quarantined()) == 1
    assert books.rows("SELECT id FROM settled_holds") == [(hold.id,)]


@pytest.mark.parametrize("due", [0, -1, AMOUNT_MAX + 1])
def test_a_hold_that_is_due_at_no_instant_changes_nothing(books: Books, due: int) -> None:
    hand = opened(books)
    hold = hand.open(included(1))
    bad = msgspec.structs.replace(decode_event(hand.entries[-1].payload), hold=msgspec.structs.replace(hold, due=due))
    hand.entries[-1] = msgspec.structs.replace(hand.entries[-1], payload=encode_event(bad))
    hand.use(included(1))
    assert books.settle(*hand.entries).quarantined == 1
    assert books.one("SELECT applied FROM quarantine") == 0
    assert books.rows("SELECT * FROM settled_holds") == []
    assert faults(books.image()) == []


def test_what_is_quarantined_can_be_read_page_by_page(books: Books) -> None:
    hand = opened(books)
    for number in range(5):
        hand.use(included(1), granted=number + 5)
    books.settle(*hand.entries)
    seen = []
    page = books.quarantined(limit=2)
    while page:
        seen += [(event.sequence, event.counted) for event in page]
        page = books.quarantined(limit=2, after=page[-1])
    assert seen == [(number, True) for number in range(2, 7)]


def test_gifted_units_and_credits_never_mix(books: Books) -> None:
    hand = opened(books, "acme", (FEATURE, PRICE))
    hand.entry(hand.event(paid(1, (1, PRICE))))
    assert books.settle(*hand.entries).quarantined == 1
