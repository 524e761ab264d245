"""A replay that is killed at any moment goes on when it is run again, and ends as if it had never been killed.

In `strict` nothing that it had answered is missing from the books.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.replay import books
from tests.replay.processes import Run
from tests.replay.support import HOLDS, TRACES, Bench, bench, holds_bench, recorded
from tests.rungs.opening import Place

LIMIT = 6_000
"""Rows of a recorded trace that are replayed in a soak."""


def killed_and_resumed(
    one: Bench, path: Path | Place, wait: Callable[[], float], kills: int = 2, **options: object
) -> None:
    """Run, kill, run again, kill, and then to the end; after each kill the books have every grant that was answered."""
    for _ in range(kills):
        run = Run(one, path, **options)
        time.sleep(wait())
        answered = run.kill()
        if answered and (isinstance(path, Place) or path.exists()):
            missing = answered - books.granted_keys(path)
            assert not missing, "answered in strict, and not on the books"
    one.replay(path, **options)


def unkilled(one: Bench, folder: Path, **options: object) -> tuple[str, float]:
    """The digest of a run that was left alone, and how long a process takes for one."""
    started = time.monotonic()
    Run(one, folder / "alone.db", **options).finish()
    took = time.monotonic() - started
    return books.sound(folder / "alone.db"), took


@pytest.mark.parametrize("make", [bench, holds_bench])
def test_killed_at_random_moments_and_resumed_it_ends_the_same(make: Callable[[Path], Bench], tmp_path: Path) -> None:
    one = make(tmp_path)
    expected, took = unkilled(one, tmp_path, group=16)
    dice = random.Random(7)
    for trial in range(5):
        path = tmp_path / f"{trial}.db"
        killed_and_resumed(one, path, lambda: dice.uniform(0.25, 1) * took, kills=1, group=16)
        assert books.sound(path) == expected


@pytest.mark.soak
@pytest.mark.trace
@pytest.mark.parametrize(("name", "moments"), list(zip((*TRACES, *HOLDS), (18, 16, 16, 20, 20), strict=True)))
def test_recorded_usage_killed_at_many_moments_and_resumed_ends_the_same(
    name: str, moments: int, tmp_path: Path
) -> None:
    one = recorded(name)
    expected, took = unkilled(one, tmp_path, limit=LIMIT)
    dice = random.Random(name)
    for trial in range(moments):
        path = tmp_path / f"{trial}.db"
        killed_and_resumed(one, path, lambda: dice.uniform(0.1, 1) * took, kills=1, limit=LIMIT)
        assert books.sound(path) == expected
        for file in tmp_path.glob(f"{trial}.db*"):
            file.unlink()


@pytest.mark.soak
def test_killed_again_and_again_it_ends_the_same(tmp_path: Path) -> None:
    one = bench(tmp_path)
    expected, took = unkilled(one, tmp_path, group=16)
    dice = random.Random(11)
    for trial in range(5):
        path = tmp_path / f"{trial}.db"
        killed_and_resumed(one, path, lambda: dice.uniform(0.2, 0.9) * took, kills=8, group=16)
        assert books.sound(path) == expected
