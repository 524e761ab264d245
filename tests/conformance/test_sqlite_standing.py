"""Shutting and putting back in a SQLite file: whole or not at all, noticed whatever is remembered, and upgraded."""

from pathlib import Path

import apsw
import pytest

from spillover.model.commit import Committed, Conflict, Duplicate, OpenHold, Standing
from spillover.model.errors import StoreError
from spillover.sql import Component
from spillover.sqlite import open_database
from spillover.stores.sqlite import SQLiteHotStore
from spillover.stores.sqlite.hot import HOT
from spillover.stores.sqlite.known import SQL
from tests.conformance.support import Hot, add, grant, kinds, profile, push, remembered, settled


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "hot.db"


@pytest.fixture
def opened(path):
    """Opens stores on the file; all are closed at the end."""
    stores: list[Hot] = []

    def open_one() -> Hot:
        stores.append(Hot(SQLiteHotStore(path, "fast")))
        return stores[-1]

    yield open_one
    for hot in stores:
        hot.close()


def edit(path: Path, sql: str) -> list:
    connection = apsw.Connection(str(path))
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def test_what_a_store_remembers_does_not_outlive_its_own_or_anothers_shutting_and_putting_back(opened):
    hot, other = opened(), opened()
    for epoch, who in enumerate((hot, other, hot), 1):
        item = lambda epoch=epoch: grant(add("a", 1), epoch=epoch)  # noqa: E731
        assert kinds(hot.commit(item())) + kinds(other.commit(item())) == "cc"
        who.shut(1)
        for store in (hot, other):
            outcome = store.one(item())
            assert isinstance(outcome, Conflict)
            assert outcome.state.shut
            assert store.load(1, "a").shut
        assert who.put_back(settled(epoch=epoch + 1, cells={"a": 100}))
        for store in (hot, other):
            assert store.load(1, "a").cells == {"a": 100}
            assert not store.load(1).shut
        assert hot.one(grant(add("a", 1), epoch=epoch + 1)) == Committed(1, {"a": 101})


WHOLE = Standing(
    1, 5, 0, profile(3), {"a": 7, "é": -1}, (OpenHold(1, "h2", 9, b"r"), OpenHold(1, "h3", 4, b"s")),
    keys=(remembered(grant(key="old"), 4, 1), remembered(grant(key="k1"), 1, 2)),
)  # fmt: skip


def test_whatever_statement_fails_an_account_is_put_back_whole_or_stays_as_it_was(opened):
    hot, other = opened(), opened()
    hot.commit(push(1), grant(add("a", 1), add("b", 2), version=1, hold=("h1", 3, b"q"), key="k1"))
    hot.shut(1)
    before = hot.standing(1)
    for at in range(100):
        left = iter(range(at, -1, -1))
        hot.store._db.connection.exec_trace = lambda _, sql, __, left=left: sql == "ROLLBACK" or next(left, 1) != 0
        try:
            assert hot.put_back(WHOLE)
        except StoreError:
            hot.store._db.connection.exec_trace = None
            assert hot.standing(1) == other.standing(1) == before
            assert other.find(1, "old") is None
            assert kinds([hot.one(grant(version=1))]) == "x"
            continue
        break
    hot.store._db.connection.exec_trace = None
    assert at > 12
    for store in (hot, other):
        assert store.standing(1) == Standing(1, 5, 0, WHOLE.profile, WHOLE.cells, WHOLE.holds)
        assert store.find(1, "old") == Duplicate(4, 1, "request of old", b"")
        assert not store.put_back(WHOLE)


def test_a_key_that_the_books_have_at_another_place_is_theirs_and_its_entry_is_still_acknowledged(opened, path):
    # As after the hot state went back in time: what the stream has is of another history than the books.
    hot = opened()
    hot.commit(grant(key="k", payload=b"lost"))
    (lost,) = hot.read()
    edit(path, "CREATE TABLE usage_events (account, epoch, sequence, key, payload);"
               "CREATE TABLE quarantine (account, epoch, sequence, key, payload);"
               "INSERT INTO usage_events VALUES (1, 1, 8, 'k', x'6f6c64')")  # fmt: skip
    assert hot.find(1, "k") == Duplicate(1, 1, "request of k", b"lost")
    assert hot.put_back(settled(keys=(remembered(grant(key="k"), 1, 8),)))
    assert hot.find(1, "k") == Duplicate(1, 8, "request of k", b"old")
    assert kinds(hot.commit(grant(key="k", epoch=2))) == "d"
    assert hot.read() == hot.entries(1) == [lost]
    hot.acknowledge([lost])
    assert hot.read() == []
    assert hot.find(1, "k") == Duplicate(1, 8, "request of k", b"old")


def test_a_file_of_schema_2_is_upgraded_with_all_accounts_open(path, opened):
    open_database(path, Component("hot", HOT.scripts[:2]), durability="fast").close()
    edit(path, "INSERT INTO hot_accounts VALUES (1, 3, 2, 0); INSERT INTO cells VALUES (1, 'a', 7)")
    hot = opened()
    assert hot.standing(1) == Standing(1, 3, 2, None, {"a": 7})
    assert hot.shut_accounts() == []
    assert hot.one(grant(add("a", 1), epoch=3)) == Committed(3, {"a": 8})


def test_the_few_accounts_that_are_shut_are_found_among_all_without_reading_them(opened, path):
    opened()
    plan = edit(path, f"EXPLAIN QUERY PLAN {SQL['shut_accounts']}".replace("?", "1"))
    assert [row[3] for row in plan] == ["SCAN hot_accounts USING INDEX hot_accounts_shut"]
