"""Real servers for tests, with nothing to set up by hand: on loopback, on free ports, with strict settings.

    with postgres() as server: url = server.new_database()      # PostgreSQL 18
    with valkey(appendfsync="everysec") as server: server.url    # Valkey 9, redis://HOST:PORT
    with redis62() as server, valkey_cluster(nodes=3, replicas=1) as cluster: ...
    with Proxy(server.port) as proxy: proxy.through(server.url)  # a network that can be slow, cut, silent

A cluster's URL is redis+cluster://HOST:PORT,HOST:PORT, as Spillover reads it; `plain(url)` is for the client library.
Each is a server of its own, started when it is entered, gone with its data when it is left; also when the process is
interrupted or killed. `server.kill()`, `stop()`, `start()`, `pause()`, `resume()`. Settings are given by name, with `_`
for `-`; `server.config` holds them and is read at each start.

The fixtures (fixtures.py) share one server of a kind for the whole session and start it when the first test asks:
`postgres_url` (a fresh database), `valkey_url`, `redis_url`, `cluster_url` (emptied), and the servers
`postgres_server`, `valkey_server`, `redis_server`, `cluster_server`. A test with a prefix of its own needs no empty
server: `valkey_address`, `redis_address`, `cluster_address`. One that kills or pauses a server starts its own.

Instead of the session's own, servers given by URL (what is in them is dropped):
    SPILLOVER_TEST_POSTGRES          a user that may create databases and roles, in database `postgres`
    SPILLOVER_TEST_VALKEY            a single Valkey
    SPILLOVER_TEST_VALKEY_CLUSTER    a cluster, as redis+cluster://HOST:PORT,HOST:PORT
    SPILLOVER_TEST_REDIS             a single Redis, 6.2 or newer
Servers that no Python package brings, PostgreSQL 15 and a newer Redis, take part where the machine has them. With
SPILLOVER_TEST_ALL=1 they must be there. A server that is missing or does not answer is an error, never a skip.
"""

from __future__ import annotations

import os

from tests.servers.cluster import Cluster, empty_cluster
from tests.servers.keyvalue import KeyValue, empty, installed_redis, packaged_redis, packaged_valkey, plain
from tests.servers.postgresql import Databases, Postgres, installed, packaged
from tests.servers.process import Server, ServerError
from tests.servers.proxy import Proxy

__all__ = [
    "Cluster",
    "Databases",
    "KeyValue",
    "Postgres",
    "Proxy",
    "Server",
    "ServerError",
    "empty",
    "empty_cluster",
    "optional",
    "plain",
    "postgres",
    "postgres15",
    "redis62",
    "redis_installed",
    "valkey",
    "valkey_cluster",
]
OLDEST_POSTGRES = 15


def postgres(**settings: str) -> Postgres:
    """PostgreSQL 18."""
    return Postgres(packaged(), settings)


def postgres15(**settings: str) -> Postgres:
    """The oldest PostgreSQL that is supported, as installed on the machine. Raises ServerError where it is not."""
    folder = installed(OLDEST_POSTGRES)
    if folder is None:
        raise ServerError("found no PostgreSQL 15, expected it installed; for Debian 12: apt-get install postgresql-15")
    return Postgres(folder, settings)


def valkey(**settings: str) -> KeyValue:
    """Valkey 9, single."""
    return KeyValue("valkey", packaged_valkey(), settings)


def valkey_cluster(nodes: int = 3, replicas: int = 0, **settings: str) -> Cluster:
    """A cluster of Valkey 9: so many primaries, each with so many replicas."""
    return Cluster(nodes, replicas, settings)


def redis62(**settings: str) -> KeyValue:
    """Redis 6.2, the oldest that is supported."""
    return KeyValue("redis62", packaged_redis(), settings)


def redis_installed(**settings: str) -> KeyValue:
    """The Redis (or Valkey) that the machine has, 7 or newer. Raises ServerError where it has none."""
    found = installed_redis()
    if found is None or found[1] < 7:
        raise ServerError("found no redis-server 7 or newer, expected it installed; apt-get install redis-server")
    return KeyValue("redis", found[0], settings)


def optional() -> frozenset[str]:
    """Which of "postgres15" and "redis7" take part: those that the machine has, or both with SPILLOVER_TEST_ALL=1."""
    if os.environ.get("SPILLOVER_TEST_ALL") == "1":
        return frozenset(("postgres15", "redis7"))
    redis = installed_redis()
    there = {"postgres15": installed(OLDEST_POSTGRES) is not None, "redis7": redis is not None and redis[1] >= 7}
    return frozenset(name for name, is_there in there.items() if is_there)
