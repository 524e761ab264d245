"""Servers for the networked rungs, and states to begin from: each run finds the same accounts, and nothing else.

The servers are those of the tests: real ones, from packages, with strict settings, on loopback. A state is what Valkey
had (each key as DUMP gives it) with a database to be copied. Bringing it back is never in the time of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

import psycopg
import redis

import spillover
from benchmarks.scenario import policy, populate, requests, require_allowed
from benchmarks.settings import Settings
from spillover.ports import Durability
from tests.servers import KeyValue, Postgres, postgres, valkey
from tests.servers.keeper import children

Kind = Literal["valkey", "postgres"]
KEPT_AT_ONCE = 1_000
SYNCS: dict[Durability, str] = {"strict": "always", "fast": "everysec"}
CLOCK_TICKS = 100
"""Of a second, in which Linux counts the time of processes."""


class State(NamedTuple):
    """`keys` of Valkey: name, milliseconds to live (0: for ever), value; a database that nobody uses, to be copied."""

    keys: tuple[tuple[bytes, int, bytes], ...]
    database: str


class Place(NamedTuple):
    """Where an engine opens, and the server that decides."""

    kind: Kind
    url: str
    ledger: str | None
    durability: Durability
    server: KeyValue | Postgres

    def connect(self, **options: Any) -> spillover.Access:
        """An engine there."""
        return spillover.connect(
            self.url, ledger=self.ledger, policy=policy(), durability=self.durability, **{"settle": False} | options
        )

    def connect_async(self, **options: Any) -> Any:
        """An engine there for asynchronous code."""
        return spillover.connect_async(
            self.url, ledger=self.ledger, policy=policy(), durability=self.durability, **{"settle": False} | options
        )

    def spent(self) -> float:
        """Microseconds of a processor that the server has spent so far."""
        if isinstance(self.server, KeyValue):
            with self.server.client() as client:
                said = client.info("cpu")
            return (said["used_cpu_user"] + said["used_cpu_sys"]) * 1e6
        own = _ticks(self.server.pid)
        return (sum(own) + sum(sum(_ticks(pid)[:2]) for pid in children(self.server.pid))) * 1e6 / CLOCK_TICKS


class Grounds:
    """Starts servers when they are first asked for; they end with it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = ExitStack()
        self._states: dict[tuple[Kind, int], State] = {}
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def postgres(self) -> Postgres:
        """PostgreSQL 18: `fsync` and `synchronous_commit` on."""
        return self._open.enter_context(postgres(shared_buffers="256MB", max_wal_size="4GB"))

    @cached_property
    def _valkeys(self) -> dict[Durability, KeyValue]:
        # Its log would be written anew because of what is brought back between runs, in the middle of some run.
        quiet = {"auto_aof_rewrite_percentage": "0"}
        return {
            kind: self._open.enter_context(valkey(appendfsync=how, **quiet)) for kind, how in SYNCS.items()
        }  # fmt: skip

    def valkey(self, durability: Durability) -> KeyValue:
        """Valkey 9 with `appendfsync always` for strict, `everysec` for fast."""
        return self._valkeys[durability]

    def versions(self) -> str:
        """The servers' own, in words."""
        with self.valkey("strict").client() as client:
            said = client.info("server")["valkey_version"]
        return f"Valkey {said}, PostgreSQL {self.postgres.version}, on this machine"

    def state(self, kind: Kind, decided: int = 0) -> State:
        """Every account with its lots, all settled; and so many decisions that wait in the stream."""
        if (kind, decided) not in self._states:
            made = self._populated(kind) if not decided else self._decided(kind, decided)
            self._states[kind, decided] = made
        return self._states[kind, decided]

    @contextmanager
    def place(self, kind: Kind, durability: Durability = "strict", state: State | None = None) -> Iterator[Place]:
        """That state, to be used once."""
        begun = state or self.state(kind)
        database = self._copy(begun.database)
        try:
            yield self._placed(kind, durability, database, begun)
        finally:
            self.postgres.drop_database(database)

    def _placed(self, kind: Kind, durability: Durability, database: str, state: State | None) -> Place:
        if kind == "postgres":
            return Place(kind, database, None, durability, self.postgres)
        server = self.valkey(durability)
        restore(server, state.keys if state else ())
        return Place(kind, server.url, database, durability, server)

    def _populated(self, kind: Kind) -> State:
        place = self._placed(kind, "fast", self.postgres.new_database(), None)
        with place.connect() as access:
            populate(access, self.settings.accounts)
            access.settle()
        return self._kept(place)

    def _decided(self, kind: Kind, decided: int) -> State:
        begun = self.state(kind)
        place = self._placed(kind, "fast", self._copy(begun.database), begun)
        asked = [request.words() for request in requests(decided, self.settings.accounts, seed=4)]
        with place.connect() as access:
            require_allowed(access.consume_many(asked))
        return self._kept(place)

    def _kept(self, place: Place) -> State:
        return State(() if place.kind == "postgres" else kept(place.server), place.ledger or place.url)

    def _copy(self, database: str) -> str:
        made = self.postgres.url_of(f"bench_{next(self._numbers)}")
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{_name(made)}" TEMPLATE "{_name(database)}"'.encode())
        return made


def kept(server: KeyValue) -> tuple[tuple[bytes, int, bytes], ...]:
    """Every key that a server has, but whose books they belong to: a copy of a database is another's."""
    with server.client() as client:
        names = [name for name in client.scan_iter(count=KEPT_AT_ONCE) if not name.endswith(b"books")]
        found = []
        for at in range(0, len(names), KEPT_AT_ONCE):
            some = names[at : at + KEPT_AT_ONCE]
            pipe = client.pipeline(transaction=False)
            for name in some:
                pipe.pttl(name)
                pipe.dump(name)
            said = pipe.execute()
            found += [(name, max(ttl, 0), value) for name, ttl, value in zip(some, said[::2], said[1::2], strict=True)]
        return tuple(found)


def restore(server: KeyValue, keys: tuple[tuple[bytes, int, bytes], ...]) -> None:
    """These keys and no others; scripts stay."""
    with server.client() as client:
        client.flushall()
        for at in range(0, len(keys), KEPT_AT_ONCE):
            pipe = client.pipeline(transaction=False)
            for name, ttl, value in keys[at : at + KEPT_AT_ONCE]:
                pipe.restore(name, ttl, value)
            pipe.execute()
        if keys and server.config["appendonly"] == "yes" and server.config["appendfsync"] != "always":
            client.execute_command("WAITAOF", 1, 0, 5_000)  # else the run would begin with this to be synced


def waiting(server: KeyValue) -> int:
    """Entries in all streams."""
    with server.client() as client:
        return sum(client.xlen(name) for name in client.scan_iter(match="*stream", count=KEPT_AT_ONCE))


def connection_to(server: KeyValue) -> redis.connection.Connection:
    """A bare connection, which decodes nothing and tries nothing twice."""
    made = redis.connection.Connection(host="127.0.0.1", port=server.port, protocol=2, socket_timeout=30)
    made.connect()
    return made


def _name(url: str) -> str:
    return urlsplit(url).path[1:]


def _ticks(pid: int) -> list[int]:
    """User, system, and those of children that have ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return [0, 0, 0, 0]
    return [int(word) for word in text.rpartition(")")[2].split()[11:15]]
