"""The journal by itself: synced, bounded to the unit across processes, one entry for a key, nothing dropped unseen."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from spillover.engine.journal import Admitted, Refused
from spillover.journal import ROWS_MAX, SQLiteJournal
from spillover.model.errors import InvalidInput, NotADatabase, SpilloverError, StoreUnavailable
from spillover.stores.sqlite import SQLiteHotStore
from tests.faults.disks import FailingDisk, ForgetfulDisk

ROOT = Path(__file__).parents[2]
PROCESSES, TRIES = 3, 40


def entry(key: str, units: int = 1, account: str = "acme", feature: str = "chat") -> Admitted:
    """A request that was admitted."""
    usage, attributes = {"requests": units}, {"team": "rød"}
    return Admitted(account, key, feature, usage, "ada", attributes, "exact", 5_000, None, units, "hash", f"of {key}")


@pytest.fixture
def journal(tmp_path: Path) -> SQLiteJournal:
    return SQLiteJournal(tmp_path / "j.db")


def keys(journal: SQLiteJournal) -> list[str]:
    return [one.key for one in journal.waiting(1_000)]


def test_an_entry_comes_back_as_it_was_written(journal):
    timed = Admitted("bolt", "k", "film", {"a": 1, "b": 2}, "", {}, "record", 7, 6, 0, "other", "mark")
    kept = journal.admit([(entry("a"), 5), (timed, None)])
    assert [(one.entry.number, one.fresh) for one in kept if one] == [(1, True), (2, True)]
    assert journal.waiting(9) == [one.entry for one in kept if one]
    first, second = journal.waiting(9)
    assert (first.key, first.attributes, second.asked_at, second.usage) == ("a", {"team": "rød"}, 6, {"a": 1, "b": 2})
    assert journal.find([("bolt", "k"), ("acme", "k"), ("acme", "a")]) == {("bolt", "k"): second, ("acme", "a"): first}
    assert journal.waiting(9, after=1) == [second]


def test_units_are_bounded_for_each_account_and_feature_until_none_of_theirs_waits(journal):
    assert journal.admit([(entry("a", 3), 5), (entry("b", 3), 5), (entry("c", 2), 5), (entry("d"), 5)])[1::2] == [
        None,
        None,
    ]
    others = journal.admit([(entry("a", 5, account="bolt"), 5), (entry("e", 5, feature="film"), 5)])
    assert all(others), "of another account, and of another feature"
    first, second = (one for one in journal.waiting(9) if (one.account, one.feature) == ("acme", "chat"))
    journal.end([first])
    assert journal.admit([(entry("f"), 5)]) == [None], "what was admitted since it was empty counts"
    journal.end([], [Refused(second, "why")])
    assert journal.admit([(entry("g", 5), 5)])[0]


def test_what_is_bounded_by_rows_alone_takes_nothing_of_the_units(journal):
    assert all(journal.admit([(entry(f"r{number}", 9), None) for number in range(9)]))
    assert journal.admit([(entry("a", 5), 5), (entry("b"), 5)])[1] is None


def test_a_key_that_waits_is_answered_with_its_entry_and_counts_once(journal):
    [first] = journal.admit([(entry("a", 3), 5)])
    [again] = journal.admit([(entry("a", 4), 5)])
    assert first
    assert again
    assert (again.fresh, again.entry) == (False, first.entry)
    assert journal.admit([(entry("b", 2), 5), (entry("c"), 5)])[1] is None


def test_rows_are_bounded_and_those_refused_count_until_they_are_forgotten(tmp_path):
    journal = SQLiteJournal(tmp_path / "j.db", rows_max=2)
    assert journal.admit([(entry(key), None) for key in "abc"])[2] is None
    first, second = journal.waiting(9)
    journal.end([], [Refused(first, "no such account")])
    assert journal.admit([(entry("c"), None)]) == [None]
    assert journal.admit([(entry("b"), None)])[0], "one that waits already needs no room"
    [refused] = journal.refused(9)
    assert refused == Refused(first, "no such account")
    journal.forget([refused])
    assert journal.refused(9) == []
    assert journal.admit([(entry("c"), None)])[0]
    journal.end([second])
    assert keys(journal) == ["c"]
    assert ROWS_MAX == 100_000


def test_ending_twice_ends_nothing_that_came_meanwhile(journal):
    journal.admit([(entry("a"), None)])
    old = journal.waiting(9)
    journal.end(old)
    journal.admit([(entry("a"), None)])
    journal.end(old, [Refused(old[0], "late")])
    assert keys(journal) == ["a"]
    assert journal.refused(9) == []


def test_what_was_answered_is_on_the_disk_when_the_power_goes(tmp_path):
    disk = ForgetfulDisk()
    journal = SQLiteJournal(tmp_path / "j.db", vfs=disk.name)
    for key in "abc":
        assert journal.admit([(entry(key), 5)])[0]
        for seed in range(6):
            folder = tmp_path / f"{key}{seed}"
            folder.mkdir()
            for name, data in disk.after_power_loss(random.Random(seed)).items():
                if not name.endswith("-shm"):
                    (folder / Path(name).name).write_bytes(data)
            found = SQLiteJournal(folder / "j.db")
            assert keys(found)[-1:] == [key]
            found.close()
    journal.close()


def test_a_journal_that_cannot_be_written_says_so_and_goes_on_afterwards(tmp_path):
    disk = FailingDisk()
    journal = SQLiteJournal(tmp_path / "j.db", vfs=disk.name)
    disk.fail("sync")
    with pytest.raises(StoreUnavailable, match=r"j\.db"):
        journal.admit([(entry("a"), 5)])
    disk.fail(None)
    assert journal.admit([(entry("b"), 5)])[0]
    assert keys(journal)[-1] == "b"
    journal.close()


def test_the_database_itself_is_no_journal(tmp_path):
    SQLiteHotStore(tmp_path / "x.db")
    with pytest.raises(InvalidInput, match="a file of its own, not one with a database of Spillover"):
        SQLiteJournal(tmp_path / "x.db")
    (tmp_path / "text").write_text("something else entirely, and long enough to be no header of SQLite" * 4)
    with pytest.raises(NotADatabase):
        SQLiteJournal(tmp_path / "text")
    with pytest.raises(SpilloverError):
        SQLiteJournal(tmp_path / "no" / "folder.db")


def test_a_closed_journal_says_so_and_closing_again_is_safe(journal):
    journal.close()
    journal.close()
    with pytest.raises(StoreUnavailable):
        journal.waiting(1)


def test_threads_share_it_and_the_bound_is_exact(journal):
    got: list[bool] = []

    def admit(name: str) -> None:
        got.extend(journal.admit([(entry(f"{name} {number}"), 25)])[0] is not None for number in range(TRIES))

    threads = [Thread(target=admit, args=(f"{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(got), sum(got), len(keys(journal))) == (4 * TRIES, 25, 25)


def test_processes_share_it_and_the_bound_is_exact_also_for_one_that_comes_later(tmp_path):
    command = [sys.executable, "-m", "tests.outage.test_journal", str(tmp_path / "j.db")]
    running = [
        subprocess.Popen([*command, f"{number}"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    admitted = [key for keys_of_one in said for key in keys_of_one]
    journal = SQLiteJournal(tmp_path / "j.db")
    assert len(admitted) == 25
    assert sorted(admitted) == sorted(keys(journal))
    assert journal.admit([(entry("later"), 25)]) == [None]
    journal.close()


def _admit_in_a_process(path: str, name: str) -> None:
    journal = SQLiteJournal(path, wait_ms=30_000)
    tried = [entry(f"{name} {number}") for number in range(TRIES)]
    print(json.dumps([one.key for one in tried if journal.admit([(one, 25)])[0]]))


if __name__ == "__main__":
    _admit_in_a_process(*sys.argv[1:])
