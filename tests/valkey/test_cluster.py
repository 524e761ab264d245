"""A Cluster whose slots and nodes change below the store."""

from __future__ import annotations

import pytest
import redis

from spillover.model.commit import Committed, OpenHold
from spillover.model.errors import StoreUnavailable
from tests.conformance.support import add, grant, kinds
from tests.servers import valkey_cluster
from tests.servers.process import wait_for
from tests.valkey.support import key_of, serves, slot_of, store


@pytest.fixture
def cluster():
    with valkey_cluster(repl_diskless_sync_delay="0") as cluster:
        yield cluster


def url_of(cluster, *nodes: int) -> str:
    return "valkey+cluster://" + ",".join(f"127.0.0.1:{cluster.nodes[n].port}" for n in nodes or (0,))


def setslot(node, slot: int, *how: str) -> None:
    with node.client() as client:
        client.execute_command("CLUSTER", "SETSLOT", slot, *how)


def identity(node) -> str:
    with node.client() as client:
        return client.execute_command("CLUSTER", "MYID").decode()


def begin_to_move(slot: int, source, target) -> None:
    setslot(target, slot, "IMPORTING", identity(source))
    setslot(source, slot, "MIGRATING", identity(target))


def move_keys(slot: int, source, target, keys: list[str] | None = None) -> None:
    with source.client() as client:
        found = keys or client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 10_000)
        client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", *found)


def end_the_move(cluster, slot: int, source, target) -> None:
    for node in (target, source, *cluster.nodes):
        setslot(node, slot, "NODE", identity(target))


def test_a_half_moved_slot_takes_nothing_by_halves_and_goes_on_when_it_is_moved(cluster):
    slot = slot_of(1)
    source, target = serves(cluster, slot)
    with store(url_of(cluster), timeout_ms=500) as hot:
        hot.commit(grant(add("a", 1), hold=("h", 5, b"record"), key="k"), grant(account=2))
        begin_to_move(slot, source, target)
        move_keys(slot, source, target, [key_of("a", 1), key_of("h", 1)])
        with pytest.raises(StoreUnavailable, match="same again"):
            hot.one(grant(add("a", 1), key="new"))
        assert hot.hold(1, "h") == OpenHold(1, "h", 5, b"record")  # by way of the node that it moves to
        move_keys(slot, source, target)
        end_the_move(cluster, slot, source, target)
        assert hot.values(1, "a") == (1,)
        assert kinds(hot.commit(grant(add("a", 1), key="new"), grant(key="k"), grant(account=2))) == "cdc"
        assert [entry.key for entry in hot.entries(1)] == ["k", "new"]


def test_a_slot_that_was_moved_is_followed_at_once(cluster):
    slot = slot_of(1)
    source, target = serves(cluster, slot)
    with store(url_of(cluster)) as hot:
        hot.commit(*(grant(add("a", 1), account=n) for n in range(64)))
        begin_to_move(slot, source, target)
        move_keys(slot, source, target)
        end_the_move(cluster, slot, source, target)
        outcomes = hot.commit(*(grant(add("a", 1), account=n) for n in range(64)))
        assert outcomes == [Committed(2, {"a": 2})] * 64
        assert len(hot.read()) == 128


def test_forgotten_scripts_are_loaded_again_on_every_node(cluster):
    with store(url_of(cluster)) as hot:
        batch = [grant(account=n) for n in range(64)]
        for node in cluster.nodes:
            with node.client() as client:
                client.script_flush()
        assert kinds(hot.commit(*batch)) == "c" * 64
        assert len(hot.store.facts()) == 3


def test_any_node_of_the_address_will_do_and_one_that_is_gone_spoils_nothing(cluster):
    unused = cluster.nodes[0].port
    with store(f"valkey+cluster://127.0.0.1:1,127.0.0.1:{unused}") as hot:
        assert kinds([hot.one(grant())]) == "c"


def test_a_node_that_is_down_is_an_error_in_time_and_the_others_serve_on(cluster):
    with cluster.nodes[0].client() as client:
        client.config_set("cluster-require-full-coverage", "no")
    for node in cluster.nodes:
        with node.client() as client:
            client.config_set("cluster-require-full-coverage", "no")
    with store(url_of(cluster, 0, 1, 2), timeout_ms=500) as hot:
        dead, _ = serves(cluster, slot_of(1))
        others = [n for n in range(2, 64) if serves(cluster, slot_of(n))[0] is not dead]
        hot.commit(grant(add("a", 1)), *(grant(account=n) for n in others))
        dead.kill()
        with pytest.raises(StoreUnavailable):
            hot.one(grant(account=1))
        assert kinds(hot.commit(*(grant(account=n) for n in others))) == "c" * len(others)
        dead.start()
        wait_for(lambda: _up(dead), f"{dead.name}: found it not back in the cluster")
        assert hot.values(1, "a") == (1,)
        assert kinds([hot.one(grant(add("a", 1)))]) == "c"


def _up(node) -> bool:
    with node.client() as client:
        try:
            return b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO")
        except (redis.RedisError, TypeError):
            return False


def test_after_a_failover_the_new_primary_is_found_and_knows_every_answer():
    with valkey_cluster(replicas=1, repl_diskless_sync_delay="0") as cluster:
        old, _ = serves(cluster, slot_of(1))
        with store(url_of(cluster, 0, 1, 2)) as hot:
            told = [hot.one(grant(add("a", 1), key=f"{n}")).sequence for n in range(10)]
            old.kill()
            wait_for(lambda: _promoted(cluster, old), "found no replica promoted")
            assert kinds([hot.one(grant(key="9"))]) == "d"
            assert [entry.sequence for entry in hot.entries(1)] == told
            assert hot.values(1, "a") == (10,)


def _promoted(cluster, old) -> bool:
    """Whether all that are left say so: who is asked first may be any of them."""
    for node in cluster.nodes:
        if node is not old and node.running:
            with node.client() as client:
                rows = client.execute_command("CLUSTER", "SLOTS")
            if not any(first <= slot_of(1) <= last and port != old.port for first, last, (_, port, *_), *_ in rows):
                return False
    return True


def test_a_slot_that_is_moved_whole_serves_throughout(cluster):
    slot = slot_of(1)
    source, target = serves(cluster, slot)
    with store(url_of(cluster)) as hot:
        hot.commit(*(grant(add("a", 1), account=n) for n in range(64)))
        with source.client() as client:
            client.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", identity(target))
        moved = 0
        while serves(cluster, slot)[0] is not target:
            assert isinstance(hot.one(grant(add("a", 1), account=1)), Committed)
            moved += 1
        assert isinstance(hot.one(grant(add("a", 1), account=1)), Committed)
        assert hot.values(1, "a") == (moved + 2,)
