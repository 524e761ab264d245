"""The middleware does the same with a client of a service as with an engine inside."""

import asyncio

import spillover
from spillover.integrations.asgi import SpilloverMiddleware, header
from tests.http_api.served import Served
from tests.integrations.driven import POLICY, ask, credits_of


def test_a_client_of_a_service_serves_the_middleware_like_an_engine_inside(tmp_path):
    with Served(tmp_path, policy=POLICY) as served:

        async def play():
            async with spillover.connect_async(f"http://127.0.0.1:{served.port}") as access:
                for plan in ("trial", "paid"):
                    await access.accounts.put(plan, plan=plan)
                await access.credits.add("paid", "20", key="welcome")
                await clips(access)
                await words(access)

        async def never(*_, **__):
            raise AssertionError("the limits came with the decision")

        async def clips(access):
            access.overview = never
            door = SpilloverMiddleware(hello, access, feature="clips", account=header("x-account"))
            got = [await ask(door, x_account="trial") for _ in range(3)]
            assert [one.status for one in got] == [200, 200, 429]
            assert got[0].headers["ratelimit-policy"] == '"daily";q=2;w=86400'
            assert got[0].headers["ratelimit"].startswith('"daily";r=1;t=')
            assert 0 < int(got[2].headers["retry-after"]) <= 86_400
            assert got[2].json["violated-policies"] == ["daily"]
            for _ in range(2):
                got = await ask(door, x_account="paid")
            # The window is empty, but credits pay: nobody has to wait.
            assert "daily" in got.headers["ratelimit-policy"]
            assert "daily" not in got.headers["ratelimit"]

        async def words(access):
            del access.overview
            door = SpilloverMiddleware(
                hello, access, feature="words", account=header("x-account"), cost="hold", usage=10, limits=False
            )
            assert (await ask(door, x_account="paid")).status == 200
            assert await credits_of(access, "paid") == 16
            assert (await ask(door, x_account="trial")).status == 402  # ten never fit into two a day

        asyncio.run(play())


def test_a_service_that_is_away_is_503_to_the_end_user(tmp_path):
    with Served(tmp_path, policy=POLICY) as served:
        port = served.port

    async def play():
        async with spillover.connect_async(f"http://127.0.0.1:{port}", deadline=0.2) as access:
            door = SpilloverMiddleware(hello, access, feature="clips", account="trial")
            got = await ask(door)
            assert (got.status, got.headers["retry-after"]) == (503, "2")

    asyncio.run(play())


async def hello(scope, receive, send):
    if hasattr(scope["spillover"], "exact") and scope["spillover"].decision.due:
        scope["spillover"].exact(words=4)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
