"""Erasing forgets names for good, in the bytes of the database's files; books and chains stay whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from spillover.ledgers.postgres import desks
from spillover.model.errors import StoreUnavailable, UnknownName
from tests.ledger.support import PRICE, opened, paid, run
from tests.ledger.verifier import faults
from tests.postgres.books import PostgresBooks, upgraded
from tests.postgres.support import as_admin
from tests.servers import Postgres, postgres

NAME = "the-erased-company"


@pytest.fixture(scope="module")
def own_server() -> Iterator[Postgres]:
    """One whose files can be read."""
    with postgres() as server:
        yield server


@pytest.fixture
def kept(own_server: Postgres) -> Iterator[PostgresBooks]:
    books = PostgresBooks(own_server.new_database(upgraded), wait_ms=300)
    yield books
    books.close()


def is_in_files(server: Postgres, name: str) -> bool:
    """Whether it stands in any file of any table, index or statistics. The log of changes (pg_wal) is not asked."""
    as_admin(server.url, "CHECKPOINT")
    folders = (server.data / "base", server.data / "global", server.data / "pg_stat")
    files = (path for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    return any(name.encode() in path.read_bytes() for path in files)


def test_erased_names_are_in_no_file_of_the_database_and_others_stay(own_server: Postgres, kept: PostgresBooks) -> None:
    gone, other = kept.put(NAME).account, kept.put("the-kept-company").account
    for number in range(0, 2000, 100):
        for account, kind in ((gone, "erased"), (other, "stays")):
            run(kept.ledger.tokens(account, [f"{kind}-person-{n}" for n in range(number, number + 100)]))
    as_admin(kept.url, "ANALYZE")
    assert is_in_files(own_server, NAME)
    assert is_in_files(own_server, "erased-person-")
    # Samples for the planner stand in tables of the system's, compressed; so they are asked for by name.
    samples = "SELECT attname::text FROM pg_stats WHERE tablename = 'names'"
    assert {column for (column,) in as_admin(kept.url, samples)} == {"account", "token", "kind"}

    run(kept.ledger.erase_account(gone))

    assert not is_in_files(own_server, NAME)
    assert not is_in_files(own_server, "erased-person-")
    assert run(kept.ledger.names(gone)) == {}
    assert len(run(kept.ledger.names(other))) == 2000
    assert run(kept.ledger.find_account("the-kept-company")) == other
    assert kept.rows("SELECT * FROM erasures") == []


def test_books_and_chains_of_an_erased_account_stay_whole(kept: PostgresBooks) -> None:
    hand = opened(kept, "acme", ("credits", 2 * PRICE))
    hand.use(paid(1, (1, PRICE)))
    kept.settle(*hand.entries)
    before = kept.dump()
    run(kept.ledger.erase_account(hand.account))
    after = kept.dump()
    assert before.pop("names") != after.pop("names") == []
    assert before == after
    assert faults(kept.image()) == []
    with pytest.raises(UnknownName):
        run(kept.ledger.tokens(hand.account, ["ada"]))


@pytest.fixture
def reader(kept: PostgresBooks) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody's long transaction, begun before the erasure."""
    with psycopg.connect(kept.url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        kept.put(NAME)
        connection.execute("SELECT count(*) FROM pg_class")
        yield connection


def test_an_older_snapshot_that_keeps_the_rows_is_named_and_a_later_try_finishes(
    own_server: Postgres, kept: PostgresBooks, reader: psycopg.Connection[tuple[object, ...]]
) -> None:
    account = run(kept.ledger.find_account(NAME))
    with pytest.raises(StoreUnavailable, match=r"older snapshot that keeps 1 erased names.*erase once more"):
        run(kept.ledger.erase_account(account))
    assert run(kept.ledger.find_account(NAME)) is None
    with pytest.raises(StoreUnavailable, match="older snapshot"):
        run(kept.ledger.finish_erasure())
    reader.rollback()
    other = PostgresBooks(kept.url)
    assert is_in_files(own_server, NAME)
    assert run(other.ledger.finish_erasure()) is True
    assert not is_in_files(own_server, NAME)
    assert run(other.ledger.finish_erasure()) is run(kept.ledger.finish_erasure()) is False
    other.close()


def test_a_settlement_finishes_what_an_erasure_left_and_does_not_try_each_time(
    own_server: Postgres,
    kept: PostgresBooks,
    reader: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(StoreUnavailable):
        run(kept.ledger.erase_account(run(kept.ledger.find_account(NAME))))
    kept.settle()  # in vain, and nobody has to know
    reader.rollback()
    kept.settle()
    assert is_in_files(own_server, NAME), "it was tried a moment ago"
    monkeypatch.setattr(desks, "PAUSE_S", 0.0)
    kept.ledger._desks._not_before = 0.0
    kept.settle()
    assert not is_in_files(own_server, NAME)


def test_who_reads_names_while_one_is_erased_finds_the_others(kept: PostgresBooks) -> None:
    other, gone = kept.put("other").account, kept.put(NAME).account
    with psycopg.connect(kept.url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM pg_class")
        with pytest.raises(StoreUnavailable):
            run(kept.ledger.erase_account(gone))
        rows = connection.execute("SELECT account FROM spillover_names.names WHERE kind = 'account'").fetchall()
        assert {account for (account,) in rows} == {other, gone}, "its snapshot is of before"
