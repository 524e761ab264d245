"""With replicas attached, `strict` answers when one of them has it."""

from __future__ import annotations

import pytest

from spillover.model.commit import Duplicate
from spillover.model.errors import StoreUnavailable
from tests.conformance.support import add, grant, kinds
from tests.servers import KeyValue, redis62, valkey
from tests.servers.process import wait_for
from tests.valkey.support import store


@pytest.fixture(params=[valkey, redis62])
def primary(request):
    with request.param(repl_diskless_sync_delay="0") as server:
        yield server


@pytest.fixture
def replica(primary):
    with KeyValue("replica", primary.binary, {}) as server:
        follow(server, primary)
        yield server


def follow(replica: KeyValue, primary: KeyValue) -> None:
    with replica.client() as client, primary.client() as of:
        client.replicaof("127.0.0.1", primary.port)
        wait_for(lambda: of.set("probe", 1) and of.wait(1, 100) == 1, "found no replica that confirms")


def test_what_was_answered_is_on_the_replica(primary, replica):
    with store(primary.url) as hot, replica.client() as client:
        assert hot.store.facts()[0].replicas == 1
        for n in range(20):
            hot.one(grant(add("a", 1), key=f"{n}"))
            assert client.hget("spillover:{1}:a:1", "a") == b"%d" % (n + 1)
        primary.kill()
        client.replicaof("NO", "ONE")
        with store(replica.url) as promoted:
            assert kinds(promoted.commit(*(grant(key=f"{n}") for n in range(20)))) == "d" * 20
            assert len(promoted.read()) == 20


def test_without_a_confirmation_nothing_is_answered_and_the_key_decides(primary, replica):
    with store(primary.url, timeout_ms=400) as hot:
        hot.one(grant(add("a", 1)))
        replica.pause()
        try:
            item = grant(add("a", 1), key="k")
            for use in (
                lambda: hot.one(item), lambda: hot.one(item), lambda: hot.find(1, "k"), lambda: hot.shut(2),
            ):  # fmt: skip
                with pytest.raises(StoreUnavailable, match="none confirmed in time"):
                    use()
            assert hot.values(1, "a") == (2,)
            with (
                store(primary.url, timeout_ms=400) as other,
                pytest.raises(StoreUnavailable, match="none confirmed in time"),
            ):
                other.one(item)  # known, and no more confirmed for having been asked for by another connection
        finally:
            replica.resume()
        assert hot.one(item) == Duplicate(1, 2, "request of k", b"event of k")


def test_a_replica_that_was_attached_or_lost_meanwhile_is_noticed(primary):
    with store(primary.url, timeout_ms=400) as hot, KeyValue("replica", primary.binary, {}) as replica:
        hot.one(grant(add("a", 1)))
        follow(replica, primary)
        replica.pause()
        try:
            with pytest.raises(StoreUnavailable, match="none confirmed in time"):
                hot.one(grant(add("a", 1)))
        finally:
            replica.resume()
        replica.kill()
        with primary.client() as client:
            wait_for(lambda: client.info("replication")["connected_slaves"] == 0, "found a replica that was killed")
        assert kinds([hot.one(grant(add("a", 1)))]) == "c"


def test_fast_waits_for_no_replica(primary, replica):
    with store(primary.url, "fast", timeout_ms=400) as hot:
        replica.pause()
        try:
            assert kinds([hot.one(grant())]) == "c"
        finally:
            replica.resume()


def test_too_few_replicas_by_the_server_s_own_rule_change_nothing(primary):
    with store(primary.url, timeout_ms=500) as hot, primary.client() as client:
        client.config_set("min-replicas-to-write", "1")
        with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
            hot.one(grant(key="k"))
        client.config_set("min-replicas-to-write", "0")
        assert kinds([hot.one(grant(key="k"))]) == "c"
