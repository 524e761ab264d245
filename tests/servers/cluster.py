"""A cluster of Valkey servers."""

from __future__ import annotations

from typing import Self

import redis

from tests.servers.keyvalue import KeyValue, empty, packaged_valkey, plain
from tests.servers.process import ServerError, free_port, wait_for

SLOTS = 16_384


class Cluster:
    """Primaries, with `replicas` replicas each. `nodes`: its servers, the primaries first."""

    def __init__(self, nodes: int, replicas: int, config: dict[str, str]) -> None:
        settings = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", "cluster-config-file": "nodes.conf"}
        self.primaries = nodes
        self.nodes: list[KeyValue] = []
        for number in range(nodes * (1 + replicas)):
            own = settings | {"cluster-port": str(free_port())} | config
            self.nodes.append(KeyValue(f"valkey-node{number}", packaged_valkey(), own))

    @property
    def url(self) -> str:
        """All of its nodes, as Spillover reads it; the client library wants `urls[0]`."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    def start(self) -> Self:
        """Start every node and wait until each knows all of them and every slot is served."""
        for node in self.nodes:
            node.start()
        if self._known(self.nodes[0]) < len(self.nodes):
            self._join()
        for node in self.nodes:
            wait_for(lambda node=node: self._ready(node), f"{node.name}: found no whole cluster")
        return self

    def _join(self) -> None:
        for number, node in enumerate(self.nodes):
            with node.client() as client:
                if number < self.primaries:
                    first, last = (SLOTS * n // self.primaries for n in (number, number + 1))
                    client.execute_command("CLUSTER ADDSLOTSRANGE", first, last - 1)
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                for other in self.nodes[:number]:
                    client.execute_command(
                        "CLUSTER MEET", "127.0.0.1", other.port, other.config["cluster-port"]
                    )  # all of them: gossip alone takes a second more
        for number, node in enumerate(self.nodes[self.primaries :]):
            primary = self.nodes[number % self.primaries]
            with node.client() as client, primary.client() as of:
                identity = of.execute_command("CLUSTER MYID")
                wait_for(lambda c=client, i=identity: _replicates(c, i), f"{node.name}: found no primary to follow")

    def _known(self, node: KeyValue) -> int:
        return int(self._info(node)["cluster_known_nodes"])

    def _ready(self, node: KeyValue) -> bool:
        info = self._info(node)
        whole = info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == len(self.nodes)
        if not whole or self.nodes.index(node) < self.primaries:
            return whole
        with node.client() as client:
            return client.info("replication")["master_link_status"] == "up"

    def _info(self, node: KeyValue) -> dict[str, str]:
        with node.client() as client:
            found = client.execute_command("CLUSTER INFO")
        if isinstance(found, dict):
            return found
        text = found.decode() if isinstance(found, bytes) else found
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def empty(self) -> None:
        """Forget all data, and every script."""
        empty_cluster(self.url)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def close(self) -> None:
        for node in self.nodes:
            node.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()


def _replicates(client: redis.Redis, primary: bytes) -> bool:
    try:
        return bool(client.execute_command("CLUSTER REPLICATE", primary))
    except redis.ResponseError:  # it has not heard of that node yet
        return False


def empty_cluster(url: str) -> None:
    """Empty the cluster behind an address like `Cluster.url`. Raises ServerError where it does not answer."""
    try:
        with redis.Redis.from_url(plain(url)) as client:
            nodes = client.cluster("nodes")
            for address, node in nodes.items():
                if "master" in node["flags"]:
                    empty(f"redis://{address}")
    except redis.RedisError as error:
        raise ServerError(f"cluster at {url}: found {error}, expected it to answer") from error
