"""The file itself keeps the books: rows stay as written, sums stay possible, only settlement and grants write.

The same of PostgreSQL: tests/postgres/test_schema.py.
"""

from __future__ import annotations

import apsw
import pytest

from spillover.model.errors import StoreError
from tests.ledger.grounds import IN_SQLITE
from tests.ledger.support import PRICE, Books, included, opened, paid, run

pytestmark = IN_SQLITE

KEPT = {
    "usage_events": "key",
    "monetization_events": "amount",
    "balance_updates": "delta",
    "quarantine": "reason",
    "profiles": "payload",
    "orders": "lot",
    "policies": "document",
    "publications": "hash",
    "epochs": "reason",
}

UPDATE_ROW = (
    "INSERT INTO balance_updates VALUES (1, 1, '{}', 'credits', 1, {}, 'a', '{}', {}, 0, '', '', '', 0, zeroblob({}))"
)


@pytest.fixture
def written(filed: Books) -> Books:
    """Books with at least a row in each append-only table."""
    hand = opened(filed, "acme", ("credits", 3 * PRICE))
    hand.use(paid(1, (1, PRICE)))
    hand.use(included(1), granted=5)
    filed.settle(*hand.entries)
    run(filed.ledger.publish("h", "{}", at=0))
    filed.raise_epoch(hand.account)
    return filed


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"])
def test_no_row_of_the_books_is_changed_or_deleted(written: Books, table: str, statement: str) -> None:
    connection = apsw.Connection(written.path)  # any program's, not just ours
    with pytest.raises(apsw.ConstraintError, match=f"{table} is append-only"):
        connection.execute(statement.format(table, KEPT[table]))
    assert connection.execute(f"SELECT count(*) FROM {table}").get >= 1
    connection.close()


@pytest.mark.parametrize("table", KEPT)
def test_replace_is_no_way_around(written: Books, table: str) -> None:
    desks = written.ledger._desks
    desk = desks.terms if table in ("policies", "publications") else desks.books
    with pytest.raises(StoreError, match="append-only"), desk.write() as connection:
        connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


@pytest.mark.parametrize("table", ["usage_events", "monetization_events", "balance_updates", "quarantine"])
@pytest.mark.parametrize("desk", ["terms", "reads"])
def test_only_settlement_and_grants_can_write_the_books(written: Books, table: str, desk: str) -> None:
    before = written.dump()
    with pytest.raises(StoreError), getattr(written.ledger._desks, desk).write() as connection:
        connection.execute(f"INSERT INTO {table} SELECT * FROM {table}")
    assert written.dump() == before


def test_settlement_cannot_touch_a_name(written: Books) -> None:
    with pytest.raises(StoreError), written.ledger._desks.books.write() as connection:
        connection.execute("DELETE FROM names")
    assert written.one("SELECT count(*) FROM names") == 1


@pytest.mark.parametrize(
    "impossible",
    [
        "UPDATE lots SET balance = -1, spent = granted + 1",
        "UPDATE lots SET balance = balance - 1",
        "UPDATE lots SET spent = spent + 1",
        "UPDATE lots SET expired = 1",
        "UPDATE lots SET balance = balance + 1, revoked = -1",
        "UPDATE lots SET granted = 9007199254740992, balance = 9007199254740992 - spent",
        "UPDATE account_balances SET balance = -1",
        "UPDATE account_balances SET owed = -1",
        "UPDATE account_balances SET owed = 9007199254740992",
        "INSERT INTO settled_cells VALUES (1, 'a', 0)",
        "INSERT INTO settled_cells VALUES (1, 'a', 1.5)",
        "INSERT INTO balance_updates SELECT * FROM balance_updates LIMIT 1",
        "INSERT INTO usage_events SELECT account, 9, sequence, key, payload, hash FROM usage_events LIMIT 1",
        "INSERT INTO usage_events SELECT account, epoch, sequence, key || 1, payload, hash FROM usage_events LIMIT 1",
        "INSERT INTO monetization_events SELECT * FROM monetization_events",
        UPDATE_ROW.format("debit", 0, "b", 0, 32),
        UPDATE_ROW.format("debit", 1, "a", 0, 32),
        UPDATE_ROW.format("gift", 1, "b", 0, 32),
        UPDATE_ROW.format("debit", 1, "b", -1, 32),
        UPDATE_ROW.format("debit", 1, "b", 0, 31),
        "UPDATE account_balances SET gone = -1",
        "UPDATE account_balances SET receivable = 9007199254740992",
        "UPDATE lots SET ended = 'gone'",
        "INSERT INTO refunded VALUES (1, 0, 1, 3, 2)",
        "INSERT INTO refunded VALUES (1, 0, 1, 0, 2)",
        "INSERT INTO epochs VALUES (1, 0, 0, 0, '', '')",
        "INSERT INTO epochs VALUES (1, 2, -1, 0, '', '')",
        UPDATE_ROW.format("plan_change", 1, "b", 0, 32),
        UPDATE_ROW.format("expire", 0, "b", 0, 32),
        "INSERT INTO names VALUES (1, '1', 'account', 'acme')",
    ],
)
def test_the_schema_refuses_what_cannot_be(written: Books, impossible: str) -> None:
    connection = apsw.Connection(written.path)
    with pytest.raises(apsw.ConstraintError):
        connection.execute(impossible)
    connection.close()


def test_a_failing_statement_leaves_nothing_of_its_transaction(written: Books) -> None:
    before = written.dump()
    halfway = "UPDATE lots SET balance = balance - 1, spent = spent + 1; INSERT INTO settled_cells VALUES (1, 'a', 0)"
    with pytest.raises(StoreError), written.ledger._desks.books.write() as connection:
        connection.execute(halfway)
    assert written.dump() == before


def test_an_event_can_be_read_as_columns(written: Books) -> None:
    rows = written.rows(
        "SELECT sequence, kind, feature, units, legs ->> '$[0].layer' FROM usage_facts ORDER BY sequence"
    )
    assert rows[-1] == (3, "usage", "codex.messages", 1, "credits")
