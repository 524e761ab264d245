"""A move carries everything, byte for byte, into another database, and leaves nothing behind that still serves.

Terms that waited to be pushed are pushed where the accounts live then, so the outbox is not compared.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest

from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.engine.rebuilding import Recovery
from spillover.model.errors import AccountShut, InvalidInput, SpilloverError, StoreError
from spillover.move import give_up, move
from spillover.move.tables import KEYS, LEFT
from tests.ledger.test_killed import dies_at
from tests.rebuild.support import NAMES, account_of, engine, looked, meddle, ports, shop
from tests.support import clock

CARRIED_AS_IT_IS = tuple(table for table in KEYS if table not in ("accounts", "epochs", "outbox", "pushed"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with shop(f"sqlite:///{tmp_path}/source.db"):
        pass
    return tmp_path / "source.db"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def rows(path: Path, table: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    found = sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
    connection.close()
    return found


def digest(end: object) -> str:
    return audit(end.where).digest  # type: ignore[attr-defined]


def moved(source: Path, target: Path) -> object:
    return move(url_of(source), url_of(target), actor="ops", clock=clock(), proof=digest)


def test_everything_is_carried_and_the_books_are_the_same(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.db"
    with engine(url_of(source)) as access:
        waited = drive(access.desk.store.backlog()).entries
    report = moved(source, target)
    for table in (*CARRIED_AS_IT_IS, "denials"):
        assert rows(target, table) == rows(source, table), table
    assert (report.accounts, report.settled, report.lost) == (3, waited, ())  # type: ignore[attr-defined]
    counts = {one.table: one.rows for one in report.tables}  # type: ignore[attr-defined]
    assert counts["usage_events"] == len(rows(source, "usage_events"))
    assert counts["names"] == len(rows(source, "names"))
    assert (rows(source, "stream"), len(rows(source, "denials"))) == ([], 3)
    found = audit(target)
    assert (found.findings, audit(source).findings) == ((), ())
    assert report.digest == audit(source).digest  # type: ignore[attr-defined]


def test_customers_go_on_in_the_target_as_if_nothing_had_been(source: Path, tmp_path: Path) -> None:
    with engine(url_of(source)) as access:  # which pushes what is not in force yet
        access.settle(tend=False)
        before = {name: (access.balance(name), access.holds.list(name)) for name in NAMES}
        known = access.consume("acme", "video.seconds", 2, key="known", subject="ann")
    target = tmp_path / "target.db"
    moved(source, target)
    with engine(url_of(target)) as access:
        for name in ("bolt", "carl"):
            assert (access.balance(name), access.holds.list(name)) == before[name]
        again = access.consume("acme", "video.seconds", 2, key="known", subject="ann")
        assert (again.granted, again.legs) == (known.granted, known.legs)
        access.holds.commit("acme", "kept", 3)
        access.refund("acme", "known", key="a refund of before")
        access.settle()
        for name in NAMES:
            assert looked(access, name).status == "same"
    report = audit(target)
    assert report.findings == ()
    assert len([row for row in rows(target, "usage_events") if row[3] == "known"]) == 1


def test_a_live_engine_on_the_source_is_told_and_nothing_of_it_is_lost(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.db"
    with engine(url_of(source)) as old:
        old.consume("acme", "video.seconds", 1, key="before the move")
        moved(source, target)
        for refused in (
            lambda: old.consume("acme", "video.seconds", 1, key="after the move"),
            lambda: old.credits.add("acme", 5, key="paid after the move", paid="5.00 EUR"),
            lambda: old.accounts.put("dora", "plus"),
            lambda: old.accounts.erase("bolt"),
        ):
            with pytest.raises(SpilloverError, match=r"moved to|shut|rebuilt"):
                refused()
    assert [row for row in rows(target, "usage_events") if row[3] == "before the move"]
    assert audit(source).findings == ()


def test_what_would_be_answered_is_refused_as_an_answer_is_where_the_account_was_moved_away(
    source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target.db"
    with engine(url_of(source)) as old:
        drive(ports(old)[0].shut(account_of(old, "bolt")))
        assert old.check("bolt", "chat.messages")  # shut for the moment of a rebuild: it will be served again
        moved(source, target)
        for refused in (old.consume, old.check, old.explain):
            with pytest.raises(AccountShut, match=f"moved to {url_of(target)}"):
                refused("acme", "chat.messages")
    with engine(url_of(target)) as new:
        assert new.check("acme", "chat.messages")


def test_a_worker_of_the_source_does_not_open_what_was_moved_away(source: Path, tmp_path: Path) -> None:
    moved(source, tmp_path / "target.db")
    store, ledger = _ports(source)
    seconds = iter((0.0, 11.0, 22.0))
    recovery = Recovery(store, ledger, lambda: next(seconds))
    assert [drive(recovery.step(clock()())) for _ in range(3)] == [0, 0, 0]
    assert len(drive(store.shut_accounts(10))) == 3


def test_a_target_with_anything_in_it_is_refused(source: Path, tmp_path: Path) -> None:
    with shop(f"sqlite:///{tmp_path}/other.db", ("dora",)):
        pass
    with pytest.raises(InvalidInput, match="an empty database"):
        moved(source, tmp_path / "other.db")
    with engine(url_of(source)) as access:  # and the source serves on
        assert access.consume("acme", "video.seconds", 1)


def test_a_target_of_another_move_and_a_source_that_is_gone_are_refused(source: Path, tmp_path: Path) -> None:
    moved(source, tmp_path / "target.db")
    with shop(f"sqlite:///{tmp_path}/other.db", ("dora",)):
        pass
    with pytest.raises(InvalidInput, match="another move, from sqlite"):
        moved(tmp_path / "other.db", tmp_path / "target.db")
    with pytest.raises(InvalidInput, match=r"moved elsewhere, .*spillover move --from sqlite.*target.db"):
        moved(source, tmp_path / "third.db")
    assert not [*tmp_path.glob("third.db*")]
    with pytest.raises(InvalidInput, match="another database"):
        moved(source, source)
    with pytest.raises(InvalidInput, match="no file"):
        moved(tmp_path / "nowhere.db", tmp_path / "fourth.db")


def test_a_finished_move_run_again_says_so_and_does_nothing(source: Path, tmp_path: Path) -> None:
    target, third = tmp_path / "target.db", tmp_path / "third.db"
    first = moved(source, target)
    with engine(url_of(target)) as access:
        access.consume("acme", "video.seconds", 1, key="lives there")
    before = [rows(target, table) for table in KEYS]
    again = moved(source, target)
    assert (again.before, again.accounts, again.target) == (url_of(target), first.accounts, first.target)
    assert {one.table: one.rows for one in again.tables} == {one.table: one.rows for one in first.tables}
    assert [rows(target, table) for table in KEYS] == before
    moved(target, third)
    assert moved(source, target).before == url_of(third)
    source.unlink()
    with shop(url_of(source), ("dora",)):  # another one in its place has not been moved
        pass
    with pytest.raises(InvalidInput, match="were not moved"):
        moved(source, target)


def test_a_move_that_has_begun_goes_to_no_other_target_and_makes_nothing_there(source: Path, tmp_path: Path) -> None:
    def told(_what: str, _done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(url_of(source), url_of(tmp_path / "target.db"), clock=clock(), told=told)
    with pytest.raises(InvalidInput, match=r"under way, expected sqlite:.*target.db, or --give-up"):
        moved(source, tmp_path / "third.db")
    assert not [*tmp_path.glob("third.db*")]
    assert moved(source, tmp_path / "target.db").accounts == 3


def test_a_row_that_is_not_the_same_in_both_is_found(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.db"
    with pytest.raises(StoreError, match="balance_updates"):
        move(url_of(source), url_of(target), clock=clock(), told=_tamper(target), proof=digest)


def _tamper(target: Path):
    done: list[int] = []

    def told(what: str, count: int) -> None:
        if what == "settled_holds" and not done:
            done.append(count)
            meddle(target, "UPDATE balance_updates SET reason = 'usagE' WHERE number = 3")

    return told


def test_a_move_that_was_given_up_leaves_the_source_open(source: Path, tmp_path: Path) -> None:
    def told(what: str, _done: int) -> None:
        if what == "names":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(url_of(source), url_of(tmp_path / "target.db"), clock=clock(), told=told)
    total = give_up(url_of(source), actor="ops", clock=clock())
    assert (total.accounts, total.failed) == (3, {})
    with engine(url_of(source)) as access:
        assert access.consume("acme", "video.seconds", 1)
        access.credits.add("acme", 5, key="paid again")
        access.settle()
        assert looked(access, "acme").status == "same"
        reasons = [row.reason for row in drive(ports(access)[1].epochs(account_of(access, "acme")))]
    assert [reason.split(" /")[0].split(" sqlite")[0] for reason in reasons] == ["moved to", "move given up"]
    assert audit(source).findings == ()


def test_all_tables_of_the_books_are_carried_or_left_for_a_reason(source: Path) -> None:
    connection = apsw.Connection(str(source))
    tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    connection.close()
    hot = {"hot_accounts", "hot_profiles", "cells", "holds", "stream", "keys", "denials"}
    assert tables - LEFT - hot == set(KEYS)


def _ports(path: Path):
    from spillover.ledgers.sqlite import SQLiteLedger
    from spillover.stores.sqlite import SQLiteHotStore

    return SQLiteHotStore(path), SQLiteLedger(path)


def every_death(path: Path, folder: Path, steps: range) -> int:
    """Die at these statements of a move, each time of fresh databases; then the same call again. How many deaths."""
    whole = audit(path).digest  # of the books before, which the move adds epochs and what waited to
    deaths = 0
    for step in steps:
        source, target = Path(shutil.copy(path, folder / "from.db")), folder / "to.db"
        died = dies_at(step, lambda: move(url_of(source), url_of(target), clock=clock()))  # noqa: B023 (called at once)
        deaths += died
        if died:
            moved(source, target)
        assert audit(target).digest == audit(source).digest != whole
        assert audit(target).findings == ()
        for table in (*CARRIED_AS_IT_IS, "denials"):
            assert rows(target, table) == rows(source, table), table
        with engine(url_of(target)) as access:
            access.settle(tend=False)
            assert [looked(access, name).status for name in NAMES] == ["same"] * 3
        for file in (*folder.glob("from.db*"), *folder.glob("to.db*")):
            file.unlink()
        if not died:
            break
    apsw.connection_hooks.clear()
    return deaths


def test_a_move_killed_at_one_statement_of_many_is_ended_by_the_same_call(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deaths"
    folder.mkdir()
    assert every_death(source, folder, range(7, 10_000, 97)) > 5


@pytest.mark.soak
def test_a_move_killed_at_any_of_many_statements_is_ended_by_the_same_call(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deaths"
    folder.mkdir()
    assert every_death(source, folder, range(0, 100_000, 7)) > 50
