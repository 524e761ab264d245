"""A server whose settings do not keep the promise of the mode is refused, with the command that mends it."""

import pytest

from spillover.model.errors import StoreUnavailable, WrongSettings
from tests.conformance.support import grant, kinds
from tests.servers import KeyValue, redis62, valkey
from tests.valkey.support import open_store, store

FORBIDDEN = ("appuser", "on", ">secret", "~*", "&*", "+@all", "-config")


@pytest.fixture(params=[valkey, redis62])
def server(request):
    with request.param() as server:
        yield server


@pytest.mark.parametrize(
    ("name", "value", "durability", "mended"),
    [
        ("appendfsync", "everysec", "strict", "always"),
        ("appendfsync", "no", "strict", "always"),
        ("appendfsync", "no", "fast", "everysec"),
        ("appendonly", "no", "strict", "yes"),
        ("appendonly", "no", "fast", "yes"),
        ("maxmemory-policy", "allkeys-lru", "strict", "noeviction"),
        ("maxmemory-policy", "volatile-ttl", "fast", "noeviction"),
    ],
)
def test_a_wrong_setting_is_refused_and_what_the_error_says_mends_it(server, name, value, durability, mended):
    with server.client() as client:
        client.config_set(name, value)
        with pytest.raises(WrongSettings, match=f"found {name} {value}, expected") as caught:
            open_store(server.url, durability)
        command = f"CONFIG SET {name} {mended}"
        assert command in str(caught.value)
        assert "\n" not in str(caught.value)
        client.execute_command(*command.split())
    with store(server.url, durability) as hot:
        assert kinds([hot.one(grant())]) == "c"


@pytest.mark.parametrize("fsync", ["everysec", "always"])
def test_fast_takes_either_way_of_syncing(server, fsync):
    with server.client() as client:
        client.config_set("appendfsync", fsync)
    with store(server.url, "fast") as hot:
        assert hot.store.unchecked == ()


def test_where_settings_may_not_be_read_fast_says_what_it_could_not_check_and_strict_is_refused(server):
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", *FORBIDDEN)
        url = f"redis://appuser:secret@127.0.0.1:{server.port}"
        with pytest.raises(WrongSettings, match="CONFIG GET is forbidden"):
            open_store(url, "strict")
        with store(url, "fast") as hot:
            assert hot.store.unchecked == (f"127.0.0.1:{server.port}: appendfsync",)
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(WrongSettings, match="found maxmemory-policy allkeys-lru"):
            open_store(url, "fast")


def test_a_server_that_comes_back_with_other_settings_is_refused(server):
    with store(server.url) as hot:
        hot.one(grant(key="k"))
        before = hot.store.facts()[0].run_id
        server.restart()
        assert kinds([hot.one(grant())]) == "c"
        assert hot.store.facts()[0].run_id != before
        server.config["appendfsync"] = "everysec"
        server.restart()
        with pytest.raises(WrongSettings, match="found appendfsync everysec"):
            hot.one(grant())
        with server.client() as client:
            client.config_set("appendfsync", "always")
        assert kinds([hot.one(grant(key="k"))]) == "d"


def test_a_replica_is_refused(server):
    with KeyValue("replica", server.binary, {}) as replica, replica.client() as client:
        client.replicaof("127.0.0.1", server.port)
        with pytest.raises(StoreUnavailable, match="found a replica, expected a primary"):
            open_store(replica.url)


def test_one_server_and_a_cluster_are_told_apart(server, cluster_server):
    with pytest.raises(WrongSettings, match="write the address as valkey://"):
        open_store(f"redis+cluster://127.0.0.1:{server.port}")
    with pytest.raises(WrongSettings, match=r"write the address as valkey\+cluster://"):
        open_store(f"redis://127.0.0.1:{cluster_server.nodes[0].port}")


def test_the_facts_of_a_server_are_told(server):
    with store(server.url) as hot:
        (facts,) = hot.store.facts()
        with server.client() as client:
            info = client.info()
            client.config_set("maxmemory", "50mb")
        assert (facts.run_id, facts.role, facts.replicas, facts.memory_max) == (info["run_id"], "master", 0, 0)
        assert (facts.aof, facts.aof_healthy, facts.appendfsync, facts.policy) == (True, True, "always", "noeviction")
        assert facts.memory > 100_000
        assert hot.store.facts()[0].memory_max == 50 * 2**20
