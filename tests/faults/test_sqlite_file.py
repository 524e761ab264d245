"""What a store opens and what it refuses: other programs' files are never touched, newer ones are named as such."""

import threading
from pathlib import Path

import apsw
import pytest

from spillover.core.decide import RULES
from spillover.model.commit import Commit, State
from spillover.model.errors import NewerRules, NewerSchema, NotADatabase, StoreError, StoreUnavailable
from spillover.sql import Component
from spillover.sqlite import open_database
from spillover.stores.sqlite import SQLiteHotStore
from tests.conformance.support import Hot, add, grant, kinds

PART = Component(
    "part",
    (
        "CREATE TABLE one (a); PRAGMA user_version; INSERT INTO one VALUES (1);",
        "CREATE TABLE two AS SELECT a FROM one;",
    ),
)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def edit(path: Path, statements: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statements).fetchall()
    connection.close()


def text(path: Path) -> None:
    path.write_text("account,feature,units\n" * 50)


def short(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00")


def foreign(path: Path) -> None:
    edit(path, "CREATE TABLE theirs (a)")


def foreign_in_wal_mode(path: Path) -> None:
    edit(path, "PRAGMA journal_mode = wal; CREATE TABLE theirs (a)")


def foreign_without_tables(path: Path) -> None:
    edit(path, "PRAGMA application_id = 1234")


@pytest.mark.parametrize("make", [text, short, foreign, foreign_in_wal_mode, foreign_without_tables])
def test_a_file_of_another_program_is_refused_and_not_touched(tmp_path, make):
    make(tmp_path / "a.db")
    before = snapshot(tmp_path)
    with pytest.raises(NotADatabase, match=r"a\.db: found .*, expected .*; "):
        SQLiteHotStore(tmp_path / "a.db")
    assert snapshot(tmp_path) == before


def test_a_file_of_another_program_in_use_is_refused_and_not_touched(tmp_path):
    foreign_in_wal_mode(tmp_path / "a.db")
    theirs = apsw.Connection(str(tmp_path / "a.db"))
    theirs.execute("INSERT INTO theirs VALUES (1)")
    before = {name: data for name, data in snapshot(tmp_path).items() if not name.endswith("-shm")}
    with pytest.raises(NotADatabase, match="theirs"):
        SQLiteHotStore(tmp_path / "a.db")
    assert {name: data for name, data in snapshot(tmp_path).items() if not name.endswith("-shm")} == before
    theirs.close()


@pytest.mark.parametrize("statements", ["", "PRAGMA application_id = 1399875948", "CREATE TABLE t (a); DROP TABLE t"])
def test_an_empty_file_or_one_whose_making_was_cut_short_is_made_ours(tmp_path, statements):
    (tmp_path / "a.db").touch()
    edit(tmp_path / "a.db", statements)
    hot = Hot(SQLiteHotStore(tmp_path / "a.db"))
    assert kinds(hot.commit(grant())) == "c"
    hot.close()


def test_a_new_file_is_marked_as_ours_and_known_again_without_the_mark(tmp_path):
    Hot(SQLiteHotStore(tmp_path / "a.db")).close()
    assert (tmp_path / "a.db").read_bytes()[68:72] == b"Spil"
    edit(tmp_path / "a.db", "PRAGMA application_id = 0")  # as a copy made with the `.dump` of SQLite's shell
    Hot(SQLiteHotStore(tmp_path / "a.db")).close()


def test_all_ways_to_a_file_share_its_turns(tmp_path):
    (tmp_path / "link.db").symlink_to("a.db")
    one, other = Hot(SQLiteHotStore(tmp_path / "a.db")), Hot(SQLiteHotStore(tmp_path / "link.db"))
    assert kinds(one.commit(grant(key="k")) + other.commit(grant(key="k"))) == "cd"
    assert sorted(path.name for path in tmp_path.glob("*-room")) == ["a.db-room"]
    one.close()
    other.close()


@pytest.mark.parametrize("path", ["missing/a.db", "."])
def test_a_path_that_cannot_be_a_file_is_unavailable(tmp_path, path):
    with pytest.raises(StoreUnavailable, match="check"):
        SQLiteHotStore(tmp_path / path)


def test_a_path_with_odd_characters_is_one_file(tmp_path):
    path = tmp_path / "a b%20?#é'.db"
    for expected in "cd":
        hot = Hot(SQLiteHotStore(path))
        assert kinds(hot.commit(grant(key="k"))) == expected
        hot.close()
    foreign(tmp_path / "b?mode=memory.db")
    with pytest.raises(NotADatabase):
        SQLiteHotStore(tmp_path / "b?mode=memory.db")


def test_a_newer_schema_is_refused(tmp_path):
    SQLiteHotStore(tmp_path / "a.db")
    edit(tmp_path / "a.db", "UPDATE spillover_schema SET version = version + 1 WHERE component = 'hot'")
    with pytest.raises(NewerSchema, match="found schema hot 4, expected at most 3; use"):
        SQLiteHotStore(tmp_path / "a.db")


def test_newer_rules_are_refused_at_opening_and_by_who_has_it_open(tmp_path):
    old = Hot(SQLiteHotStore(tmp_path / "a.db", rules=1))
    assert kinds(old.commit(grant())) == "c"
    Hot(SQLiteHotStore(tmp_path / "a.db", rules=2)).close()
    for use in (lambda: SQLiteHotStore(tmp_path / "a.db", rules=1), lambda: old.commit(grant()), lambda: old.load(1)):
        with pytest.raises(NewerRules, match="found decisions of rules version 2, expected at most 1; use"):
            use()
    old.close()


def test_components_are_upgraded_apart_from_where_each_stands(tmp_path):
    first = Component("part", PART.scripts[:1])
    open_database(tmp_path / "a.db", first).close()
    Hot(SQLiteHotStore(tmp_path / "a.db")).close()
    for _ in range(2):
        part = open_database(tmp_path / "a.db", PART, rules=RULES)
        with part.read() as connection:
            assert connection.execute("SELECT a FROM two").fetchall() == [(1,)]
        part.close()
    with pytest.raises(NewerSchema):
        open_database(tmp_path / "a.db", first, rules=RULES)


def test_an_upgrade_that_fails_leaves_the_schema_as_it_was(tmp_path):
    broken = Component("part", (*PART.scripts, "CREATE TABLE three (a); SELECT nonsense"))
    open_database(tmp_path / "a.db", Component("part", PART.scripts[:1])).close()
    with pytest.raises(StoreError, match="nonsense"):
        open_database(tmp_path / "a.db", broken)
    part = open_database(tmp_path / "a.db", PART)
    with part.read() as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema ORDER BY name")]
    assert [name for name in names if not name.startswith("sqlite_")] == ["one", "spillover_schema", "two"]
    part.close()


def test_many_may_open_a_new_file_at_once(tmp_path):
    failures: list[BaseException] = []

    def use(n: int) -> None:
        try:
            hot = Hot(SQLiteHotStore(tmp_path / "a.db"))
            for _ in range(20):
                hot.commit(grant(add("a", 1), key=f"{n}-{_}"))
            hot.close()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=use, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Hot(SQLiteHotStore(tmp_path / "a.db")).values(1, "a") == (160,)


def test_a_connection_writes_only_its_own_tables(tmp_path):
    ledger = open_database(tmp_path / "a.db", PART, writes={"two"})
    hot = SQLiteHotStore(tmp_path / "a.db")
    for statement in ("INSERT INTO one VALUES (2)", "UPDATE one SET a = 2", "DELETE FROM one", "DROP TABLE one"):
        with pytest.raises(StoreError, match="not authorized"), hot._db.write() as connection:
            connection.execute(statement)
    with pytest.raises(StoreError, match="not authorized"), ledger.write() as connection:
        connection.execute("DELETE FROM keys")
    with ledger.write() as connection:
        connection.execute("UPDATE two SET a = 5")
        assert connection.execute("SELECT count(*) FROM keys").get == 0
    ledger.close()


def test_an_exception_inside_a_transaction_rolls_it_back_and_comes_out_as_it_is(tmp_path):
    part = open_database(tmp_path / "a.db", PART)
    with pytest.raises(FileNotFoundError), part.write() as connection:
        (connection.execute("DELETE FROM one"), (tmp_path / "missing").read_bytes())
    with part.read() as connection:
        assert connection.execute("SELECT count(*) FROM one").get == 1
    part.close()


def test_nobody_else_can_write_while_a_conflict_is_decided_again(tmp_path):
    hot = Hot(SQLiteHotStore(tmp_path / "a.db"))
    tool = apsw.Connection(str(tmp_path / "a.db"))

    def again(index: int, state: State) -> Commit:
        with pytest.raises(apsw.BusyError):
            tool.execute("INSERT INTO cells VALUES (1, 'a', 5)")
        return grant(("a", 0, 0, None, 1))

    assert kinds([hot.one(grant(add("a", 1, low=1)), again)]) == "c"
    tool.close()
    hot.close()


def test_another_tools_open_transaction_is_waited_for_within_the_bound(tmp_path):
    hot = Hot(SQLiteHotStore(tmp_path / "a.db", wait_ms=50))
    tool = apsw.Connection(str(tmp_path / "a.db"))
    tool.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked by another program"):
        hot.commit(grant(key="k"))
    assert hot.load(1).sequence == 0
    tool.execute("ROLLBACK")
    assert kinds(hot.commit(grant(key="k"))) == "c"
    tool.close()
    hot.close()
