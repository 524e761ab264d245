"""Holds in a SQLite file: whole or not at all whatever dies, found by an index, free for who has none, and upgraded."""

import hashlib
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from spillover.model.commit import Committed, Duplicate, OpenHold
from spillover.model.errors import NewerRules, StoreError
from spillover.sql import Component
from spillover.sqlite import open_database
from spillover.stores.sqlite import SQLiteHotStore
from spillover.stores.sqlite.hot import HOT
from spillover.stores.sqlite.known import SQL
from tests.conformance import killed
from tests.conformance.support import Hot, SQLiteRung, add, denial, grant, kinds, push
from tests.conformance.test_sqlite_cache import statements

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rung(tmp_path):
    opened = SQLiteRung(tmp_path, durability="fast")
    yield opened
    opened.close()


def edit(path: Path, sql: str) -> list:
    connection = apsw.Connection(str(path))
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def test_a_process_killed_at_any_statement_leaves_holds_and_events_whole(tmp_path):
    child = [sys.executable, "-m", "tests.conformance.killed", str(tmp_path / "hot.db")]
    said = subprocess.run(child, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert len(said) > 15
    assert set(said[:-1]) == {"killed; old 10 1; kept 20 1; 2"}
    assert said[-1] == "done; kept 15 2; new 30 2; 5"


def test_whatever_statement_of_a_group_fails_the_holds_are_as_before(rung):
    hot = rung.open()
    hot.commit(*killed.BEFORE)
    before = hot.due()
    for at in range(100):
        left = iter(range(at, -1, -1))
        hot.store._db.connection.exec_trace = lambda _, sql, __, left=left: sql == "ROLLBACK" or next(left, 1) != 0
        try:
            hot.commit(*killed.GROUP)
        except StoreError:
            hot.store._db.connection.exec_trace = None
            assert hot.due() == rung.open().due() == before
            assert hot.values(1, "a", "b", "c") == (1, 0, 0)
            continue
        break
    hot.store._db.connection.exec_trace = None
    assert at > 15
    assert hot.due() == rung.open().due() == [OpenHold(1, "kept", 15, b"2"), OpenHold(1, "new", 30, b"2")]


def test_a_group_without_holds_runs_no_statement_on_them(rung):
    hot = rung.open()
    group = lambda: [grant(add("a", 1), version=1), denial(version=1, hold=("h", 1, b""), ended="i")]  # noqa: E731
    hot.commit(push(1), *group())
    for batch in (group(), [push(2)], [grant(version=2)], [grant(add("a", 1, low=99), version=2)]):
        assert not [sql for sql in statements(hot, lambda batch=batch: hot.commit(*batch)) if "holds" in sql]
    plain, holding = (statements(hot, lambda more=more: hot.commit(grant(version=2, **more))) for more in ({}, HOLDING))
    assert [sql for sql in holding if "holds" not in sql] == plain
    assert len(holding) == len(plain) + 2


HOLDING = {"hold": ("h", 1, b""), "ended": "i"}


@pytest.mark.parametrize("name", ["find_hold", "holds_of", "holds_by_id", "due_of", "due_of_all", "drop_hold"])
def test_holds_are_found_in_their_order_without_reading_others_or_sorting(rung, name):
    rung.open()
    plan = edit(rung.path, f"EXPLAIN QUERY PLAN {SQL[name]}".replace("?", "1"))
    assert [row[3].split()[0] for row in plan] == ["SEARCH"], plan


OLD = """
INSERT INTO hot_accounts VALUES (1, 3, 2, 0);
INSERT INTO cells VALUES (1, 'a', 7);
INSERT INTO keys VALUES (1, 'k1', 3, 1, 'f', 1), (1, 'k2', 3, 2, 'f', 2);
INSERT INTO stream VALUES (2, 1, 3, 2, 'k2', x'6532');
"""


def test_a_file_of_schema_1_is_upgraded_when_it_is_opened_and_keeps_what_it_has(rung):
    open_database(rung.path, Component("hot", HOT.scripts[:1]), durability="fast").close()
    assert not edit(rung.path, "SELECT 1 FROM sqlite_schema WHERE tbl_name = 'holds'")
    edit(rung.path, OLD)
    hot, other = rung.open(), rung.open()
    assert edit(rung.path, "SELECT version FROM spillover_schema WHERE component = 'hot'") == [(HOT.version,)]
    assert hot.due() == hot.holds(1) == []
    assert hot.find(1, "k2") == Duplicate(3, 2, "f", b"e2")
    assert hot.one(grant(add("a", 1), epoch=3, hold=("h", 10, b"r"))) == Committed(3, {"a": 8})
    assert other.due() == [OpenHold(1, "h", 10, b"r")]
    assert [entry.sequence for entry in other.read()] == [2, 3]


def test_the_first_upgrade_script_is_never_edited():
    # Files were made with it: what it lacks is added by a script of its own.
    assert hashlib.sha256(HOT.scripts[0].encode()).hexdigest() == (
        "0fb976db67bfa15954cec34726b2332f848f4772cd7ce561422e42ee6bed5849"
    )


def test_holds_and_keys_are_not_read_once_newer_rules_have_written(rung):
    old = Hot(SQLiteHotStore(rung.path, rules=1))
    old.one(grant(key="k", hold=("h", 1, b"")))
    Hot(SQLiteHotStore(rung.path, rules=9)).close()
    for use in (lambda: old.hold(1, "h"), lambda: old.holds(1), old.due, lambda: old.find(1, "k")):
        with pytest.raises(NewerRules):
            use()
    old.close()


def test_a_key_does_not_find_another_event_that_the_books_have_in_its_place(rung):
    # As after the hot state went back in time: its sequence was given twice.
    hot = rung.open()
    hot.commit(grant(key="k", payload=b"mine"))
    (entry,) = hot.read()
    edit(rung.path, "CREATE TABLE usage_events (account, epoch, sequence, key, payload);"
                    "INSERT INTO usage_events VALUES (1, 1, 1, 'other', x'00')")  # fmt: skip
    rung.book([entry], "quarantine")
    hot.acknowledge([entry])
    assert hot.find(1, "k") == Duplicate(1, 1, "request of k", b"mine")


def test_the_payload_is_empty_where_the_books_lie_elsewhere(rung):
    hot = rung.open()
    item = grant(key="k")
    hot.one(item)
    hot.acknowledge(hot.read())
    assert hot.find(1, "k") == hot.one(item) == Duplicate(1, 1, "request of k", b"")
    assert kinds(hot.commit(item)) == "d"
