"""A hot state that is lost: who runs heals it, who opens is refused; once another took its place it is not served."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import pytest
import redis
from redis.crc import key_slot

import spillover
from spillover.access.plain import Access
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.connect import read_document
from spillover.bootstrap.rungs import open_claims, open_rung
from spillover.bootstrap.working import Each, Working
from spillover.core.shards import SHARDS
from spillover.engine.drive import drive
from spillover.model.errors import WrongSettings
from tests import servers
from tests.cli.support import run
from tests.postgres.support import as_admin
from tests.rebuild.support import engine, ports, rebuilt, shop
from tests.servers.process import wait_for
from tests.support import clock, policy
from tests.valkey.bound import ANOTHER, address, bound, empty, keys_in
from tests.valkey.support import serves


@pytest.mark.parametrize("emptied", ["restarted without its data", "connected to again"])
def test_an_emptied_server_heals_under_a_running_engine(postgres_url, two, emptied) -> None:
    server, _ = two
    url = address(server, postgres_url)
    with shop(url, ("acme",)) as access:
        access.settle()
        empty(server)
        if emptied == "restarted without its data":
            server.restart()
        else:
            with server.client() as client:
                client.client_kill_filter(_type="normal", skipme=True)
        assert access.consume("acme", "video.seconds", 1, key="after")
        with engine(url) as other:
            assert other.consume("acme", "video.seconds", 1, key="after")
            assert [entry.key for entry in drive(ports(other)[0].read(100))].count("after") == 1
    assert len(bound(postgres_url)) == 1


def test_an_emptied_server_that_was_never_left_gets_its_id_with_the_first_account_that_is_put_back(
    postgres_url, hot
) -> None:
    with shop(address(hot, postgres_url), ("acme",)) as access:
        access.settle()
        empty(hot)
        assert access.consume("acme", "video.seconds", 1)
        assert {b"spillover:books", b"spillover:store"} <= set(keys_in(hot))
        with engine(address(hot, postgres_url)) as other:
            assert other.consume("acme", "video.seconds", 1)


def test_the_settler_of_a_running_engine_opens_a_server_that_was_emptied_since(hot, postgres_url) -> None:
    url = address_of(address(hot, postgres_url))
    rung = open_rung(url, "strict", 5_000)
    empty(hot)
    open_rung(url, "strict", 5_000, seen=rung.seen).close()
    assert rung.seen.encode() == redis.Redis.from_url(hot).get("spillover:store")
    rung.close()


def test_an_emptied_server_is_refused_at_opening_and_the_command_mends_it_on_record(hot, postgres_url) -> None:
    url = address(hot, postgres_url)
    with shop(url, ("acme", "bolt")) as access:
        access.settle()
    empty(hot)
    with pytest.raises(WrongSettings, match=f"/0: found no hot state.*{ANOTHER}"), engine(url):
        pass
    looked = run("rebuild", "--all", "--check", "--db", url)
    assert looked.status == 1
    assert "2 accounts whose hot state does not follow" in looked.out
    assert keys_in(hot) == []
    done = run("rebuild", "--all", "--reason", "the disk is gone", "--actor", "ada", "--db", url)
    assert done.status == 0, done
    assert "The books go with the hot state at this address now" in done.out
    with engine(url) as access:
        assert access.consume("acme", "video.seconds", 1)
    first, second = bound(postgres_url)
    assert (second.reason, second.actor, second.id != first.id) == ("the disk is gone", "ada", True)
    again = run("rebuild", "--all", "--db", url)
    assert "go with" not in again.out
    assert len(bound(postgres_url)) == 2


def test_an_old_store_that_comes_back_after_a_rebuild_elsewhere_is_refused_by_everyone(postgres_url, two) -> None:
    old, new = two
    with ExitStack() as stack:
        running = stack.enter_context(shop(address(old, postgres_url), ("acme",)))
        running.settle()
        old.stop()
        assert run("rebuild", "--all", "--db", address(new, postgres_url)).status == 0
        with engine(address(new, postgres_url)) as access:
            assert access.consume("acme", "video.seconds", 1)
        old.start()
        before = keys_in(old)
        with pytest.raises(WrongSettings, match=ANOTHER):
            running.consume("acme", "video.seconds", 1)
        with (
            pytest.raises(WrongSettings, match=f"found hot state [0-9a-f]{{16}}, {ANOTHER}"),
            engine(address(old, postgres_url)),
        ):
            pass
        assert keys_in(old) == before


def test_an_engine_whose_server_was_emptied_puts_nothing_back_once_the_books_go_with_another(postgres_url, two) -> None:
    old, new = two
    with shop(address(old, postgres_url), ("acme",)) as running:
        running.settle()
        assert run("rebuild", "--all", "--db", address(new, postgres_url)).status == 0
        empty(old)  # its connection stands
        with pytest.raises(WrongSettings, match=ANOTHER):
            running.consume("acme", "video.seconds", 1)
        with pytest.raises(WrongSettings, match=ANOTHER):
            rebuilt(running, "acme")
        old.restart()
        with pytest.raises(WrongSettings, match=ANOTHER):
            drive(ports(running)[0].read(1))
        assert keys_in(old) == []


def test_an_engine_goes_on_where_its_own_server_was_bound_anew(postgres_url, two) -> None:
    server, _ = two
    url = address(server, postgres_url)
    with shop(url, ("acme",)) as running:
        running.settle()
        empty(server)
        assert run("rebuild", "--all", "--db", url).status == 0
        server.restart()
        assert running.consume("acme", "video.seconds", 1)


def test_an_engine_connects_again_while_the_books_are_away(two) -> None:
    server, _ = two
    with servers.postgres() as books, shop(address(server, books.url), ("acme",)) as running:
        running.settle()
        books.stop()
        server.restart()
        assert running.consume("acme", "video.seconds", 1)
        books.start()


def test_a_cluster_has_one_id_and_gets_it_again_where_its_node_was_emptied(postgres_url) -> None:
    with servers.valkey_cluster() as cluster:
        url = f"{cluster.url}?ledger={postgres_url}"
        keeper, _ = serves(cluster, key_slot(b"spillover:{0}:store"))
        with shop(url, ("acme",)) as access:
            access.settle()
            (one,) = bound(postgres_url)
            with keeper.client() as client:
                assert client.get("spillover:{0}:store") == one.id.encode()
                client.flushall()
                client.client_kill_filter(_type="normal", skipme=True)
            drive(ports(access)[0].read(1))  # of all nodes
            with keeper.client() as client:
                assert client.get("spillover:{0}:store") == one.id.encode()
                client.delete("spillover:{0}:store")
            with (
                pytest.raises(WrongSettings, match=rf"no hot state \(spillover:\{{0\}}:store .*{ANOTHER}"),
                engine(url),
            ):
                pass
            assert run("rebuild", "--all", "--db", url).status == 0
            _, two = bound(postgres_url)
            with keeper.client() as client:
                assert client.get("spillover:{0}:store") == two.id.encode()
            with engine(url) as other:
                assert other.consume("acme", "video.seconds", 1)
            assert access.consume("acme", "video.seconds", 1)


def test_a_settler_of_a_store_that_the_books_left_claims_no_shards_and_books_nothing(postgres_url, two) -> None:
    old, new = two
    with shop(address(old, postgres_url), ("acme",)) as running:
        running.settle()
        left = settler(address(old, postgres_url))
        left.step()
        assert len(left.shards) == SHARDS
        assert run("rebuild", "--all", "--db", address(new, postgres_url)).status == 0
        running.consume("acme", "video.seconds", 1, key="decided on the old one")
        left._claiming = Each(0, at_once=True)
        for _ in range(2):
            with pytest.raises(WrongSettings, match=ANOTHER):
                left.step()
            assert left.shards == []
        right = settler(address(new, postgres_url))
        right.step()
        assert len(right.shards) == SHARDS
        for one in (left, right):
            one.finish()


CROWD = """
INSERT INTO spillover_ledger.settlers SELECT 'other ' || n, 9e15::bigint FROM generate_series(1, 64) AS n;
INSERT INTO spillover_ledger.claims SELECT n - 1, 'other ' || n, 9e15::bigint FROM generate_series(1, 64) AS n;
"""


@pytest.mark.parametrize("how", ["with shards", "others have all shards", "without a settler"])
def test_an_engine_decides_no_more_where_the_books_left_its_store(postgres_url, two, how) -> None:
    old, new = two
    with shop(address(old, postgres_url), ("acme",)) as access:
        access.settle()
    if how == "others have all shards":
        as_admin(postgres_url, *CROWD.strip().splitlines())
    with spillover.connect(address(old, postgres_url), settle=how != "without a settler") as running:
        assert running.consume("acme", "video.seconds", 1)
        assert run("rebuild", "--all", "--db", address(new, postgres_url)).status == 0
        wait_for(lambda: refused(running), "found it deciding on a store that the books have left")
        with pytest.raises(WrongSettings, match=ANOTHER):
            running.consume("acme", "video.seconds", 1)


def refused(access: Access) -> bool:
    try:
        access.consume("acme", "video.seconds", 1)  # denied, once its credits are gone
    except WrongSettings:
        return True
    return False


def settler(url: str) -> Working:
    where = address_of(url)
    opens = partial(open_rung, where, "strict", 5_000)
    return Working(opens, open_claims(where, 5_000), policy, clock(), read_document, tend=False)
