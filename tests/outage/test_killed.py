"""A process killed before any statement loses nothing that was told and bills nothing twice."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.model.errors import StoreError
from tests.outage.bed import Bed

STEPS_MAX = 200
KEYS = ["a", "b", "c"]


def dies_at(step: int, work: Callable[[Callable[[], None], Callable[[str], None]], None]) -> tuple[bool, str]:
    """Run `work` in a child that is killed before the n-th statement from `arm` on: whether it was; what it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        left = [-1]

        def count(*_: object) -> bool:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return True

        try:
            apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", count))
            work(lambda: left.__setitem__(0, step), lambda said: os.write(writing, said.encode()) and None)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status != 0, said


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A folder with the account acme, nothing open."""
    folder = tmp_path / "before"
    folder.mkdir()
    bed = Bed(folder)
    bed.put()
    bed.see()
    bed.close()
    return folder


def test_killed_while_it_admits_what_was_told_is_on_disk_and_is_admitted_once(before, tmp_path):
    kept: set[bool] = set()
    for step in range(STEPS_MAX):
        folder = Path(shutil.copytree(before, tmp_path / f"{step}"))

        def admit(arm: Callable[[], None], say: Callable[[str], None], folder: Path = folder) -> None:
            bed = Bed(folder)
            bed.see(key="second")
            with bed.away():
                arm()
                if bed.ask(key="a"):
                    say("told")

        killed, said = dies_at(step, admit)
        bed = Bed(folder)
        with suppress(StoreError):
            kept.add(bed.waiting() == ["a"])
            assert bed.waiting() == ["a"] or not said
        bed.see(key="third")
        with bed.away():
            again = bed.ask(key="a")
            assert isinstance(again, Decision)
            assert again.journaled
            assert [bool(isinstance(bed.ask(key=f"{number}"), Decision)) for number in range(5)] == [True] * 4 + [False]
        bed.drain()
        assert list(bed.booked()) == ["first", "second", "third", "a", *"0123"]
        bed.close()
        shutil.rmtree(folder)
        if not killed:
            assert said == "told"
            break
    assert kept == {True, False}, "it was killed before the entry was on disk, and after"


def test_killed_while_it_records_each_entry_is_billed_once(before, tmp_path):
    bed = Bed(before)
    bed.see(key="second")
    with bed.away():
        for key in KEYS:
            assert bed.ask(key=key)
        bed.close()
    states: set[tuple[int, int]] = set()
    for step in range(STEPS_MAX):
        folder = Path(shutil.copytree(before, tmp_path / f"{step}"))

        def record(arm: Callable[[], None], say: Callable[[str], None], folder: Path = folder) -> None:
            bed = Bed(folder)
            arm()
            assert drive(bed.outage.drain()) == 3
            say("recorded")

        killed, said = dies_at(step, record)
        bed = Bed(folder)
        account = drive(bed.ledger.find_account("acme"))
        assert account is not None
        found = sum(drive(bed.store.find(account, key)) is not None for key in KEYS)
        states.add((found, len(bed.waiting())))
        bed.drain()
        assert bed.waiting() == []
        assert bed.refused() == []
        assert list(bed.booked()) == ["first", "second", *KEYS]
        again = bed.ask(key="a")
        assert isinstance(again, Decision)
        assert again.replayed
        bed.close()
        shutil.rmtree(folder)
        if not killed:
            assert said == "recorded"
            break
    assert states == {(0, 3), (3, 3), (3, 0)}, "before its record, between its record and its mark, and after"
