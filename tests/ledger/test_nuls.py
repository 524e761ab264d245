"""Texts with a NUL, which PostgreSQL does not keep: refused in an order, poison in an event, whatever the database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spillover.ledgers.books import nuls
from spillover.model.account import Lot
from spillover.model.errors import InvalidInput
from spillover.model.event import StreamEntry
from spillover.ports import Grant
from tests.ledger.support import START, Books, included, opened, run


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (rb'{"a":"\u0000"}', True), (rb'"x\u0000"', True), (rb'"\\\u0000"', True), (rb'"\n\u0000"', True),
        (rb'"\\u0000"', False), (rb'"\\\\u0000"', False), (rb'"\u0001"', False), (rb'"u0000"', False),
        (rb'"\\u0000\u0000"', True), (b"", False),
    ],
)  # fmt: skip
def test_a_nul_is_seen_in_json_and_an_escaped_backslash_is_none(payload: bytes, found: bool) -> None:
    assert nuls.in_json(payload) is found


def test_a_key_with_a_nul_is_poison_that_is_shown_and_its_neighbours_go_on(books: Books) -> None:
    hand, other = opened(books, "acme"), opened(books, "other")
    forged = hand.use(included(1), key="k\0")
    hand.use(included(1))
    hand.entries.append(StreamEntry(other.account, 9, 1, "l\0", b"\0 no event"))
    other.use(included(1))
    other.entries.append(StreamEntry(4711, 0, 1, "m\0", b"{}"))
    for quarantined in (2, 0):
        answer = books.settle(*hand.entries, *other.entries)
        assert (answer.quarantined, [entry.key for entry in answer.parked]) == (quarantined, ["l\0"])
        assert forged in answer.done
    assert [(one.key, one.payload) for one in books.quarantined()] == [
        ("m\u2400", b"{}"), ("k\u2400", forged.payload),
    ]  # fmt: skip
    assert books.one("SELECT settled_sequence FROM accounts WHERE id = ?", hand.account) == hand.sequence
    assert books.one("SELECT settled_sequence FROM accounts WHERE id = ?", other.account) == other.sequence


@pytest.mark.parametrize(
    ("field", "order"),
    [
        ("reason", lambda books, of: books.change(of, reason="a\0b", adds=((1, 1),))),
        ("key", lambda books, of: books.grant(of, 5, key="k\0")),
        (
            "tax",
            lambda books, of: run(books.ledger.grant(of, Grant(Lot(0, "credits"), 5, "k", "", "", tax="\0"), at=START)),
        ),
        ("lot.measure", lambda books, of: books.grant(of, 5, measure="m\0")),
        ("terms", lambda books, of: books.put(plan="pl\0us")),
        ("account", lambda books, of: books.put("ac\0me")),
        ("event_key", lambda books, of: books.refund(of, "e\0", key="k")),
    ],
)
def test_an_order_with_a_nul_in_a_text_is_refused_by_its_field(
    books: Books, field: str, order: Callable[[Books, int], object]
) -> None:
    account = opened(books, "acme", ("credits", 5)).account
    before = books.dump()
    with pytest.raises(InvalidInput, match=f"{field}.*without NUL characters"):
        order(books, account)
    assert books.dump() == before
    assert run(books.ledger.event_by_key(account, "e\0")) is None
    assert run(books.ledger.ordered(account, "e\0")) is False
