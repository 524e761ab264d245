"""Recorded and synthetic usage replayed on PostgreSQL and Valkey: as the oracle decides it, with a file's books.

What is shown of a file elsewhere in this room is shown here of servers: twice, side by side, killed and resumed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.replay import books
from tests.replay.processes import Run
from tests.replay.support import HOLDS, TRACES, Bench, bench, holds_bench, recorded
from tests.replay.test_killed import killed_and_resumed
from tests.replay.test_side_by_side import compared
from tests.replay.test_traces import twice
from tests.replay.test_traces_equal_oracle import played
from tests.rungs.opening import SERVERS, Place, place

LIMIT, SOAK_LIMIT = 400, 6_000
"""Rows of a recorded trace that are replayed in a default run; in a soak where a process is killed many times."""
MAKERS = (bench, holds_bench)
ALL = (*TRACES, *HOLDS)
TURNS = list(zip(ALL, ("postgres", "valkey", "postgres", "valkey", "postgres"), strict=True))
OTHER_TURNS = list(zip(ALL, ("valkey", "postgres", "valkey", "postgres", "valkey"), strict=True))
"""In a default run every trace on one of both; in a soak each on all."""


@pytest.fixture
def where(request: pytest.FixtureRequest) -> Iterator[Place]:
    """An empty place on the servers of that name."""
    with place(request.param, request.getfixturevalue) as empty:
        yield empty


def on(*rungs: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("where", rungs, indirect=True)


@on(*SERVERS)
@pytest.mark.parametrize("make", MAKERS)
def test_a_synthetic_trace_is_decided_as_the_oracle_decides_it(
    make: Callable[[Path, int], Bench], where: Place, tmp_path: Path
) -> None:
    assert played(make(tmp_path, 300), None, where)[0] > 250


@pytest.mark.trace
@pytest.mark.parametrize(("name", "where"), TURNS, indirect=["where"])
def test_a_prefix_is_decided_as_the_oracle_decides_it(name: str, where: Place) -> None:
    assert played(recorded(name), LIMIT, where)[0] == LIMIT


@pytest.mark.trace
@pytest.mark.parametrize(("name", "where"), OTHER_TURNS, indirect=["where"])
def test_a_prefix_replayed_twice_gives_the_same_answers_and_the_books_of_a_file(
    name: str, where: Place, tmp_path: Path
) -> None:
    one = recorded(name)
    twice(one, where, LIMIT)
    one.replay(tmp_path / "x.db", limit=LIMIT)
    assert books.sound(where) == books.sound(tmp_path / "x.db")


@pytest.mark.parametrize(
    ("make", "where"), [(bench, "postgres"), (holds_bench, "valkey"), (bench, "cluster")], indirect=["where"]
)
def test_four_processes_on_one_server_make_the_books_of_one_on_a_file_and_none_starves(
    make: Callable[[Path, int], Bench], where: Place, tmp_path: Path
) -> None:
    compared(make(tmp_path, 600), tmp_path, where)


def resumed(one: Bench, rung: str, request: pytest.FixtureRequest, tmp_path: Path, trials: int, limit: int) -> None:
    """Killed at random moments of its run, each time on an empty place."""
    one.replay(tmp_path / "alone.db", group=16, limit=limit)
    expected = books.sound(tmp_path / "alone.db")
    with place(rung, request.getfixturevalue) as empty:
        began = time.monotonic()
        Run(one, empty, group=16, limit=limit).finish()
        took = time.monotonic() - began
        assert books.sound(empty) == expected
    dice = random.Random(7)
    for _ in range(trials):
        with place(rung, request.getfixturevalue) as empty:
            killed_and_resumed(one, empty, lambda: dice.uniform(0.25, 1) * took, kills=1, group=16, limit=limit)
            assert books.sound(empty) == expected


@pytest.mark.parametrize(("make", "rung"), [(bench, "postgres"), (holds_bench, "valkey")])
def test_killed_at_random_moments_and_resumed_it_ends_the_same(
    make: Callable[[Path, int], Bench], rung: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    resumed(make(tmp_path, 500), rung, request, tmp_path, 2, 500)


@pytest.mark.soak
@on(*SERVERS)
@pytest.mark.trace
@pytest.mark.parametrize("name", ALL)
def test_the_whole_trace_is_decided_as_the_oracle_decides_it(name: str, where: Place) -> None:
    assert played(recorded(name), None, where)[0] > 20_000


@pytest.mark.soak
@on(*SERVERS)
@pytest.mark.trace
@pytest.mark.parametrize("name", ALL)
def test_the_whole_trace_replayed_twice_gives_the_same_answers_and_books(name: str, where: Place) -> None:
    twice(recorded(name), where, None)


@pytest.mark.soak
@on(*SERVERS)
@pytest.mark.trace
@pytest.mark.parametrize("name", ALL)
def test_four_processes_share_a_recorded_trace(name: str, where: Place, tmp_path: Path) -> None:
    compared(recorded(name), tmp_path, where)


@pytest.mark.soak
@pytest.mark.trace
@pytest.mark.parametrize("rung", SERVERS)
@pytest.mark.parametrize("name", ALL)
def test_recorded_usage_killed_at_many_moments_and_resumed_ends_the_same(
    name: str, rung: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    resumed(recorded(name), rung, request, tmp_path, 10, SOAK_LIMIT)
