"""Every rung that the suite runs on. A later rung adds a line."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.rungs import MemoryRung, PostgresRung, ValkeyRung
from tests.conformance.support import Hot, Rung, SQLiteRung
from tests.servers import optional

Fixture = Callable[[str], Any]
"""What a fixture gives that is asked for by name: servers are started when the first test needs one."""

LOCKED: dict[str, Callable[[Fixture], Rung]] = {
    "memory": lambda _: MemoryRung(),
    "sqlite-strict": lambda fixture: SQLiteRung(fixture("tmp_path"), durability="strict"),
    "sqlite-fast": lambda fixture: SQLiteRung(fixture("tmp_path"), durability="fast"),
    "sqlite-groups-of-2": lambda fixture: SQLiteRung(fixture("tmp_path"), durability="fast", group_max=2),
    "postgres": lambda fixture: PostgresRung(fixture("postgres_server")),
}
UNLOCKED: dict[str, Callable[[Fixture], Rung]] = {
    "valkey": lambda fixture: ValkeyRung(fixture("valkey_address")),
    "redis62": lambda fixture: ValkeyRung(fixture("redis_address")),
    "cluster": lambda fixture: ValkeyRung(fixture("cluster_address")),
}
if "postgres15" in optional():
    LOCKED["postgres15"] = lambda fixture: PostgresRung(fixture("postgres15_server"))
if "redis7" in optional():
    UNLOCKED["redis7"] = lambda fixture: ValkeyRung(fixture("redis7_server").url)
RUNGS = LOCKED | UNLOCKED
SERVERS = [name for name in RUNGS if not name.startswith(("memory", "sqlite"))]


@pytest.fixture(params=RUNGS)
def rung(request: pytest.FixtureRequest) -> Iterator[Rung]:
    """A rung with nothing in it. A test of some of them parametrises it by name, indirectly."""
    opened = RUNGS[request.param](request.getfixturevalue)
    yield opened
    opened.close()


@pytest.fixture
def hot(rung: Rung) -> Hot:
    return rung.open()
