"""While the office cannot be reached: nobody waits in a row for it, and known keys go on where the engine admits."""

import asyncio

from spillover.http_api import gate
from spillover.http_api.endpoint import Heads
from spillover.http_api.table import find
from spillover.model.errors import StoreUnavailable
from spillover.office.keys import new_key
from tests.http_api.inside import inside

CONSUME = find("POST", "/v1/consume")


class Away:
    """A clerk whose office is sometimes not to be reached."""

    def __init__(self, clerk):
        self.clerk, self.away, self.asked, self.ticks = clerk, False, 0, 1000.0

    async def run(self, work):
        self.asked += 1
        if self.away:
            raise StoreUnavailable("the office: found it away")
        return await self.clerk.run(work)


def playing(scene, admits):
    async def play(ask, service, clock):
        key, text = new_key("test", ["decide"], (), (), 2**53 - 1, clock(), lambda count: b"x" * count)
        await service.clerk.run(lambda office: office.put_key(key))
        clerk = Away(service.clerk)
        own = gate.Gate(clerk, clock, lambda: admits, lambda: clerk.ticks)
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


def test_a_key_is_not_taken_on_trust_for_longer_than_stated():
    async def scene(own, heads, clerk):
        assert await refused(own, heads)
        asked = clerk.asked
        assert all(await asyncio.gather(*(refused(own, heads) for _ in range(50))))
        assert clerk.asked == asked  # for a second nobody asks again
        clerk.away = False
        clerk.ticks += 2
        assert not await refused(own, heads)

    playing(scene, admits=False)


def test_where_the_engine_admits_without_its_store_known_keys_go_on_and_new_ones_do_not():
    async def scene(own, heads, clerk):
        assert (await own.caller(CONSUME, heads)).name == "test"
        unknown = Heads({"authorization": f"Bearer sp_{'a' * 12}_{'A' * 43}"}.get, list)
        assert await refused(own, unknown)
        clerk.ticks += gate.KEPT_SECONDS
        assert await refused(own, heads)

    playing(scene, admits=True)


def test_many_who_come_with_one_key_ask_once():
    async def scene(own, heads, clerk):
        clerk.away, asked = False, clerk.asked
        await asyncio.gather(*(own.caller(CONSUME, heads) for _ in range(50)))
        assert clerk.asked == asked + 1

    playing(scene, admits=False)
