"""Several real processes on one file: killed at any moment nothing answered is lost, and every one gets its turns."""

import random
import signal
import time
from pathlib import Path

import apsw
import pytest

from spillover.model.errors import StoreUnavailable
from spillover.stores.sqlite import SQLiteHotStore
from tests.conformance.support import Hot, grant, kinds
from tests.faults.processes import writers
from tests.faults.writer import items

FAIR_SHARE = 0.25
"""Of the mean: what the slowest of several writers must get at least."""


def check(path: Path, answered: dict[str, int]) -> dict[str, int]:
    """Everything answered is there, nothing is there by half; how many items each name has."""
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"
    connection.close()
    hot = Hot(SQLiteHotStore(path))
    entries = hot.read()
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    cells = hot.load(1, "total", "late", *answered).cells
    assert cells["total"] == cells["late"] == len(entries)
    for name, count in answered.items():
        keys = [entry.key for entry in entries if entry.key.startswith(f"{name}-")]
        assert keys == [f"{name}-{n}" for n in range(cells[name])]
        assert cells[name] >= count
        assert kinds(hot.commit(*items(name, 0, cells[name]))) == "d" * cells[name]
    hot.close()
    return cells


def kill_often(path: Path, durability: str, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(kills):
        with writers(path, ["one", "two"], durability, batch=chance.choice([1, 8, 64])) as both:
            for writer in both:
                writer.go()
            time.sleep(chance.uniform(0.002, 0.08))
            said = {writer.name: writer.kill() for writer in chance.sample(both, 2)}
        check(path, {name: counts[-1] if counts else 0 for name, counts in said.items()})


@pytest.mark.parametrize("durability", ["strict", "fast"])
def test_a_killed_process_loses_nothing_answered_and_leaves_nothing_half_written(tmp_path, durability):
    kill_often(tmp_path / "a.db", durability, kills=5, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_many_killed_processes_lose_nothing(tmp_path, seed):
    kill_often(tmp_path / "a.db", ["strict", "fast"][seed % 2], kills=50, seed=seed)


def test_four_processes_on_one_file_are_exact_and_each_gets_a_fair_share_of_turns(tmp_path):
    names = ["one", "two", "three", "four"]
    with writers(tmp_path / "a.db", names, "fast", batch=32, ahead=1_000) as four:
        for writer in four:
            writer.go()
        time.sleep(1.2)
        turns = {writer.name: len(writer.kill()) for writer in four}
    found = check(tmp_path / "a.db", {name: count * 32 for name, count in turns.items()})
    assert sum(found[name] for name in names) == found["total"]
    assert min(turns.values()) >= FAIR_SHARE * sum(turns.values()) / 4, turns


def test_a_stopped_process_is_named_as_the_cause_and_its_end_frees_the_others(tmp_path):
    path = tmp_path / "a.db"
    hot = Hot(SQLiteHotStore(path, wait_ms=200))
    with writers(path, ["one"], batch=64) as (one,):
        one.go()
        for _ in range(50):
            one.process.send_signal(signal.SIGSTOP)
            try:
                hot.commit(grant(account=2))
            except StoreUnavailable as stuck:
                assert "stopped process" in str(stuck)  # noqa: PT017  (only a stop inside a turn blocks)
                break
            one.process.send_signal(signal.SIGCONT)
            time.sleep(0.003)
        else:
            pytest.fail("the writer was never stopped inside its turn")
        said = one.kill()
    started = time.monotonic()
    assert kinds(hot.commit(grant(account=2))) == "c"
    assert time.monotonic() - started < 0.15
    assert hot.values(1, "one")[0] >= (said[-1] if said else 0)
    hot.close()
