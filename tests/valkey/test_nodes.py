"""One server of a Cluster that is dead, cut off or stuck fails its own accounts, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from spillover.model.commit import Commit, Committed, Outcome, Unanswered
from spillover.model.errors import PartUnavailable, StoreUnavailable
from spillover.stores.valkey.link import Link
from tests.conformance.support import Hot, add, grant
from tests.servers import Cluster, KeyValue, valkey_cluster
from tests.servers.process import wait_for
from tests.valkey.support import key_of, serves, slot_of, store
from tests.valkey.test_cluster import begin_to_move, end_the_move, move_keys, url_of

ALL = range(1, 65)
"""An account in each shard."""
OPTIONS = {"repl_diskless_sync_delay": "0", "cluster_require_full_coverage": "no"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with valkey_cluster(**OPTIONS) as cluster:
        yield cluster


@pytest.fixture
def hot(cluster: Cluster) -> Iterator[Hot]:
    with store(url_of(cluster, 0, 1, 2), timeout_ms=1_000) as hot:
        hot.commit(*(grant(add("a", 1), account=n) for n in ALL))
        yield hot


def marks(outcomes: Sequence[Outcome | Unanswered], batch: Sequence[Commit]) -> dict[str, set[int]]:
    """Accounts by what was said of their items."""
    found: dict[str, set[int]] = {}
    for item, outcome in zip(batch, outcomes, strict=True):
        found.setdefault(type(outcome).__name__, set()).add(item.account)
    return found


def on(cluster: Cluster, node: KeyValue) -> set[int]:
    return {n for n in ALL if serves(cluster, slot_of(n))[0] is node}


def everyone() -> list[Commit]:
    return [grant(add("a", 1), account=n, key=f"{n}") for n in ALL]


@pytest.mark.parametrize("fault", ["pause", "kill"])
def test_in_a_batch_only_the_items_of_the_dead_server_are_unanswered_and_their_keys_decide(cluster, hot, fault):
    dead = serves(cluster, slot_of(1))[0]
    lost = on(cluster, dead)
    getattr(dead, fault)()
    for _ in range(20):
        batch = [grant(add("a", 1), account=n) for n in ALL]
        assert marks(hot.commit(*batch), batch) == {"Unanswered": lost, "Committed": set(ALL) - lost}
    batch = everyone()
    outcomes = hot.commit(*batch)
    assert all(isinstance(one.error, PartUnavailable) for one in outcomes if isinstance(one, Unanswered))
    with pytest.raises(PartUnavailable, match="same again"):
        hot.load(1, "a")
    with pytest.raises(PartUnavailable, match="same again"):
        hot.one(grant(account=1))
    dead.resume() if fault == "pause" else dead.start()
    wait_for(lambda: serving(hot), f"{dead.name}: found it not served")
    again = hot.commit(*batch)
    assert marks(again, batch)["Duplicate"] >= set(ALL) - lost
    assert "Unanswered" not in marks(again, batch)
    assert {n: [e.key for e in hot.entries(n)].count(f"{n}") for n in ALL} == dict.fromkeys(ALL, 1)
    assert [hot.values(n, "a") for n in sorted(set(ALL) - lost)] == [(22,)] * (64 - len(lost))


def serving(hot: Hot) -> bool:
    try:
        hot.load(1)
    except StoreUnavailable:
        return False
    return True


@pytest.fixture
def tries(monkeypatch) -> list[int]:
    """The ports that were connected to."""
    found: list[int] = []
    whole = Link.connect

    def connect(self, deadline):
        found.append(self.node[1])
        whole(self, deadline)

    monkeypatch.setattr(Link, "connect", connect)
    return found


def test_a_silent_server_is_waited_for_once_and_then_tried_shortly_when_it_has_rested(cluster, hot, tries):
    dead = serves(cluster, slot_of(1))[0]
    now = [0.0]
    hot.store._exchange._doubts._clock = lambda: 100 + now[0]
    dead.pause()
    with pytest.raises(PartUnavailable):
        hot.one(grant(account=1))
    tries.clear()
    for _ in range(200):
        with pytest.raises(PartUnavailable):
            hot.one(grant(account=1))
    assert dead.port not in tries
    now[0] += 0.251
    for _ in range(10):
        with pytest.raises(PartUnavailable):
            hot.one(grant(account=1))
    assert tries.count(dead.port) == 1
    assert tries.count(dead.port) < len(tries), "who serves its slots was looked up elsewhere"
    dead.resume()
    now[0] += 10
    wait_for(lambda: serving(hot), f"{dead.name}: found it not served")
    assert isinstance(hot.one(grant(account=1)), Committed)


def test_a_server_that_refuses_connections_is_asked_once_each_time(cluster, hot, tries):
    dead = serves(cluster, slot_of(1))[0]
    dead.kill()
    with pytest.raises(PartUnavailable):
        hot.one(grant(account=1))
    tries.clear()
    for _ in range(20):
        with pytest.raises(PartUnavailable):
            hot.one(grant(account=1))
        with pytest.raises(PartUnavailable):
            hot.load(1)
    assert tries.count(dead.port) == 40


def test_a_server_that_is_silent_when_it_is_connected_to_takes_no_time_from_the_others(cluster, hot):
    dead = serves(cluster, slot_of(1))[0]
    lost = on(cluster, dead)
    dead.pause()
    hot.store._servers._links.pop(("127.0.0.1", dead.port)).close()
    batch = [grant(account=n) for n in sorted(ALL, key=lambda n: n not in lost)]
    assert marks(hot.commit(*batch), batch) == {"Unanswered": lost, "Committed": set(ALL) - lost}


def test_what_became_of_a_call_stays_open_however_many_others_fail_at_once(cluster, hot):
    dead = serves(cluster, slot_of(1))[0]
    dead.pause()
    with pytest.raises(PartUnavailable):
        hot.one(grant(add("a", 1), account=1, key="open"))
    open_calls = list(hot.store._committing._given_up[1])
    assert open_calls
    for _ in range(300):
        with pytest.raises(PartUnavailable):
            hot.one(grant(account=1))
    assert hot.store._committing._given_up[1][: len(open_calls)] == open_calls, "the next call must call it off"
    dead.resume()
    wait_for(lambda: serving(hot), f"{dead.name}: found it not served")
    hot.one(grant(account=1))
    assert not hot.store._committing._given_up.get(1)


def test_if_no_item_is_answered_that_is_an_error_of_the_whole_batch(cluster, hot):
    dead = serves(cluster, slot_of(1))[0]
    lost = sorted(on(cluster, dead))
    dead.kill()
    with pytest.raises(StoreUnavailable):
        hot.commit(*(grant(account=n) for n in lost))
    for node in cluster.nodes:
        node.kill()
    with pytest.raises(StoreUnavailable):
        hot.commit(*(grant(account=n) for n in ALL))


def test_a_store_is_opened_while_a_server_is_dead_but_for_the_one_that_tells_whose_it_is(cluster, hot):
    ids = serves(cluster, slot_of(64))[0]  # shard 0
    dead = next(node for node in cluster.nodes if node is not ids)
    lost = on(cluster, dead)
    dead.pause()
    with store(url_of(cluster, 0, 1, 2), timeout_ms=1_000) as other:
        batch = everyone()
        assert marks(other.commit(*batch), batch) == {"Unanswered": lost, "Committed": set(ALL) - lost}
    dead.resume()
    ids.kill()
    with pytest.raises(PartUnavailable), store(url_of(cluster, 0, 1, 2), timeout_ms=1_000):
        pass


def test_a_slot_that_is_half_moved_keeps_no_other_account_waiting(cluster, hot, monkeypatch):
    sent: list[int] = []
    whole = Link.send
    monkeypatch.setattr(Link, "send", lambda self, commands: (sent.append(self.node[1]), whole(self, commands)))
    slot = slot_of(1)
    source, target = serves(cluster, slot)
    begin_to_move(slot, source, target)
    move_keys(slot, source, target, [key_of("a", 1)])
    for turn in range(20):
        batch = [grant(add("a", 1), account=n) for n in ALL]
        assert marks(hot.commit(*batch), batch) == {"Unanswered": {1}, "Committed": set(ALL) - {1}}
        assert not turn or sent.count(source.port) == 1, "it was waited for again"
        sent.clear()
    move_keys(slot, source, target)
    end_the_move(cluster, slot, source, target)
    batch = everyone()
    assert marks(hot.commit(*batch), batch) == {"Committed": set(ALL)}


def test_a_server_that_takes_no_writes_keeps_no_other_account_waiting(cluster, hot, monkeypatch):
    sent: list[int] = []
    whole = Link.send
    monkeypatch.setattr(Link, "send", lambda self, commands: (sent.append(self.node[1]), whole(self, commands)))
    alone = serves(cluster, slot_of(1))[0]
    lost = on(cluster, alone)
    with alone.client() as client:
        client.config_set("min-replicas-to-write", 1)
        for turn in range(20):
            assert hot.values(1, "a") == (1,)
            sent.clear()
            batch = [grant(add("a", 1), account=n) for n in ALL]
            assert marks(hot.commit(*batch), batch) == {"Unanswered": lost, "Committed": set(ALL) - lost}
            assert not turn or sent.count(alone.port) == 1, "it was waited for again"
        client.config_set("min-replicas-to-write", 0)
    assert isinstance(hot.one(grant(add("a", 1))), Committed)
    assert hot.values(1, "a") == (2,)


@pytest.fixture
def replicated() -> Iterator[Cluster]:
    with valkey_cluster(replicas=1, **OPTIONS) as cluster:
        yield cluster


def test_a_server_none_of_whose_replicas_confirms_fails_its_own_accounts(replicated):
    alone = serves(replicated, slot_of(1))[0]
    lost = on(replicated, alone)
    replica = replicated.nodes[replicated.primaries + replicated.nodes.index(alone)]
    with store(url_of(replicated, 0, 1, 2), timeout_ms=1_000) as hot:
        hot.commit(*(grant(account=n) for n in ALL))
        replica.pause()
        batch = everyone()
        outcomes = hot.commit(*batch)
        assert marks(outcomes, batch) == {"Unanswered": lost, "Committed": set(ALL) - lost}
        told = {str(one.error) for one in outcomes if isinstance(one, Unanswered)}
        assert all("none confirmed in time" in text for text in told)
        replica.resume()
        wait_for(lambda: "Unanswered" not in marks(hot.commit(*batch), batch), "found no replica that confirms")


def test_the_accounts_of_a_dead_server_go_on_where_its_replica_was_promoted(replicated):
    old = serves(replicated, slot_of(1))[0]
    lost = on(replicated, old)
    with store(url_of(replicated, 0, 1, 2), timeout_ms=1_000) as hot:
        told = hot.commit(*(grant(add("a", 1), account=n, key="before") for n in ALL))
        assert {type(one) for one in told} == {Committed}
        old.kill()

        def all_served() -> bool:
            batch = [grant(add("b", 1), account=n) for n in ALL]
            found = marks(hot.commit(*batch), batch)
            assert found["Committed"] >= set(ALL) - lost
            return "Unanswered" not in found

        wait_for(all_served, "found no replica promoted")
        assert [hot.values(n, "a") for n in ALL] == [(1,)] * 64


def test_who_was_promoted_is_found_while_the_silent_server_rests(replicated):
    old = serves(replicated, slot_of(1))[0]
    with store(url_of(replicated, 0, 1, 2), timeout_ms=1_000) as hot:
        hot.one(grant(add("a", 1), account=1))
        old.pause()
        with pytest.raises(PartUnavailable):
            hot.one(grant(account=1))
        (doubt,) = hot.store._exchange._doubts._nodes.values()
        doubt.until = float("inf")
        wait_for(lambda: serving(hot), "found no replica promoted")
        assert hot.values(1, "a") == (1,)
