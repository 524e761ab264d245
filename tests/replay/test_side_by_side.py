"""Four processes replay parts of one trace into one file at once: the books of one process, and nobody starves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.replay import books
from tests.replay.processes import Run
from tests.replay.support import HOLDS, TRACES, Bench, bench, holds_bench, recorded
from tests.rungs.opening import Place

SLOWEST = 0.05
"""What the slowest process gets at least, in decisions a second, of what the fastest gets: starved is a thousandth."""


def four(one: Bench, path: Path | Place, **options: Any) -> list[dict[str, Any]]:
    running = [Run(one, path, part=f"{n}/4", **options) for n in range(1, 5)]
    return [run.finish() for run in running]


def compared(one: Bench, tmp_path: Path, shared: Path | Place | None = None, **options: Any) -> None:
    """Four processes at the place, one on a file."""
    alone, shared = tmp_path / "alone.db", shared or tmp_path / "shared.db"
    whole = one.replay(alone, **options)
    parts = four(one, shared, **options)
    speeds = [round(part["speed"]["decisions_per_s"]) for part in parts]
    worst = max(part["speed"]["max_ms"] for part in parts)
    print(f"\n{one.trace.parent.name}: decisions a second {speeds}, slowest {min(speeds)}, longest group {worst} ms")
    assert books.sound(shared) == books.sound(alone)
    assert [sum(part[name] for part in parts) for name in ("requests", "granted", "split", "accounts")] == [
        whole.requests, whole.granted, whole.split, whole.accounts,
    ]  # fmt: skip
    assert not any(part["refused"] for part in parts)
    assert min(speeds) >= SLOWEST * max(speeds)


def test_four_processes_make_the_same_books_as_one_and_none_starves(tmp_path: Path) -> None:
    compared(bench(tmp_path, 4_000), tmp_path)


def test_four_processes_make_the_same_books_as_one_of_a_trace_of_holds(tmp_path: Path) -> None:
    compared(holds_bench(tmp_path), tmp_path)


@pytest.mark.soak
@pytest.mark.trace
@pytest.mark.parametrize("name", [*TRACES, *HOLDS])
def test_four_processes_share_a_recorded_trace(name: str, tmp_path: Path) -> None:
    compared(recorded(name), tmp_path)
