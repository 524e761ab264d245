"""A shop on each rung that outlives a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.shop import Where, open_shop
from tests.rungs.opening import EMPTYING, make_tables
from tests.servers import Databases

HOT = {"valkey": "valkey_url", "redis62": "redis_url", "cluster": "cluster_url"}
RUNGS = ("sqlite", "postgres", *HOT)


@pytest.fixture
def books(postgres_server: Databases) -> Iterator[str]:
    """A database with all tables and nothing in them; quicker than a new one."""
    url = postgres_server.lend_database(make_tables)
    yield url
    postgres_server.give_back(url, make_tables, EMPTYING)


@pytest.fixture(params=RUNGS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """An empty place on each rung."""
    if request.param == "sqlite":
        return Where(f"sqlite:///{tmp_path}/shop.db")
    url = request.getfixturevalue("books")
    hot = HOT.get(request.param)
    return Where(request.getfixturevalue(hot), url) if hot else Where(url)


@pytest.fixture
def where(place: Where) -> Where:
    """A shop there."""
    open_shop(place)
    return place
