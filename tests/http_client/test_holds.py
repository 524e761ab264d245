"""Holds around a piece of work, through a client; and the client of an event loop."""

import asyncio
import os

import pytest

import spillover
from spillover.access.clock import system_clock
from spillover.http_client.calls import Came
from spillover.http_client.holding import Skew
from spillover.model.errors import Denied, StoreUnavailable
from tests.http_api.served import free_port
from tests.http_client.clocked import Clocked
from tests.http_client.test_tries import answer, counting
from tests.support import policy


@pytest.fixture
def service():
    with Clocked(policy(), system_clock) as found:
        with spillover.connect(found.url, deadline=30) as client:
            client.accounts.put("acme", "plus")
            client.credits.add("acme", "1000", key="first")
        yield found


def test_a_hold_around_work_is_extended_and_ends_with_what_was_used(service):
    with spillover.connect(service.url, deadline=30) as client:
        with client.hold("acme", "video.seconds", 4, key="job") as hold:
            for _ in range(6):
                hold.report(seconds=1)
            assert client.holds.list("acme")[0].usage["seconds"] > 4
        assert (hold.ending.granted, hold.ending.kind, client.holds.list("acme")) == (6, "commit", ())
        with pytest.raises(Denied), client.hold("acme", "video.seconds", 10**6):
            pass
        with client.hold("acme", "video.seconds", 4) as hold:
            pass
        assert hold.ending.kind == "release"


def test_a_hold_of_an_event_loop_is_extended_and_ends_with_what_was_used(service):
    async def play():
        async with spillover.connect_async(service.url, deadline=30) as client:
            async with client.hold("acme", "video.seconds", 4, key="job") as hold:
                for _ in range(6):
                    hold.report(seconds=1)
                    await asyncio.sleep(0)
                while not hold.trouble and (await client.opened("acme", "job")).usage["seconds"] <= 4:
                    await asyncio.sleep(0.01)
            assert (hold.ending.granted, hold.ending.kind, await client.holds.list("acme")) == (6, "commit", ())

    asyncio.run(play())


def test_verbs_of_an_event_loop_answer_as_those_of_plain_code(service):
    async def play():
        async with spillover.connect_async(service.url, deadline=30) as client:
            found = await asyncio.gather(
                *(client.consume("acme", "chat.messages", key=f"k{one}", subject=f"s{one}") for one in range(40))
            )
            many = await client.consume_many([{"account": "acme", "feature": "chat.messages", "key": "k0"}] * 2)
            assert [one.key for one in found] == [f"k{one}" for one in range(40)]
            assert isinstance(many[0], spillover.KeyReused)
            assert (many[0].account, many[0].key) == ("acme", "k0")
            await client.settle()
            assert (await client.usage("acme")).rows[0].requests == 40
        with pytest.raises(StoreUnavailable, match="client: found it closed"):
            await client.balance("acme")

    asyncio.run(play())


def test_an_event_loop_has_the_same_plan_of_tries(service):
    async def play():
        async with spillover.connect_async(service.url, deadline=1) as client:
            seen = counting(service, [answer(503), answer(502)])
            assert await client.consume("acme", "chat.messages")
            assert seen == ["/v1/consume"] * 3
            seen = counting(service, [answer(503)] * 9)
            with pytest.raises(StoreUnavailable, match=r"tried once .* as it has no key"):
                await client.accounts.put("acme", "free")
            with pytest.raises(StoreUnavailable, match="tried 3 times"):
                await client.balance("acme")
            assert seen.count("/v1/accounts/put") == 1
        async with spillover.connect_async(f"http://127.0.0.1:{free_port()}", deadline=0.3) as client:
            with pytest.raises(StoreUnavailable, match="tried 3 times in 0"):
                await client.consume("acme", "chat.messages")

    asyncio.run(play())


def test_a_forked_child_of_an_event_loop_is_told_to_open_its_own(service):
    async def play():
        async with spillover.connect_async(service.url, deadline=30) as client:
            await client.balance("acme")
            child = os.fork()
            if not child:
                try:
                    client.balance("acme").send(None)
                except StoreUnavailable:
                    os._exit(0)
                finally:
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
            assert await client.balance("acme")

    asyncio.run(play())


def test_many_requests_go_in_calls_that_a_service_takes(service):
    with spillover.connect(service.url, deadline=60) as client:
        seen = counting(service, [])
        ask = {"account": "acme", "feature": "chat.messages", "mode": "record"}
        found = client.consume_many([{**ask, "key": f"k{one}"} for one in range(1_100)])
        assert [one.key for one in found] == [f"k{one}" for one in range(1_100)]
        assert seen == ["/v1/consume-many"] * 3
        long = {"attributes": {f"{one}{'x' * 120}": "y" * 60 for one in range(15)}}
        seen = counting(service, [])
        assert len(client.consume_many([{**ask, **long}] * 400)) == 400
        assert len(seen) == 2
        counting(service, [None, *[answer(503)] * 9])
        found = client.consume_many([{**ask, "key": f"later{one}"} for one in range(600)]) if _short(client) else []
        assert (bool(found[499]), type(found[500])) == (True, StoreUnavailable)


def _short(client):
    client._deadline = 5
    return True


def test_a_clock_that_is_far_from_the_services_is_seen():
    skew = Skew()
    skew.note(Came(200, b"", "application/json", date="Mon, 02 Mar 2026 09:00:00 GMT"))
    assert abs(skew.clock() - 1_772_442_000_000) < 60_000
    skew.note(Came(200, b"", "application/json", date="no date"))
    assert abs(skew.clock() - 1_772_442_000_000) < 60_000
