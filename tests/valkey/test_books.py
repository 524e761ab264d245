"""One set of books for one hot state: others would settle its events into nowhere."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis.crc import key_slot

from spillover.model.errors import WrongSettings
from tests.conformance.support import add, grant, kinds
from tests.servers import KeyValue, redis62, valkey, valkey_cluster
from tests.valkey.support import open_store, serves, store

ONE, OTHER = "books-one", "books-other"
REFUSED = "found the hot state of other books"


@pytest.fixture(params=["valkey_url", "redis_url", "cluster_url"])
def url(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=[valkey, redis62])
def server(request):
    with request.param() as server:
        yield server


def restart_empty(server: KeyValue) -> None:
    """As if its disk was lost."""
    with server.client() as client:
        client.flushall()
    server.restart()


def test_other_books_are_refused_before_they_read_or_change_anything(url):
    with store(url, books=ONE) as hot:
        hot.one(grant(add("a", 1), key="k"))
        with pytest.raises(WrongSettings, match=f"{REFUSED}.*{ONE}.*expected that of {OTHER}; use another") as caught:
            open_store(url, books=OTHER)
        assert "\n" not in str(caught.value)
        assert [entry.key for entry in hot.read()] == ["k"]
        assert kinds(hot.commit(grant(add("a", 1)), grant(key="k"))) == "cd"


def test_other_books_have_room_under_another_prefix(url):
    with store(url, books=ONE) as hot, store(url, books=OTHER, prefix="other:") as other:
        hot.one(grant(add("a", 1)))
        assert other.standing(1) is None
        assert other.read() == []
        with pytest.raises(WrongSettings, match=REFUSED):
            open_store(url, books=ONE, prefix="other:")


def test_the_same_books_and_who_only_looks_open_it_as_often_as_they_like(url):
    with store(url) as looking:
        assert looking.read() == []
    with store(url, books=ONE) as hot:
        hot.one(grant(add("a", 1)))
        for books in (ONE, ""):
            with store(url, "fast", books=books) as again:
                assert again.values(1, "a") == (1,)


def test_a_hot_state_that_is_older_than_the_id_goes_to_the_first_who_says_it(url):
    with store(url) as hot:
        hot.one(grant(add("a", 1)))
    with store(url, books=ONE) as hot:
        assert hot.values(1, "a") == (1,)
    with pytest.raises(WrongSettings, match=REFUSED):
        open_store(url, books=OTHER)


def test_of_many_who_open_it_at_once_one_gets_it(url):
    def opened(books: str) -> bool:
        try:
            open_store(url, books=books, timeout_ms=30_000).close()
        except WrongSettings:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(opened, [secrets.token_hex(8) for _ in range(8)])) == 1


def test_a_server_that_was_emptied_is_those_books_again(server):
    with store(server.url, books=ONE) as hot:
        hot.one(grant(add("a", 1)))
        restart_empty(server)
        assert hot.standing(1) is None
        with pytest.raises(WrongSettings, match=REFUSED):
            open_store(server.url, books=OTHER)
        assert kinds([hot.one(grant(add("a", 1)))]) == "c"


def test_a_server_that_comes_back_with_the_hot_state_of_others_is_refused_and_theirs_is_left(server):
    with store(server.url, books=ONE) as hot:
        hot.one(grant(add("a", 1)))
        restart_empty(server)
        with store(server.url, books=OTHER) as other:
            other.one(grant(add("a", 7), key="theirs"))
            for use in (lambda: hot.one(grant()), hot.read, lambda: hot.load(1), lambda: hot.shut(1)):
                with pytest.raises(WrongSettings, match=REFUSED):
                    use()
            assert [entry.key for entry in other.read()] == ["theirs"]
            assert other.values(1, "a") == (7,)


def test_a_full_server_is_opened_all_the_same_and_gets_the_id_when_it_has_room(server):
    with store(server.url) as hot, server.client() as client:
        hot.one(grant(key="k"))
        client.config_set("maxmemory", "100kb")
        with store(server.url, books=ONE) as settling:
            settling.acknowledge(settling.read())
            assert hot.read() == []
        client.config_set("maxmemory", "0")
        open_store(server.url, books=ONE).close()
        with pytest.raises(WrongSettings, match=REFUSED):
            open_store(server.url, books=OTHER)


def test_in_a_cluster_the_node_that_keeps_the_id_is_asked_again_and_the_others_serve_without_it():
    with valkey_cluster() as cluster:
        keeper, elsewhere = serves(cluster, key_slot(b"spillover:{0}:books"))
        url = "valkey+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)
        with store(url, books=ONE, timeout_ms=30_000) as hot:  # a node that comes back knows the others later
            with keeper.client() as client:
                assert client.get("spillover:{0}:books") == ONE.encode()
                client.set("spillover:{0}:books", OTHER)
            elsewhere.restart()
            account = next(n for n in range(64) if serves(cluster, key_slot(f"{{{n}}}".encode()))[0] is elsewhere)
            assert kinds([hot.one(grant(account=account))]) == "c"
            keeper.restart()
            with pytest.raises(WrongSettings, match=REFUSED):
                hot.one(grant(account=0))
