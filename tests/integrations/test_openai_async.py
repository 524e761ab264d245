"""A wrapped AsyncOpenAI client against a real server, and the client of a service in the engine's place."""

import asyncio
import gc

import openai
import pytest

import spillover
from tests.integrations.openai_upstream import upstream
from tests.integrations.test_openai import ASKED, LOST, POLICY, START, TRUE, rough

CALLS = [
    lambda client, **more: client.chat.completions.create(messages=ASKED, **more),
    lambda client, **more: client.responses.create(input="q" * 400, **more),
]
each_api = pytest.mark.parametrize("call", CALLS, ids=["chat", "responses"])


@pytest.fixture
def scene(tmp_path):
    """Runs `story(client, access, server)`; what it spent in the end."""
    (tmp_path / "policy.yaml").write_text(POLICY)

    async def told(story, server):
        async with spillover.connect_async("memory://", policy=tmp_path / "policy.yaml") as access:
            await access.accounts.put("acme", plan="plus")
            await access.credits.add("acme", 10, key="gift")
            async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as plain:
                client = spillover.openai.wrap(plain, access, feature="chat.tokens", account="acme")
                await story(client, access, server)
            async with asyncio.timeout(10):
                while await access.holds.list("acme"):
                    await asyncio.sleep(0.005)
            return START - (await access.overview("acme")).credits

    def run(story):
        with upstream() as server:
            return asyncio.run(told(story, server))

    return run


@each_api
def test_calls_streams_and_retries_are_charged_what_the_model_reports(call, scene):
    async def story(client, access, server):
        assert isinstance(client, openai.AsyncOpenAI)
        await call(client.with_options(max_retries=1), model="flaky")
        async with await call(client, model="good", stream=True) as stream:
            assert [piece async for piece in stream]
        raw = client.responses if "input" in server.calls[0] else client.chat.completions
        assert (await call_raw(raw, server)).headers["content-type"]

    async def call_raw(raw, server):
        more = {"input": "q"} if "input" in server.calls[0] else {"messages": ASKED}
        return await raw.with_raw_response.create(model="good", **more)

    assert scene(story) == 3 * TRUE


@each_api
def test_errors_and_denials_cost_nothing(call, scene):
    async def story(client, access, server):
        with pytest.raises(openai.InternalServerError):
            await call(client, model="broken")
        with pytest.raises(spillover.Denied):
            await call(client, model="dear", spillover={"estimate": {"output": 1_000_000}})
        assert len(server.calls) == 1

    assert scene(story) == 0


@each_api
@pytest.mark.parametrize("how", ["breaks", "close", "forgotten", "cancelled"])
def test_a_stream_that_is_not_read_to_its_end_is_charged_for_what_came(call, how, scene):
    came = []

    async def story(client, access, server):
        stream = await call(client, model="cut" if how == "breaks" else "long", stream=True)
        for _ in range(3 if how == "breaks" else 2):
            await stream.__anext__()
        came.append(rough(server, 3 if how == "breaks" else 2))
        if how == "breaks":
            server.cut.set()
            with pytest.raises(LOST):
                await stream.__anext__()
        elif how == "close":
            await stream.close()
        elif how == "cancelled":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await stream.__anext__()
        stream = None
        gc.collect()

    assert [scene(story)] == came


def test_an_engine_of_the_other_kind_is_refused(scene):
    async def story(client, access, server):
        with pytest.raises(spillover.InvalidInput):
            spillover.openai.wrap(openai.OpenAI(api_key="none"), access, feature="chat.tokens")

    assert scene(story) == 0
