"""A Valkey with a replica behind one address that can be turned over to the replica, as an operator would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests import servers
from tests.servers import KeyValue, Proxy
from tests.servers.process import wait_for


class Pair:
    """A primary and its replica; `url` is that of whoever serves, `old` the primary's own."""

    def __init__(self, primary: KeyValue, replica: KeyValue, front: Proxy, between: Proxy) -> None:
        self.primary, self.replica, self._front, self._between = primary, replica, front, between
        self.url, self.old = front.through(primary.url), primary.url
        with replica.client() as client, primary.client() as of:
            client.replicaof("127.0.0.1", between.port)
            wait_for(lambda: of.set("probe", 1) and of.wait(1, 100) == 1, "found no replica that confirms")

    def lag(self) -> None:
        """Nothing reaches the replica any more, and nobody is told."""
        self._between.blackhole()

    def promote(self) -> None:
        """The replica serves from now on, without what has not reached it; connections to the old primary are cut."""
        with self.replica.client() as client:
            client.replicaof("NO", "ONE")
        self._between.close()
        self._front.target = ("127.0.0.1", self.replica.port)
        self._front.reset()

    def fail_over(self) -> None:
        """The primary is gone at once, and the replica promoted."""
        self.primary.kill()
        self.promote()


@contextmanager
def pair(**settings: str) -> Iterator[Pair]:
    """Both of them, with these settings."""
    settings = {"repl_diskless_sync_delay": "0"} | settings
    with (
        servers.valkey(**settings) as primary, servers.valkey(**settings) as replica,
        Proxy(primary.port) as front, Proxy(primary.port) as between,
    ):  # fmt: skip
        yield Pair(primary, replica, front, between)
