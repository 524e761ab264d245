"""A full server refuses a call as a whole."""

import pytest

from spillover.model.errors import StoreFull
from tests.conformance.support import add, denial, grant, kinds, push
from tests.servers import redis62, valkey
from tests.valkey.support import store

BATCH = [
    grant(add("a", -1), add("b", 1), hold=("h", 10, b"record"), key="one", version=1),
    grant(add("a", -1), account=2, key="two"),
    denial(denied=("f", "window", 1), version=1),
    grant(add("b", -1), ended="h", key="three", version=1),
]


@pytest.fixture(params=[valkey, redis62])
def server(request):
    with request.param() as server:
        yield server


def test_a_full_server_takes_all_of_a_call_or_nothing(server):
    with store(server.url) as hot, server.client() as client:
        hot.commit(push(1, add("a", 3)), grant(account=2))
        before = hot.standing(1), hot.standing(2), hot.read(), hot.denials(1), client.dbsize()
        client.config_set("maxmemory", "100kb")
        for batch in (BATCH, BATCH[1:], [BATCH[2]], [BATCH[3]]):
            with pytest.raises(StoreFull, match="raise maxmemory"):
                hot.commit(*batch)
        with pytest.raises(StoreFull):
            hot.shut(1)
        assert (hot.standing(1), hot.standing(2), hot.read(), hot.denials(1), client.dbsize()) == before
        client.config_set("maxmemory", "0")
        assert kinds(hot.commit(*BATCH)) == "cccc"


def test_a_full_server_still_answers_what_is_known_and_forgets_what_is_settled(server):
    with store(server.url) as hot, server.client() as client:
        hot.commit(push(1, add("a", 3)), grant(key="k", version=1))
        client.config_set("maxmemory", "100kb")
        assert kinds(hot.commit(grant(key="k"), grant(version=9))) == "dx"
        hot.acknowledge(hot.read())
        assert hot.read() == []


def test_a_store_that_fills_up_has_every_event_that_it_answered_and_no_other(server):
    with store(server.url) as hot, server.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 1_000_000)
        told = 0

        def fill():
            nonlocal told
            for _ in range(1_000):
                told += len(hot.commit(*(grant(add("a", 1), account=n, payload=b"x" * 500) for n in range(64))))

        with pytest.raises(StoreFull):
            fill()
        client.config_set("maxmemory", "0")
        assert told > 64
        assert len(hot.read()) == told
        assert {hot.load(n, "a").cells["a"] for n in range(64)} == {told // 64}
