"""Several programs at one office, and programs that are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput
from spillover.notices.desk import Books, NoticeDesk
from spillover.notices.endpoints import good_secrets
from spillover.office.keys import opens, revoked, rotated
from spillover.ports.office import ApiKey, Office
from tests.office.support import DAY, NOW, act, key_of, office_at, run

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


def at_the_same_time(url: str, work: Callable[[Any, int], str], count: int = 3) -> list[str]:
    """What each of so many programs tells of its work, which all begin at once."""
    offices, start = [office_at(url) for _ in range(count)], threading.Barrier(count)
    told: list[str] = []

    def begin(place: int) -> None:
        start.wait()
        told.append(work(offices[place], place))

    threads = [threading.Thread(target=begin, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for office in offices:
        run(office.close())
    return told


def test_of_rotations_at_the_same_time_every_secret_that_was_told_signs(url: str, shared: Any) -> None:
    books = Books(lambda _: None, lambda _: None, lambda: None)  # type: ignore[arg-type, return-value]
    made = run(NoticeDesk(shared, books, lambda: NOW).add("https://8.8.8.8/hook"))
    told = at_the_same_time(url, lambda office, _: run(NoticeDesk(office, books, lambda: NOW).rotate(made.id)).secret)
    assert len(told) == 3
    assert set(good_secrets(run(shared.endpoint(made.id)), NOW)) == {made.secret, *told}


def test_of_rotations_and_a_revocation_of_a_key_at_the_same_time_none_is_lost(url: str, shared: Any) -> None:
    key, first = key_of()
    run(shared.put_key(key))

    def work(office: Any, place: int) -> str:
        texts: list[str] = []

        def change(old: ApiKey) -> ApiKey:
            new, text = rotated(old, NEVER, NOW + DAY, NOW, lambda count: bytes([place]) * count)
            texts.append(text)
            return new

        run(office.change_key(key.id, change))
        return texts[-1]

    told = [first, *at_the_same_time(url, work)]
    found = run(shared.key(key.id))
    assert [opens(found, text.split("_")[2], NOW) for text in told] == [True] * 4
    run(shared.change_key(key.id, lambda old: revoked(old, NOW)))
    with pytest.raises(InvalidInput):  # who read it before it was revoked would open it again
        work(shared, 7)
    assert run(shared.key(key.id)).revoked == NOW


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
    books = Books(lambda _: None, lambda _: None, lambda: None)  # type: ignore[arg-type, return-value]
    desk_of = NoticeDesk(shared, books, lambda: NOW)
    assert run(desk_of.rotate(run(desk_of.add("https://8.8.8.8/hook")).id)).secrets == 2
    later = run(shared.change_key(key.id, lambda old: rotated(old, NEVER, NEVER, NOW, lambda n: b"n" * n)[0]))
    assert len(later.secrets) == 2
    assert [found.number for found in run(shared.acts())] == [1, 2, 3]
    assert list(run(shared.keys())) == [later]
