"""The database itself keeps the books: rows stay as written, and only the right role writes those that can be."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from spillover.model.errors import StoreError
from spillover.postgres.layout import ROLES
from tests.ledger.support import PRICE, included, opened, paid, run
from tests.postgres.books import PostgresBooks, administrator, upgraded
from tests.postgres.conftest import SERVERS
from tests.servers import Databases

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
    "hot_stores": "id",
}
DATA_SETS = ("usage_events", "monetization_events", "balance_updates")
UPDATE_ROW = (
    "INSERT INTO balance_updates VALUES"
    " (1, 1, '{}', 'credits', 1, {}, 'a', '{}', {}, 0, '', '', '', 0, decode(repeat('00', {}), 'hex'))"
)


@pytest.fixture(scope="module", params=SERVERS)
def written(request: pytest.FixtureRequest) -> Iterator[PostgresBooks]:
    """Books with at least a row in each append-only table; what follows tries in vain to change them."""
    server: Databases = request.getfixturevalue(request.param)
    url = server.new_database(upgraded)
    books = PostgresBooks(url)
    hand = opened(books, "acme", ("credits", 3 * PRICE))
    hand.use(paid(1, (1, PRICE)))
    hand.use(included(1), granted=5)
    books.settle(*hand.entries)
    run(books.ledger.publish("h", "{}", at=0))
    books.raise_epoch(hand.account)
    books.ledger.bind_hot_store("one", None, reason="first opened")
    yield books
    books.close()
    server.drop_database(url)


def as_role(books: PostgresBooks, role: str, statement: str) -> None:
    with administrator(books.url) as connection:
        connection.execute(f"SET ROLE {role}")
        connection.execute(statement)


@pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}"])
@pytest.mark.parametrize("table", KEPT)
def test_no_row_of_the_books_is_changed_or_deleted_even_by_their_owner(
    written: PostgresBooks, table: str, statement: str
) -> None:
    with pytest.raises(errors.RestrictViolation, match=f"{table} is append-only"):
        as_role(written, "spillover_owner", statement.format(table, KEPT[table]))
    assert written.one(f"SELECT count(*) FROM {table}") >= 1


@pytest.mark.parametrize("statement", ["UPDATE {} SET account = account", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", DATA_SETS)
def test_a_partition_is_no_way_around(written: PostgresBooks, table: str, statement: str) -> None:
    for (part,) in written.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ?::text::regclass", table
    ):
        if statement.startswith("TRUNCATE") or written.one(f"SELECT count(*) FROM {part}"):
            with pytest.raises(errors.RestrictViolation, match=rf"{table}(_\d)? is append-only"):
                as_role(written, "spillover_owner", statement.format(part))


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"spillover_owner", "spillover_books"}))
@pytest.mark.parametrize("table", [*DATA_SETS, "quarantine"])
def test_only_settlement_and_orders_write_the_books(written: PostgresBooks, table: str, role: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedTable)):
        as_role(written, role, f"INSERT INTO {table} SELECT * FROM {table}")


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"spillover_owner", "spillover_terms"}))
def test_only_who_keeps_the_terms_writes_a_name_and_only_the_owner_deletes_one(
    written: PostgresBooks, role: str
) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedTable)):
        as_role(written, role, "INSERT INTO names VALUES (1, '1', 'label', 'ada')")
    with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedTable)):
        as_role(written, "spillover_terms", "DELETE FROM names")


@pytest.mark.parametrize(
    ("role", "own"),
    [
        ("spillover_usage_reads", "usage_events"),
        ("spillover_monetization_reads", "monetization_events"),
        ("spillover_balances_reads", "balance_updates"),
    ],
)
def test_a_data_set_is_read_without_the_others(written: PostgresBooks, role: str, own: str) -> None:
    as_role(written, role, f"SELECT * FROM {own}")
    for other in {*DATA_SETS, "accounts", "names"} - {own}:
        with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedTable)):
            as_role(written, role, f"SELECT * FROM {other}")


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
        "INSERT INTO balance_updates SELECT * FROM balance_updates LIMIT 1",
        "INSERT INTO usage_events SELECT account, 9, sequence, key, payload, hash FROM usage_events LIMIT 1",
        "INSERT INTO usage_events SELECT account, epoch, sequence, key || 1, payload, hash FROM usage_events LIMIT 1",
        "INSERT INTO monetization_events SELECT * FROM monetization_events",
        UPDATE_ROW.format("debit", 0, "b", 0, 32),
        UPDATE_ROW.format("debit", 1, "a", 0, 32),
        UPDATE_ROW.format("gift", 1, "b", 0, 32),
        UPDATE_ROW.format("debit", 1, "b", -1, 32),
        UPDATE_ROW.format("debit", 1, "b", 0, 31),
        UPDATE_ROW.format("plan_change", 1, "b", 0, 32),
        UPDATE_ROW.format("expire", 0, "b", 0, 32),
        "UPDATE account_balances SET gone = -1",
        "UPDATE account_balances SET receivable = 9007199254740992",
        "UPDATE lots SET ended = 'gone'",
        "INSERT INTO refunded VALUES (1, 0, 1, 3, 2)",
        "INSERT INTO refunded VALUES (1, 0, 1, 0, 2)",
        "INSERT INTO epochs VALUES (1, 0, 0, 0, '', '')",
        "INSERT INTO epochs VALUES (1, 2, -1, 0, '', '')",
        "INSERT INTO names VALUES (1, '1', 'account', 'acme')",
    ],
)
def test_the_schema_refuses_what_cannot_be(written: PostgresBooks, impossible: str) -> None:
    with pytest.raises(psycopg.IntegrityError), administrator(written.url) as connection:
        connection.execute(impossible)


def test_an_event_can_be_read_as_columns(written: PostgresBooks) -> None:
    rows = written.rows(
        "SELECT sequence, kind, feature, units, legs -> 0 ->> 'layer', late FROM usage_facts ORDER BY sequence"
    )
    assert rows[-1] == (3, "usage", "codex.messages", 1, "credits", 0)


def test_accounts_spread_over_the_partitions(books: PostgresBooks) -> None:
    hands = [opened(books, f"account {number}") for number in range(64)]
    for hand in hands:
        hand.use(included(1))
    books.settle(*[entry for hand in hands for entry in hand.entries])
    counts = books.rows("SELECT tableoid::regclass::text, count(DISTINCT account) FROM usage_events GROUP BY 1")
    assert len(counts) == 8
    assert max(count for _, count in counts) < 24


def test_a_right_that_was_taken_away_is_named(books: PostgresBooks) -> None:
    with administrator(books.url) as connection:
        connection.execute("REVOKE SELECT ON accounts FROM spillover_reads")
    with pytest.raises(StoreError, match="right missing"):
        run(books.ledger.accounts())
