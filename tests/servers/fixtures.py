"""The session's servers as pytest fixtures: started when the first test asks, ended with the session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import servers
from tests.servers import Cluster, Databases, KeyValue, empty, empty_cluster


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Databases]:
    """PostgreSQL 18, or the one of SPILLOVER_TEST_POSTGRES (then without `kill` and the like)."""
    if url := os.environ.get("SPILLOVER_TEST_POSTGRES"):
        given = Databases(url)
        yield given
        given.drop_kept()
        return
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres15_server() -> Iterator[Databases]:
    """PostgreSQL 15, where the machine has it."""
    with servers.postgres15() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[KeyValue]:
    """Valkey 9."""
    with servers.valkey() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[KeyValue]:
    """Redis 6.2."""
    with servers.redis62() as server:
        yield server


@pytest.fixture(scope="session")
def redis7_server() -> Iterator[KeyValue]:
    """The machine's own Redis, 7 or newer, where it has one."""
    with servers.redis_installed() as server:
        yield server


@pytest.fixture(scope="session")
def cluster_server() -> Iterator[Cluster]:
    """A cluster of three Valkeys."""
    with servers.valkey_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_server: Databases) -> Iterator[str]:
    """A fresh, empty database of PostgreSQL."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def postgres15_url(postgres15_server: Databases) -> Iterator[str]:
    url = postgres15_server.new_database()
    yield url
    postgres15_server.drop_database(url)


@pytest.fixture(scope="session")
def valkey_address(request: pytest.FixtureRequest) -> str:
    """SPILLOVER_TEST_VALKEY, or the session's Valkey, with whatever other tests left in it."""
    return _address(request, "SPILLOVER_TEST_VALKEY", "valkey_server")


@pytest.fixture(scope="session")
def redis_address(request: pytest.FixtureRequest) -> str:
    """SPILLOVER_TEST_REDIS, or the session's Redis 6.2, with whatever other tests left in it."""
    return _address(request, "SPILLOVER_TEST_REDIS", "redis_server")


@pytest.fixture(scope="session")
def cluster_address(request: pytest.FixtureRequest) -> str:
    """SPILLOVER_TEST_VALKEY_CLUSTER, or the session's cluster, with whatever other tests left in it."""
    return _address(request, "SPILLOVER_TEST_VALKEY_CLUSTER", "cluster_server")


def _address(request: pytest.FixtureRequest, variable: str, fixture: str) -> str:
    return os.environ.get(variable) or request.getfixturevalue(fixture).url


@pytest.fixture
def valkey_url(valkey_address: str) -> str:
    """An empty Valkey."""
    empty(valkey_address)
    return valkey_address


@pytest.fixture
def redis_url(redis_address: str) -> str:
    """An empty Redis."""
    empty(redis_address)
    return redis_address


@pytest.fixture
def cluster_url(cluster_address: str) -> str:
    """An empty cluster."""
    empty_cluster(cluster_address)
    return cluster_address
