"""Each test on the newest PostgreSQL, and on the oldest that is supported where the machine has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spillover.postgres import Database
from tests.postgres.books import PostgresBooks, upgraded
from tests.postgres.support import opened
from tests.servers import Databases, optional

SERVERS = ["postgres_server", *(["postgres15_server"] if "postgres15" in optional() else [])]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Databases:
    found: Databases = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def url(server: Databases) -> Iterator[str]:
    """An empty database."""
    fresh = server.new_database()
    yield fresh
    server.drop_database(fresh)


@pytest.fixture
def things(url: str) -> Iterator[Database]:
    """A database with the small schema of support.py."""
    database = opened(url)
    yield database
    database.close()


@pytest.fixture
def books(server: Databases) -> Iterator[PostgresBooks]:
    """A ledger with nothing in it."""
    fresh = server.new_database(upgraded)
    kept = PostgresBooks(fresh)
    yield kept
    kept.close()
    server.drop_database(fresh)
