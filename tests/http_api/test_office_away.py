"""While the office cannot be reached: nobody waits in a row for it, and known keys go on for a stated time."""

import asyncio

import pytest

from spillover.http_api import gate
from spillover.http_api.endpoint import Heads
from spillover.http_api.problems import Refused
from spillover.http_api.table import find
from spillover.model.errors import StoreUnavailable
from spillover.office.keys import new_key, revoked
from tests.http_api.inside import inside

CONSUME = find("POST", "/v1/consume")


class Away:
    """A clerk whose office is sometimes not to be reached."""

    def __init__(self, clerk):
        self.clerk, self.away, self.asked, self.ticks = clerk, False, 0, 1000.0
        self.answers = asyncio.Event()
        self.answers.set()

    async def run(self, work):
        self.asked += 1
        await self.answers.wait()
        if self.away:
            raise StoreUnavailable("the office: found it away")
        return await self.clerk.run(work)


def playing(scene, *, admits=False, kept=gate.KEPT_SECONDS):
    async def play(ask, service, clock):
        key, text = new_key("test", ["decide"], (), (), 2**53 - 1, clock(), lambda count: b"x" * count)
        await service.clerk.run(lambda office: office.put_key(key))
        clerk = Away(service.clerk)
        own = gate.Gate(clerk, clock, lambda: admits, lambda: clerk.ticks, kept)
        heads = Heads({"authorization": f"Bearer {text}"}.get, list)
        assert (await own.caller(CONSUME, heads)).name == "test"
        clerk.ticks += 6
        clerk.away = True
        await scene(own, heads, clerk)

    inside(play)


async def refused(own, heads):
    try:
        await own.caller(CONSUME, heads)
    except StoreUnavailable:
        return True
    return False


UNKNOWN = Heads({"authorization": f"Bearer sp_{'a' * 12}_{'A' * 43}"}.get, list)


def test_a_key_is_not_taken_on_trust_for_longer_than_stated():
    async def scene(own, heads, clerk):
        assert await refused(own, heads)
        asked = clerk.asked
        assert all(await asyncio.gather(*(refused(own, heads) for _ in range(50))))
        assert clerk.asked == asked  # for a second nobody asks again
        assert not own.lets_in()
        clerk.away = False
        clerk.ticks += 2
        assert not await refused(own, heads)

    playing(scene, kept=0.5)


def test_a_known_key_goes_on_for_its_time_and_one_that_was_never_seen_does_not():
    async def scene(own, heads, clerk):
        assert (await own.caller(CONSUME, heads)).name == "test"
        assert await refused(own, UNKNOWN)
        assert own.lets_in()
        clerk.ticks += gate.KEPT_SECONDS - 2
        assert (await own.caller(CONSUME, heads)).name == "test"
        clerk.ticks += 2
        assert await refused(own, heads)
        assert not own.lets_in()

    playing(scene)


def test_where_the_engine_admits_without_its_store_known_keys_go_on_for_longer():
    async def scene(own, heads, clerk):
        clerk.ticks += gate.ADMITTING_SECONDS - 2
        assert (await own.caller(CONSUME, heads)).name == "test"
        assert await refused(own, UNKNOWN)
        clerk.ticks += 2
        assert await refused(own, heads)

    playing(scene, admits=True)


def test_who_comes_with_a_key_that_goes_on_does_not_wait_for_an_office_that_says_nothing():
    async def scene(own, heads, clerk):
        assert not await refused(own, heads)
        clerk.ticks += 2
        clerk.answers.clear()
        asked = clerk.asked
        assert not any(await asyncio.gather(*(refused(own, heads) for _ in range(50))))
        assert clerk.asked == asked + 1  # beside them
        clerk.away = False
        clerk.answers.set()
        while own._away is not None:
            await asyncio.sleep(0)
        clerk.away = True
        clerk.ticks += 3
        assert not await refused(own, heads)
        assert clerk.asked == asked + 1  # it was found good again

    playing(scene)


async def revoke_behind(clerk):
    """By another service, and the office is back."""
    found = await clerk.clerk.run(lambda office: office.keys())
    await clerk.clerk.run(lambda office: office.put_key(revoked(found[0], 1)))
    clerk.away = False


def test_a_key_that_was_revoked_opens_nothing_when_the_office_is_back():
    async def scene(own, heads, clerk):
        assert not await refused(own, heads)
        await revoke_behind(clerk)
        clerk.ticks += 2
        await own.caller(CONSUME, heads)  # the last that is let in, while it is asked
        while own._away is not None:
            await asyncio.sleep(0)
        with pytest.raises(Refused, match="a key that opens nothing"):
            await own.caller(CONSUME, heads)

    playing(scene)


def test_a_revoked_key_is_not_let_in_by_an_outage_that_nobody_has_seen_the_end_of():
    async def scene(own, heads, clerk):
        assert not await refused(own, heads)
        await revoke_behind(clerk)
        clerk.ticks += 50
        with pytest.raises(Refused, match="a key that opens nothing"):
            await own.caller(CONSUME, heads)

    playing(scene)


def test_where_no_key_was_ever_made_none_is_asked_for_while_the_office_is_away():
    async def scene(ask, service, clock):
        clerk = Away(service.clerk)
        local = Heads({"host": "localhost"}.get, list)
        own = gate.Gate(clerk, clock, lambda: False, lambda: clerk.ticks)
        clerk.away = True
        assert await refused(own, local)  # who knows?
        clerk.away = False
        clerk.ticks += 2
        assert (await own.caller(CONSUME, local)) is gate.ANYBODY
        clerk.away = True
        for _ in range(3):
            clerk.ticks += 10_000
            assert (await own.caller(CONSUME, local)) is gate.ANYBODY
            assert own.lets_in()
        clerk.away = False
        key, _ = new_key("test", ["decide"], (), (), 2**53 - 1, clock(), lambda count: b"x" * count)
        await service.clerk.run(lambda office: office.put_key(key))
        clerk.ticks += 6
        assert not await own.is_open()

    inside(scene)


def test_many_who_come_with_one_key_ask_once():
    async def scene(own, heads, clerk):
        clerk.away, asked = False, clerk.asked
        await asyncio.gather(*(own.caller(CONSUME, heads) for _ in range(50)))
        assert clerk.asked == asked + 1

    playing(scene)
