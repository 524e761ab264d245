"""Servers that are cut off, silent or dead: what the plan says is admitted, and recorded once when they are back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.ledgers.postgres import PostgresLedger
from spillover.model.errors import StoreUnavailable
from spillover.stores.postgres import PostgresHotStore
from spillover.stores.valkey import ValkeyHotStore
from tests.outage.bed import Bed
from tests.servers import Proxy, valkey, valkey_cluster
from tests.servers.process import wait_for
from tests.valkey.support import serves, slot_of

TIMEOUT_MS = 300


def _booked(ledger: PostgresLedger) -> Callable[[int, str, int, int], bytes | None]:
    return lambda account, key, epoch, sequence: drive(ledger.payload(account, key, epoch, sequence))


def on_postgres(beds: Callable[..., Bed], url: str) -> Bed:
    """An engine with hot state and books on one PostgreSQL."""
    ledger = PostgresLedger(url, timeout_ms=TIMEOUT_MS)
    bed = beds(handles=(PostgresHotStore(url, timeout_ms=TIMEOUT_MS, booked=_booked(ledger)), ledger))
    bed.put()
    bed.see()
    return bed


@pytest.mark.parametrize("fault", ["cut", "blackhole"])
def test_postgresql_that_cannot_be_reached_closes_no_plan_that_is_open(beds, postgres_server, postgres_url, fault):
    with Proxy(postgres_server.port) as proxy:
        bed = on_postgres(beds, proxy.through(postgres_url))
        getattr(proxy, fault)()
        found = [bed.ask(key=f"{number}") for number in range(2)]
        assert all(isinstance(one, Decision) and one.journaled for one in found)
        assert isinstance(bed.ask("stranger", key="s"), StoreUnavailable)
        assert bed.ask("stranger", key="r", mode="record").journaled, "nobody can be asked who that is"
        with pytest.raises(StoreUnavailable):
            drive(bed.outage.drain())
        proxy.heal()
        assert bed.drain() == 3
        assert [key for key, _ in bed.refused()] == ["r"]
        assert list(bed.booked()) == ["first", "0", "1"]
        assert bed.ask(key="0").sentence == "1 message included"
        bed.close()


def test_what_postgresql_had_taken_before_its_answer_was_lost_is_billed_once(beds, postgres_server, postgres_url):
    with Proxy(postgres_server.port) as proxy:
        bed = on_postgres(beds, proxy.through(postgres_url))
        for number in range(2):
            proxy.lose_reply(after=b"COMMIT")
            assert bed.ask(key=f"{number}")
            assert proxy.lost.wait(20)
        bed.drain()
        assert bed.refused() == []
        assert sorted(bed.booked()) == ["0", "1", "first"]
        bed.close()


def test_a_valkey_that_was_killed_closes_no_plan_that_is_open(beds, postgres_url):
    with valkey(appendfsync="always", appendonly="yes") as server:
        ledger = PostgresLedger(postgres_url, timeout_ms=5_000)
        bed = beds(handles=(ValkeyHotStore(server.url, timeout_ms=TIMEOUT_MS, booked=_booked(ledger)), ledger))
        bed.put()
        bed.see()
        server.kill()
        found = [bed.ask(key=f"{number}") for number in range(6)]
        assert [isinstance(one, Decision) for one in found] == [True] * 5 + [False]
        assert isinstance(found[5], StoreUnavailable)
        server.start()
        assert bed.drain() == 5
        assert sorted(bed.booked()) == [*"01234", "first"]
        bed.close()


def test_where_one_server_of_a_cluster_is_dead_its_accounts_are_admitted_and_those_of_others_decided(
    beds, postgres_url
):
    names = [f"n{number}" for number in range(12)]
    with valkey_cluster(cluster_require_full_coverage="no") as cluster:
        ledger = PostgresLedger(postgres_url, timeout_ms=5_000)
        url = "valkey+cluster://" + cluster.url.partition("://")[2]
        bed = beds(handles=(ValkeyHotStore(url, timeout_ms=TIMEOUT_MS, booked=_booked(ledger)), ledger))
        server = {}
        for name in names:
            bed.put(name)
            bed.see(name)
            server[name] = serves(cluster, slot_of(drive(ledger.find_account(name))))[0]
        dead = server["n0"]
        lost = [name for name in names if server[name] is dead]
        dead.kill()
        for turn in range(7):
            answers = dict(zip(names, bed.answer(*(bed.wish(name, key=f"{turn}") for name in names)), strict=True))
            admitted = [name for name in names if isinstance(answers[name], Decision) and answers[name].journaled]
            assert admitted == (lost if turn < 5 else [])
            refused = [name for name in names if isinstance(answers[name], StoreUnavailable)]
            assert refused == ([] if turn < 5 else lost)
        assert {entry.account for entry in bed.journal.waiting(99)} == set(lost)
        with pytest.raises(StoreUnavailable):
            bed.drain()
        dead.start()
        wait_for(lambda: _drained(bed), "found entries that wait")
        assert bed.refused() == []
        assert all(sorted(bed.booked(name)) == [*"01234", "first"] for name in lost)
        bed.close()


def _drained(bed: Bed) -> bool:
    try:
        bed.drain()
    except StoreUnavailable:
        return False
    return not bed.waiting()
