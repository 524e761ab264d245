"""Each data set proves itself: an edit, a removal, an insertion or a cut end in any of them is found in it alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from spillover.audit import audit
from spillover.model.account import Override
from spillover.model.terms import Lower
from tests.ledger.grounds import KINDS
from tests.ledger.support import FEATURE, PRICE, Books, gifted, included, opened, over, overage, paid, story
from tests.ledger.verifier import CHAINS, chain_faults, faults

ORDER = {table: order.split(", ") for table, (order, _, _) in CHAINS.items()}
"""The columns by which an account's rows of a data set are ordered."""


@pytest.fixture(scope="module", params=KINDS)
def whole(request: pytest.FixtureRequest) -> Iterator[Books]:
    """Two accounts with a history; nobody changes it."""
    with KINDS[request.param](request.getfixturevalue) as ground:
        books = ground.books()
        settle_two(books)
        assert faults(books.image()) == []
        yield books


def settle_two(books: Books) -> None:
    grants = (("credits", 30 * PRICE), ("credits", 9 * PRICE), (FEATURE, 12))
    entries = story([opened(books, "acme", *grants), opened(books, "bolt", *grants)], 5, 60)
    for start in range(0, len(entries), 7):
        books.settle(*entries[start : start + 7])


COLUMNS = {
    "usage_events": ["epoch", "sequence", "key", "payload", "hash"],
    "monetization_events": ["number", "epoch", "sequence", "feature", "at", "subject", "amount", "legs", "hash"],
    "balance_updates": [
        "number", "kind", "measure", "lot", "delta", "source", "target", "lot_after", "account_after", "cause",
        "reason", "actor", "at", "hash",
    ],
}  # fmt: skip


def edited(column: str, value: Any) -> Any:
    """Another value of the same type."""
    if column == "kind":
        return "grant" if value == "debit" else "debit"
    if column == "hash":
        return bytes(32)
    if column == "payload":
        return bytes(value).replace(b'"granted"', b'"granter"') + b" "
    return value + (1000 if isinstance(value, int) else "x")


def row_of(books: Books, table: str, number: int) -> tuple[str, tuple[int, ...]]:
    """The condition for one row, and its values; number -1 is an account's last."""
    order = ", ".join(ORDER[table])
    account = books.one("SELECT max(id) FROM accounts")
    places = books.rows(f"SELECT account, {order} FROM {table} WHERE account = ? ORDER BY {order}", account)
    return " AND ".join(f"{name} = ?" for name in ("account", *ORDER[table])), places[number]


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in CHAINS for column in COLUMNS[table]])
def test_an_edit_of_any_column_is_found_by_its_own_data_set(whole: Books, table: str, column: str) -> None:
    where, place = row_of(whole, table, -3)
    before = whole.one(f"SELECT {column} FROM {table} WHERE {where}", *place)
    image = whole.image_if(f"UPDATE {table} SET {column} = ? WHERE {where}", edited(column, before), *place)
    assert chain_faults(image, table)
    assert not [fault for other in CHAINS if other != table for fault in chain_faults(image, other)]


@pytest.mark.parametrize("table", CHAINS)
@pytest.mark.parametrize("which", [0, -1])
def test_a_row_removed_is_found_also_at_the_end(whole: Books, table: str, which: int) -> None:
    where, place = row_of(whole, table, which)
    assert chain_faults(whole.image_if(f"DELETE FROM {table} WHERE {where}", *place), table)


@pytest.mark.parametrize("table", CHAINS)
def test_a_row_moved_to_another_account_is_found(whole: Books, table: str) -> None:
    where, place = row_of(whole, table, -1)
    moved = "number = number + 1000" if table == "balance_updates" else "epoch = 9"
    image = whole.image_if(
        f"UPDATE {table} SET {moved}, account = (SELECT min(id) FROM accounts) WHERE {where}", *place
    )  # fmt: skip
    assert len(chain_faults(image, table)) == 2


def named(books: Books, table: str, where: str, place: tuple[int, ...]) -> str:
    """As the audit calls a row."""
    if table == "usage_events":
        return f"{place[1]}.{place[2]} key {books.one(f'SELECT key FROM {table} WHERE {where}', *place)!r}"
    return f"number {books.one(f'SELECT number FROM {table} WHERE {where}', *place)}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("table", CHAINS)
def test_the_audit_names_the_row_that_was_edited_in_the_database(
    request: pytest.FixtureRequest, kind: str, table: str
) -> None:
    with KINDS[kind](request.getfixturevalue) as ground:
        books = ground.filed()
        settle_two(books)
        where, place = row_of(books, table, -3)
        source = books.place
        before = {str(one) for one in audit(source).findings if one.check == "chain"}
        books.meddle(f"UPDATE {table} SET hash = ? WHERE {where}", bytes(32), *place)
        found = [one for one in audit(source).findings if one.check == "chain"]
        assert before == set()
        assert {(one.table, one.account) for one in found} == {(table, place[0])}
        assert found[0].row == named(books, table, where, place)


def test_texts_of_every_kind_are_chained_as_the_page_says(books: Books) -> None:
    odd = "".join(map(chr, range(1, 0x180))) + '"\\/\u2028\u2029\ufeff\U0001f600'
    account = books.put("acme").account
    books.grant(account, 5, key=odd[:500], measure=odd[:300])
    hand = opened(books, "odd")
    hand.use(key=odd, feature=odd, subject=odd)
    assert books.settle(*hand.entries).quarantined == 0
    assert faults(books.image()) == []


@pytest.mark.parametrize(
    "drift",
    [
        "UPDATE lots SET balance = balance + 1, spent = spent - 1 WHERE lot = 1",
        "UPDATE account_balances SET owed = owed + 1",
        "UPDATE account_balances SET balance = balance + 1",
        "UPDATE settled_cells SET value = value + 1 WHERE name = 'w:used'",
        "DELETE FROM settled_cells WHERE name = 't'",
        "UPDATE accounts SET settled_sequence = settled_sequence - 1",
        "UPDATE accounts SET settled_version = settled_version - 1",
    ],
)
def test_a_projection_that_drifts_is_found_from_the_data_sets(whole: Books, drift: str) -> None:
    assert faults(whole.image_if(drift))


@pytest.fixture(scope="module", params=KINDS)
def rich(request: pytest.FixtureRequest) -> Iterator[Books]:
    """One account with an open hold, overshoot that is owed in part, an expired lot, a refund, an order not pushed."""
    with KINDS[request.param](request.getfixturevalue) as ground:
        books = ground.books()
        settle_rich(books)
        assert faults(books.image()) == []
        yield books


def settle_rich(books: Books) -> None:
    hand = opened(books, "acme", ("credits", 30 * PRICE), ("credits", 9 * PRICE), (FEATURE, 12))
    hand.use(included(1), gifted(2, (3, 2)), paid(3, (1, 3 * PRICE)), overage(2), key="used")
    hand.use(overshoot=over(3, PRICE), mode="record")
    hand.open(paid(2, (1, 2 * PRICE)), gifted(1, (3, 1)))
    books.change(hand.account, lowers=(Lower(2, "expire"),), overrides=(Override("l", 5),))
    hand.push()
    books.settle(*hand.entries)
    books.refund(hand.account, "used", 3)
    hand.push()
    books.settle(*hand.entries)
    books.change(hand.account, key="waits", adds=((1, 7),))


@pytest.mark.parametrize(
    "drift",
    [
        *(f"UPDATE account_balances SET {name} = {name} + 1 WHERE measure = 'credits'"
          for name in ("granted", "spent", "gone", "balance", "receivable", "owed")),
        "UPDATE lots SET expired = expired - 1, revoked = revoked + 1 WHERE lot = 2",
        "UPDATE lots SET expired = expired - 1, balance = balance + 1 WHERE lot = 2",
        "UPDATE settled_holds SET due = due + 1",
        "DELETE FROM settled_holds",
        "UPDATE refunded SET refunded = refunded - 1",
        "UPDATE refunded SET units = units + 1",
        "DELETE FROM refunded",
        "UPDATE orders SET raised = '[[1,8]]' WHERE key = 'waits'",
        "UPDATE orders SET version = 1 WHERE key = 'waits'",
        "DELETE FROM orders",
        "UPDATE settled_cells SET value = value - 1 WHERE name = 'debt'",
    ],
)  # fmt: skip
def test_what_drifts_in_a_richer_life_is_found_too(rich: Books, drift: str) -> None:
    assert faults(rich.image_if(drift))


def test_a_hold_that_drifts_is_found_too(rich: Books) -> None:
    record = bytes(rich.one("SELECT record FROM settled_holds"))
    assert b"plus" in record
    assert faults(rich.image_if("UPDATE settled_holds SET record = ?", record.replace(b"plus", b"pro")))
