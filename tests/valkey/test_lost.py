"""Answers that are lost, servers that die, scripts that are forgotten: nothing is done twice, nothing told is lost."""

from __future__ import annotations

import pytest

from spillover.model.commit import Committed, Duplicate, OpenHold
from spillover.model.errors import StoreUnavailable
from spillover.stores.valkey.address import parse
from spillover.stores.valkey.link import Link
from spillover.stores.valkey.shards import Shards
from tests.conformance.support import add, denial, grant, kinds, push, settled
from tests.servers import Proxy, redis62, valkey
from tests.servers.process import wait_for
from tests.valkey.support import store

DENIED = ("f", "window", 1)


@pytest.fixture(params=[valkey, redis62])
def server(request):
    with request.param() as server:
        yield server


@pytest.fixture
def proxy(server):
    with Proxy(server.port) as proxy:
        yield proxy


def scripts_run(server) -> int:
    with server.client() as client:
        stats = client.info("commandstats")
    return stats.get("cmdstat_evalsha", {"calls": 0})["calls"]


def test_a_call_whose_answer_is_lost_is_applied_once_and_answered(server, proxy):
    with store(proxy.through(server.url)) as hot:
        hot.commit(push(1, add("a", 10)))
        proxy.lose_reply(after=b"EVALSHA")
        batch = [grant(add("a", -1), key="k", version=1), denial(denied=DENIED, version=1)]
        outcomes = hot.commit(*batch)
        assert proxy.lost.wait(20)
        assert outcomes[0] == Duplicate(1, 2, "request of k", b"event of k")
        assert isinstance(outcomes[1], Committed)
        assert hot.values(1, "a") == (9,)
        assert [entry.sequence for entry in hot.read()] == [1, 2]
        assert hot.denials(1)[0].count in (1, 2)


def test_what_conflicted_in_the_lost_answer_is_decided_again_once(server, proxy):
    with store(proxy.through(server.url)) as hot:
        hot.commit(grant(add("a", 10)))
        proxy.lose_reply(after=b"EVALSHA")
        asked = []

        def again(index, state):
            asked.append((index, state.cells["a"]))
            return grant(("a", 11, 11, None, 1), key="two")

        outcomes = hot.commit(grant(add("a", 1), key="one"), grant(("a", 0, 0, None, 1), key="two"), again=again)
        assert kinds(outcomes) == "dc"
        assert asked == [(1, 11)]
        assert hot.values(1, "a") == (12,)


def test_other_calls_are_repeated_until_they_are_answered(server, proxy):
    with store(proxy.through(server.url)) as hot:
        hot.commit(grant(add("a", 1), key="k", hold=("h", 5, b"record")))
        uses = {
            b"EVALSHA": lambda: hot.load(1, "a").cells, b"HGET": lambda: hot.hold(1, "h"), b"XRANGE": hot.read,
            b"XDEL": lambda: hot.acknowledge(hot.read()), b"shut": lambda: hot.shut(1),
        }  # fmt: skip
        for word, use in uses.items():
            before = use()
            proxy.lose_reply(after=word)
            assert use() == before or word == b"XDEL"
            assert word == b"XDEL" or proxy.lost.wait(20)
        assert hot.read() == []


def test_an_account_whose_answer_was_lost_when_it_was_put_back_is_told_as_put_back(server, proxy):
    with store(proxy.through(server.url)) as hot:
        hot.shut(1)
        proxy.lose_reply(after=b"EVALSHA")
        assert hot.put_back(settled(1, epoch=2, cells={"a": 5}))
        assert proxy.lost.wait(20)
        assert not hot.put_back(settled(1, epoch=2, cells={"a": 6}))
        assert hot.values(1, "a") == (5,)


def test_of_two_who_put_an_account_back_at_once_one_does_and_nothing_of_before_is_left(server, monkeypatch):
    with store(server.url) as hot:
        hot.commit(*(grant(hold=(f"h{n}", n, b"record")) for n in range(3)))
        hot.shut(1)
        whole = Shards.one
        monkeypatch.setattr(  # as if each had looked before the other was done
            Shards,
            "one",
            lambda self, account, *command: None if command[0] == "HGET" else whole(self, account, *command),
        )
        assert hot.put_back(settled(1, epoch=2, cells={"a": 5}, holds=(OpenHold(1, "new", 7, b"record"),)))
        assert not hot.put_back(settled(1, epoch=2, cells={"a": 6}))
        assert hot.values(1, "a") == (5,)
        assert hot.store._shards.one(1, "ZCARD", f"{hot.store._layout.tags[1]}due") == 1


def test_a_call_that_was_given_up_is_not_done_after_a_later_one_was_answered(server, proxy):
    with store(proxy.through(server.url), timeout_ms=300) as hot:
        hot.commit(grant(add("a", 10)))
        ran = scripts_run(server)
        proxy.blackhole()
        with pytest.raises(StoreUnavailable, match="same again"):
            hot.commit(grant(add("a", -1), key="k"))
        hot.store._servers.address = parse(server.url)  # past the proxy, which still holds the first call
        assert kinds(hot.commit(denial(("a", 10, 10, None, 0)))) == "c"
        proxy.heal()
        wait_for(lambda: scripts_run(server) >= ran + 2, "found the held call not run")
        assert hot.values(1, "a") == (10,)
        assert hot.find(1, "k") is None
        assert kinds(hot.commit(grant(add("a", -1), key="k"))) == "c"


def test_a_server_that_does_not_answer_is_an_error_in_time_and_the_next_call_starts_afresh(server):
    with store(server.url, timeout_ms=300) as hot:
        hot.one(grant(add("a", 1)))
        server.pause()
        try:
            for use in (lambda: hot.one(grant(add("a", 1), key="k")), hot.read, lambda: hot.load(1)):
                with pytest.raises(StoreUnavailable, match="for 300 ms"):
                    use()
        finally:
            server.resume()
        outcome = hot.one(grant(add("a", 1), key="k"))
        assert kinds([outcome]) in "cd"
        assert hot.values(1, "a") == (2,)
        assert len(hot.read()) == 2


def test_what_was_answered_outlives_a_killed_server(server):
    with store(server.url) as hot:
        told = [hot.one(grant(add("a", 1), key=f"{n}")) for n in range(20)]
        server.kill()
        with pytest.raises(StoreUnavailable):
            hot.one(grant(add("a", 1), key="lost"))
        server.start()
        assert hot.values(1, "a") == (20,)
        assert [entry.sequence for entry in hot.read()] == [outcome.sequence for outcome in told]
        assert kinds(hot.commit(grant(key="19"), grant(key="lost"))) == "dc"


def test_forgotten_scripts_are_loaded_again(server):
    with store(server.url) as hot, server.client() as client:
        for use in (lambda: hot.one(grant()), lambda: hot.load(1), lambda: hot.standing(1), lambda: hot.shut(1)):
            client.script_flush()
            assert use() is not None
        client.script_flush()
        assert hot.put_back(settled(1))


def test_a_call_waits_while_another_s_slow_script_runs(server):
    slow = "local n = 0 while redis.call('TIME')[1] < ARGV[1] do n = n + 1 end return n"
    with store(server.url) as hot, server.client() as client, server.client() as watch:
        client.config_set("lua-time-limit", "1")
        seconds, _ = client.time()
        connection = client.connection_pool.get_connection()
        connection.send_command("EVAL", slow, 0, seconds + 1)
        assert kinds([hot.one(grant(key="k"))]) == "c"
        connection.read_response()
        assert watch.ping()


def test_a_connection_on_which_a_call_was_interrupted_is_not_used_again(server, monkeypatch):
    with store(server.url) as hot:
        hot.one(grant(add("a", 1)))
        whole = Link.receive

        def interrupted(*_):
            raise KeyboardInterrupt

        for use in (lambda: hot.load(1, "a"), hot.read, lambda: hot.one(grant(add("a", 1), key="k"))):
            monkeypatch.setattr(Link, "receive", interrupted)
            with pytest.raises(KeyboardInterrupt):
                use()
            monkeypatch.setattr(Link, "receive", whole)
            assert hot.load(1, "b").cells == {"b": 0}
        assert kinds([hot.one(grant(add("a", 1), key="k"))]) in "cd"
        assert hot.values(1, "a") == (2,)
