"""A wrapped OpenAI client over a service instead of an engine: the same charges."""

import asyncio

import openai

import spillover
from spillover.access.clock import system_clock
from tests.http_client.clocked import Clocked
from tests.integrations.openai_upstream import upstream
from tests.integrations.test_openai import ASKED, POLICY, START, TRUE
from tests.support import policy


def test_a_service_charges_calls_and_streams_as_an_engine_does():
    with Clocked(policy(POLICY), system_clock) as service, upstream() as server:
        with spillover.connect(service.url, deadline=30) as access:
            access.accounts.put("acme", "plus")
            access.credits.add("acme", 10, key="gift")
            with openai.OpenAI(base_url=server.url, api_key="none") as plain:
                client = spillover.openai.wrap(plain, access, feature="chat.tokens", account="acme")
                client.chat.completions.create(model="good", messages=ASKED)
                list(client.responses.create(model="good", input="q", stream=True))

        async def story():
            async with (
                spillover.connect_async(service.url, deadline=30) as access,
                openai.AsyncOpenAI(base_url=server.url, api_key="none") as plain,
            ):
                client = spillover.openai.wrap(plain, access, feature="chat.tokens", account="acme")
                await client.responses.create(model="good", input="q")
                stream = await client.chat.completions.create(model="good", messages=ASKED, stream=True)
                assert len([chunk async for chunk in stream]) == 5
                assert await access.holds.list("acme") == ()
                return (await access.overview("acme")).credits

        assert asyncio.run(story()) == START - 4 * TRUE
