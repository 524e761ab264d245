"""The other rungs of the ladder: in memory, and on servers. A new one is one more class here."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any

import psycopg
import redis

from spillover.model.event import StreamEntry
from spillover.ports import HotStore
from spillover.stores.memory import MemoryHotStore
from spillover.stores.postgres import PostgresHotStore
from spillover.stores.valkey import ValkeyHotStore
from tests.conformance.support import Hot, Rung, run
from tests.servers import Databases, plain

_numbers = itertools.count()


class Books(dict[tuple[int, str], bytes]):
    """What a ledger elsewhere has, by account and key."""

    def book(self, entries: Sequence[StreamEntry]) -> None:
        for entry in entries:
            self.setdefault((entry.account, entry.key), entry.payload)

    def payload(self, account: int, key: str, *_: int) -> bytes | None:
        return self.get((account, key))


class MemoryRung(Rung):
    def __init__(self) -> None:
        super().__init__()
        self._books = Books()
        self._store = MemoryHotStore(booked=self._books.payload)

    def store(self) -> HotStore:
        return self._store

    def book(self, entries: Sequence[StreamEntry], table: str = "usage_events") -> None:
        self._books.book(entries)

    def _leave(self, hot: Hot) -> None:
        """There is only the one store."""

    def close(self) -> None:
        run(self._store.close())


class ServerRung(Rung):
    """A store on a server: its books lie elsewhere, its clock is the server's."""

    own_clock = True

    def __init__(self) -> None:
        super().__init__()
        self._books = Books()

    def book(self, entries: Sequence[StreamEntry], table: str = "usage_events") -> None:
        self._books.book(entries)


def make_tables(url: str) -> None:
    """What the first store object does in a new database."""
    run(PostgresHotStore(url, booked=lambda *_: None).close())


TABLES = ("hot_accounts", "hot_profiles", "cells", "stream", "keys", "denials", "holds")
EMPTYING = "; ".join(f"DELETE FROM spillover_hot.{table}" for table in TABLES)


class PostgresRung(ServerRung):
    nul = False

    def __init__(self, server: Databases, **options: Any) -> None:
        super().__init__()
        self._server, self._options = server, options
        self.url = server.lend_database(make_tables)

    def store(self) -> HotStore:
        return PostgresHotStore(self.url, booked=self._books.payload, **self._options)

    def clock(self) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        super().close()
        self._server.give_back(self.url, make_tables, EMPTYING)


class ValkeyRung(ServerRung):
    """On a server that others may use at the same time: its prefix is its own."""

    locked = False

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__()
        self.url, self._options = url, options
        self.prefix = f"test{os.getpid()}-{next(_numbers)}"

    def store(self) -> HotStore:
        return ValkeyHotStore(self.url, booked=self._books.payload, prefix=self.prefix, **self._options)

    def clock(self) -> int:
        with redis.Redis.from_url(plain(self.url)) as client:
            seconds, micros = client.time()
        return int(seconds) * 1000 + int(micros) // 1000
