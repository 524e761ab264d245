"""Every rung that the suite runs on. A later rung adds a line."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.support import Hot, MemoryRung, Rung, SQLiteRung

RUNGS: dict[str, Callable[[Path], Rung]] = {
    "memory": lambda _: MemoryRung(),
    "sqlite-strict": lambda folder: SQLiteRung(folder, durability="strict"),
    "sqlite-fast": lambda folder: SQLiteRung(folder, durability="fast"),
    "sqlite-groups-of-2": lambda folder: SQLiteRung(folder, durability="fast", group_max=2),
}


@pytest.fixture(params=RUNGS)
def rung(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rung]:
    opened = RUNGS[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def hot(rung: Rung) -> Hot:
    return rung.open()
