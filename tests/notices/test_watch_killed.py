"""Watchers that are killed anywhere, and several at once: everything is told once nevertheless."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from spillover.engine.drive import drive as run
from spillover.notices.watching import Watcher
from tests.notices.watch_books import LOW, LOWER, Shop, endpoint, look
from tests.notices.watch_dying import ledger_at
from tests.office.support import office_at

ROOT = Path(__file__).parents[2]
ALERTS = (LOW, LOWER)
NAMES = (f"account {number}" for number in count())
"""Whatever test asks, another: tests share the books, and keys are counted from 1 in each."""


@pytest.fixture
def shop(url: str) -> Iterator[Shop]:
    opened = Shop(url)
    look(opened.watcher())
    opened.alerts(*ALERTS)
    run(opened.office.put_endpoint(endpoint()))
    yield opened
    opened.close()


class Mortals:
    """Watchers that die before a stated step."""

    def __init__(self, url: str) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.notices.watch_dying", url],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self._program.stdout is not None
        return self._program.stdout.readline().strip()

    def watch(self, *dies_at: int) -> list[str]:
        assert self._program.stdin is not None
        print(*dies_at, file=self._program.stdin, flush=True)
        return self._answer().split()

    def __enter__(self) -> Mortals:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.communicate(timeout=60)


def go_on(shop: Shop, names: list[str], chance: random.Random) -> None:
    """A few falls and top-ups of each account."""
    for name in names:
        for _ in range(chance.randint(1, 2)):
            credits = chance.randint(3, 12)
            shop.add(name, credits)
            shop.use(name, credits - chance.choice((0, 0, 1)))
    shop.access.settle()


def told_once(shop: Shop, accounts: list[int]) -> None:
    """As whoever adds up the books would tell, each with one sending."""
    look(shop.watcher())
    told = shop.told(accounts)
    assert told == shop.expected(accounts, ALERTS)
    numbers = [message.number for message in shop.messages()]
    assert numbers == list(range(1, len(told) + 1))
    assert [sending.message for sending in run(shop.office.sendings(numbers))] == numbers


def kill(shop: Shop, chance: random.Random, stride: int, more: int = 1) -> None:
    """Kill `more` watchers at each step that there is, one after the other, while the books go on."""
    names = [next(NAMES) for _ in range(2)]
    accounts = [shop.account(name) for name in names]
    with Mortals(shop.url) as mortals:
        step, answers = 1, ["died"]
        while "died" in answers:
            go_on(shop, names, chance)
            answers = mortals.watch(*[step] * more)
            assert set(answers) <= {"died", "done"}
            step += stride
    assert step > 20
    told_once(shop, accounts)


def test_a_watcher_killed_between_any_two_steps_leaves_nothing_untold_or_told_twice(shop: Shop) -> None:
    kill(shop, random.Random(1), 8)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_watchers_killed_at_every_step_while_others_look_tell_everything_once(shop: Shop, seed: int) -> None:
    kill(shop, random.Random(seed), 1, 1 + seed % 3)


def race(shop: Shop, url: str, chance: random.Random, rounds: int) -> None:
    names = [next(NAMES) for _ in range(3)]
    accounts = [shop.account(name) for name in names]
    ended, troubles = threading.Event(), list[Exception]()

    def watch() -> None:
        ledger, office = ledger_at(url), office_at(url)
        try:
            watcher = Watcher(ledger, office, clock=lambda: 1, accounts=2)  # type: ignore[arg-type]
            while not ended.is_set():
                run(watcher.step())
        except Exception as error:
            troubles.append(error)
        finally:
            run(office.close())
            run(ledger.close())

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        go_on(shop, names, chance)
    ended.set()
    for thread in threads:
        thread.join()
    assert troubles == []
    told_once(shop, accounts)


def test_of_several_watchers_at_once_one_tells(shop: Shop, url: str) -> None:
    race(shop, url, random.Random(2), 4)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_of_several_watchers_at_once_one_tells_at_length(shop: Shop, url: str, seed: int) -> None:
    race(shop, url, random.Random(seed), 250)
