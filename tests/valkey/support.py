"""Stores on servers of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.crc import key_slot

from spillover.stores.valkey import ValkeyHotStore
from tests.conformance.support import Hot
from tests.servers import Cluster, KeyValue

PREFIX = "spillover:"


def open_store(url: str, durability: str = "strict", **options: Any) -> Hot:
    """A store whose ledger has nothing; close it."""
    return Hot(ValkeyHotStore(url, durability, **{"booked": lambda *_: None} | options))  # type: ignore


@contextmanager
def store(url: str, durability: str = "strict", **options: Any) -> Iterator[Hot]:
    """The same, closed when it is left."""
    hot = open_store(url, durability, **options)
    try:
        yield hot
    finally:
        hot.close()


def key_of(kind: str, account: int) -> str:
    """A key of an account, as decision 0006 names it."""
    return f"{PREFIX}{{{account % 64}}}:{kind}:{account}"


def slot_of(account: int) -> int:
    return key_slot(key_of("a", account).encode())


def serves(cluster: Cluster, slot: int) -> tuple[KeyValue, KeyValue]:
    """The primary that serves a slot, and another one."""
    for number, node in enumerate(cluster.nodes[: cluster.primaries]):
        with node.client() as client:
            shards = client.execute_command("CLUSTER SLOTS")
        for first, last, (_, port, *_), *_ in shards:
            if first <= slot <= last and port == node.port:
                return node, cluster.nodes[(number + 1) % cluster.primaries]
    raise AssertionError(f"nobody serves slot {slot}")
