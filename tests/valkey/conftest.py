"""Servers for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import servers
from tests.servers import KeyValue


@pytest.fixture(params=["valkey_url", "redis_url"])
def hot(request: pytest.FixtureRequest) -> str:
    """An empty server."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def two() -> Iterator[tuple[KeyValue, KeyValue]]:
    """Two servers of the test's own."""
    with servers.valkey() as one, servers.valkey() as other:
        yield one, other
