"""A replica that is stuck fails the accounts of its primary alone, and nobody waits for it again and again."""

from __future__ import annotations

from spillover.model.commit import Committed, Outcome
from spillover.model.errors import PartUnavailable
from spillover.stores.valkey import confirming
from tests.conformance.support import Hot, add, grant
from tests.servers import valkey_cluster
from tests.servers.process import wait_for
from tests.valkey.support import serves, slot_of, store
from tests.valkey.test_cluster import url_of
from tests.valkey.test_nodes import ALL, OPTIONS, everyone, marks, on


def test_a_replica_that_is_stuck_fails_its_primarys_accounts_and_only_the_first_batch_waits_for_it(monkeypatch):
    waits: list[int] = []
    whole = confirming._wait
    monkeypatch.setattr(confirming, "_wait", lambda deadline: waits.append(deadline.left()) or whole(deadline))
    with valkey_cluster(replicas=1, **OPTIONS) as cluster, store(url_of(cluster, 0, 1, 2), timeout_ms=2_000) as hot:
        hot.commit(*(grant(add("a", 1), account=n) for n in ALL))
        dead = serves(cluster, slot_of(1))[0]
        lost, replica = on(cluster, dead), cluster.nodes[cluster.primaries + cluster.nodes.index(dead)]
        now = [0.0]
        hot.store._exchange._doubts._clock = lambda: 100 + now[0]
        replica.pause()
        lasts = []
        for _ in range(6):
            for _ in range(5):
                waits.clear()
                batch = [grant(add("a", 1), account=n) for n in ALL]
                assert marks(hot.commit(*batch), batch) == {"Unanswered": lost, "Committed": set(ALL) - lost}
                lasts.append((len(waits), min(waits)))
            assert hot.values(1, "a")[0] > 1, "it is read"
            now[0] += 2.1
        assert [count for count, _ in lasts[1:]] == ([2] * 4 + [3]) * 5 + [2] * 4
        assert [least < 0.5 for count, least in lasts[1:] if count == 3] == [True] * 5
        replica.resume()
        wait_for(lambda: turn(now) and isinstance(one_of(hot), Committed), f"{dead.name}: found it not served")
        batch = everyone()
        assert marks(hot.commit(*batch), batch) == {"Committed": set(ALL)}


def turn(now: list[float]) -> bool:
    now[0] += 2.1
    return True


def one_of(hot: Hot) -> Outcome | None:
    try:
        return hot.one(grant(account=1))
    except PartUnavailable:
        return None
