"""A Valkey that is full, slow, has lost its scripts, or whose slots move, under load: all or nothing; it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spillover.model.errors import StoreFull
from tests import servers
from tests.faults.people import People, people
from tests.faults.shop import NAMES, Where, open_shop
from tests.servers import Cluster, KeyValue
from tests.valkey.support import key_of, serves, slot_of
from tests.valkey.test_cluster import begin_to_move, end_the_move, move_keys

TIMES = [pytest.param(3, id="short"), pytest.param(100, id="long", marks=pytest.mark.soak)]
KINDS = {"valkey": servers.valkey, "redis62": servers.redis62}
SLOW = "local n = 0 while redis.call('TIME')[1] < ARGV[1] do n = n + 1 end return n"


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[KeyValue]:
    with KINDS[request.param]() as found:
        yield found


@pytest.fixture
def clients(server: KeyValue, books: str, tmp_path: Path) -> Iterator[People]:
    """Two engines and a settler at work."""
    where = Where(server.url, books)
    open_shop(where)
    with people(tmp_path, where) as found:
        at_work(found)
        yield found


def at_work(clients: People) -> None:
    clients.engine()
    clients.engine()
    clients.settler()
    clients.wait_for_more(20, settled=1)


@pytest.mark.parametrize("times", TIMES)
def test_a_full_server_takes_nothing_by_halves_and_all_goes_on_when_there_is_room(
    server: KeyValue, clients: People, times: int
) -> None:
    with server.client() as client, clients.where.connect() as access:
        access.consume("acme", "video", 1, key="warm")
        for turn in range(times):
            client.config_set("maxmemory", "100kb")
            with pytest.raises(StoreFull, match="raise maxmemory"):
                access.consume("acme", "video", 1, key=f"full {turn}")
            client.config_set("maxmemory", "0")
            clients.wait_for_more(20, settled=1)
    assert clients.check("warm") > 20 * times


@pytest.mark.parametrize("times", TIMES)
def test_forgotten_scripts_under_load_change_nothing(server: KeyValue, clients: People, times: int) -> None:
    with server.client() as client:
        for _ in range(times * 3):
            client.script_flush()
            clients.wait_for_more(5)
    assert clients.check() > 15 * times


def test_a_slow_script_of_another_under_load_only_delays(server: KeyValue, clients: People) -> None:
    with server.client() as client:
        client.config_set("lua-time-limit", "1")
        seconds, _ = client.time()
        client.eval(SLOW, 0, seconds + 1)
        clients.wait_for_more(20, settled=1)
    assert clients.check() > 20


@pytest.mark.parametrize("times", TIMES)
def test_slots_that_move_under_load_lose_nothing(times: int, books: str, tmp_path: Path) -> None:
    with servers.valkey_cluster() as cluster:
        where = Where(cluster.url, books)
        open_shop(where)
        with where.connect() as access:
            accounts = [access.run(access.desk.account(name)) for name in NAMES]
        with people(tmp_path, where) as clients:
            at_work(clients)
            for turn in range(times):
                move(cluster, accounts[turn % len(accounts)], clients)
            assert clients.check() > 10 * times


def move(cluster: Cluster, account: int, clients: People) -> None:
    """One account's slot goes over, some keys first and the rest while its clients ask again and again."""
    slot = slot_of(account)
    source, target = serves(cluster, slot)
    begin_to_move(slot, source, target)
    move_keys(slot, source, target, [key_of("a", account)])
    with source.client() as client:
        while client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
            move_keys(slot, source, target)
    end_the_move(cluster, slot, source, target)
    clients.wait_for_more(10, settled=1)
