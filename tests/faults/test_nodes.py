"""One server of a Cluster is dead, stuck, or fails over: accounts of the others are decided and settled throughout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from spillover.access.plain import Access
from spillover.core.shards import SHARDS
from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.engine.settlement import Settling
from spillover.model.errors import PartUnavailable, StoreError
from tests.faults.people import WAIT, People, people
from tests.faults.shop import Where, booked, check_sound, open_shop
from tests.servers import Cluster, KeyValue, valkey_cluster
from tests.servers.process import wait_for
from tests.valkey.support import serves, slot_of

NAMES = tuple(f"n{number}" for number in range(18))
OPTIONS = {"repl_diskless_sync_delay": "0", "cluster_require_full_coverage": "no"}
TIMES = 30


class Shop(NamedTuple):
    """A shop on a Cluster, one of whose servers is `dead` (or will be), with the names of those who live there."""

    where: Where
    dead: KeyValue
    lost: tuple[str, ...]
    others: tuple[str, ...]


def shop_on(cluster: Cluster, books: str) -> Shop:
    where = Where("valkey+cluster://" + cluster.url.partition("://")[2], books)
    open_shop(where, NAMES)
    with where.connect() as access:
        ids = serves(cluster, slot_of(64))[0]  # who has shard 0 lives on, so that processes can be started
        node_of = {name: serves(cluster, slot_of(access.run(access.desk.account(name))))[0] for name in NAMES}
    dead = next(node for node in cluster.nodes if node is not ids and node in node_of.values())
    lost = tuple(name for name in NAMES if node_of[name] is dead)
    return Shop(where, dead, lost, tuple(name for name in NAMES if name not in lost))


@pytest.fixture
def shop(books: str) -> Iterator[Shop]:
    with valkey_cluster(**OPTIONS) as cluster:
        yield shop_on(cluster, books)


def ask_all(access: Access, key: str) -> dict[str, Decision | Exception]:
    asks = [{"account": name, "feature": "video", "usage": 1, "key": f"{key} {name}"} for name in NAMES]
    return dict(zip(NAMES, access.consume_many(asks), strict=True))  # type: ignore[arg-type]


def decided(access: Access, shop: Shop, key: str) -> bool:
    """One round of requests: those of the others are all granted. Whether the rest were."""
    found = ask_all(access, key)
    assert {name: getattr(found[name], "granted", found[name]) for name in shop.others} == dict.fromkeys(shop.others, 1)
    failed = [found[name] for name in shop.lost if not isinstance(found[name], Decision)]
    assert all(isinstance(one, StoreError) for one in failed)
    return not failed


@pytest.mark.parametrize("fault", ["pause", "kill"])
def test_accounts_of_the_others_are_decided_and_settled_throughout_and_nothing_answered_is_lost(
    shop: Shop, fault: str, tmp_path: Path
) -> None:
    with people(tmp_path, shop.where) as clients, shop.where.connect() as access:
        clients.engine(accounts=list(NAMES))
        clients.settler()
        clients.wait_for_more(30, settled=1)
        assert decided(access, shop, "before")
        getattr(shop.dead, fault)()
        keys = list[str]()
        settled = clients.settled()
        while len(keys) < TIMES or clients.settled() < settled + TIMES:
            seen = clients.settled()
            keys.append(f"{len(keys)}")
            assert not decided(access, shop, keys[-1])
            if len(keys) > TIMES:  # no thousands of them while a settler waits for the one that is silent
                wait_for(lambda seen=seen: clients.settled() > seen, "found nothing settled", WAIT)
        shop.dead.resume() if fault == "pause" else shop.dead.start()
        wait_for(lambda: decided(access, shop, "after"), f"found {shop.lost} not served again")
        assert {decided(access, shop, key) for key in keys} == {True}, "the keys of then decide"
        clients.wait_for_more(30, settled=1)
        check(clients, *keys, "before", "after")


def check(clients: People, *keys: str) -> None:
    """Nothing that anybody was told is lost, and nothing is twice."""
    clients.finish()
    told = {f"{key} {name}": 1 for key in keys for name in NAMES}
    check_sound(clients.where, clients.told() | told, clients.asked() | set(told))


def test_accounts_of_a_server_that_fails_over_go_on_and_those_of_the_others_never_stop(
    books: str, tmp_path: Path
) -> None:
    with valkey_cluster(replicas=1, **OPTIONS) as cluster:
        shop = shop_on(cluster, books)
        with people(tmp_path, shop.where) as clients, shop.where.connect() as access:
            clients.engine(accounts=list(NAMES))
            clients.engine(accounts=list(shop.lost))
            clients.settler()
            clients.wait_for_more(30, settled=1)
            shop.dead.kill()
            wait_for(lambda: decided(access, shop, "during"), "found no replica promoted")
            clients.wait_for_more(60, settled=1)
            check(clients, "during")


def until_it_fails(step: Callable[[], int]) -> int:
    """The sum of what was done before there was nothing left but what is on the dead server."""
    done = 0
    while True:
        try:
            done += step()
        except PartUnavailable:
            return done


def test_one_who_settles_books_what_the_others_have_and_says_what_it_could_not(shop: Shop) -> None:
    with shop.where.connect() as access:
        assert decided(access, shop, "k")
        shop.dead.kill()
        settling = Settling(access.desk.store, access.desk.ledger)
        assert until_it_fails(lambda: drive(settling.step(shards=range(SHARDS))).done) > 0
        keys = {row.event.key for row in booked(access)}
        assert {f"k {name}" for name in shop.others} <= keys
        assert not keys.intersection(f"k {name}" for name in shop.lost)


def test_holds_of_the_others_expire_while_a_server_is_dead(shop: Shop) -> None:
    with shop.where.connect() as access:
        for name in NAMES:
            assert access.open_hold(name, "video", 1, key=f"h {name}", lasts=1_000)
        shop.dead.kill()
        later = access.desk.clock() + 60_000
        assert until_it_fails(lambda: drive(access.desk.tend(later, shards=range(SHARDS)))) == len(shop.others)
        assert [len(access.holds.list(name)) for name in shop.others] == [0] * len(shop.others)
        shop.dead.start()
        wait_for(lambda: decided(access, shop, "after"), f"found {shop.lost} not served again")
        drive(access.desk.tend(later, shards=range(SHARDS)))
        assert [len(access.holds.list(name)) for name in NAMES] == [0] * len(NAMES)
