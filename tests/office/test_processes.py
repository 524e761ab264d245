"""Several programs at one office, and programs that are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from spillover.ports.office import Office
from tests.office.support import NOW, act, key_of, office_at, run

ROOT = Path(__file__).parents[2]


def launched(url: str, count: int, *more: str) -> subprocess.Popen[str]:
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.office.dying", url, str(count), *more],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    return program


def told(program: subprocess.Popen[str]) -> list[int]:
    """The numbers that it was given."""
    said, _ = program.communicate(timeout=60)
    return [int(number) for number in said.split()]


def go_on(*programs: subprocess.Popen[str]) -> None:
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()


def test_two_programs_number_their_acts_without_a_gap_and_without_a_double(url: str, shared: Office) -> None:
    programs = launched(url, 60), launched(url, 60)
    go_on(*programs)
    first, second = (told(program) for program in programs)
    assert len(first) == len(second) == 60
    assert sorted(first + second) == list(range(1, 121))
    acts = run(shared.acts())
    assert [found.number for found in acts] == list(range(1, 121))
    assert {found.outcome for found in acts} == {"done"}


def test_an_act_whose_program_was_killed_stays_without_an_outcome_and_others_go_on(url: str, shared: Office) -> None:
    program = launched(url, 2, "dies")
    go_on(program)
    assert told(program) == [1, 2]
    assert program.returncode == -signal.SIGKILL
    run(shared.end(run(shared.begin(act())), "done", NOW))
    assert [(found.number, found.account, found.outcome) for found in run(shared.acts())] == [
        (1, "acme", ""), (2, "acme", ""), (3, "", "done"),
    ]  # fmt: skip


def test_of_two_that_bring_a_signing_key_both_go_on_with_the_same(url: str, shared: Office) -> None:
    offices = [office_at(url) for _ in range(4)]
    start, got = threading.Barrier(len(offices)), dict[int, bytes]()

    def work(place: int) -> None:
        start.wait()
        got[place] = run(offices[place].signing_key(bytes([place]) * 32))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(offices))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for office in offices:
        run(office.close())
    assert set(got.values()) == {run(shared.signing_key(b"z" * 32))}
    assert len(got) == len(offices)


def test_keys_that_are_put_at_the_same_time_all_stay_with_their_bindings(url: str, shared: Office) -> None:
    offices = [office_at(url) for _ in range(3)]
    made = [[key_of(f"{place} {number}", accounts=("a", "b"))[0] for number in range(10)] for place in range(3)]
    start = threading.Barrier(len(offices))

    def work(place: int) -> None:
        start.wait()
        for key in made[place]:
            run(offices[place].put_key(key))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for office in offices:
        run(office.close())
    found = run(shared.keys())
    assert sorted(found, key=repr) == sorted((key for keys in made for key in keys), key=repr)
    for keys in made:
        assert [key for key in found if key in keys] == keys


def test_an_act_is_written_once_though_its_transaction_is_done_again(url: str, shared: Any) -> None:
    """As after a connection that was lost at the commit: whether it had come through nobody knows."""
    desk = shared._desk

    class Twice:
        read = staticmethod(desk.read)

        @staticmethod
        def write(work: Any) -> Any:
            desk.write(work)
            return desk.write(work)

    shared._desk = Twice()
    assert [run(shared.begin(act(account="acme"))) for _ in range(3)] == [1, 2, 3]
    run(shared.end(1, "done", NOW))
    key, _ = key_of(accounts=("acme",))
    run(shared.put_key(key))
    assert run(shared.signing_key(b"a" * 32)) == b"a" * 32
    assert [found.number for found in run(shared.acts())] == [1, 2, 3]
    assert list(run(shared.keys())) == [key]
