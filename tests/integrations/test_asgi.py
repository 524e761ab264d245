"""The middleware: a request is decided before the application runs, and the end user is told both ways out."""

import asyncio
import contextlib

import pytest
from fastapi import FastAPI

import spillover
from spillover.integrations.asgi import SpilloverMiddleware, header
from spillover.model.errors import Denied, InvalidInput
from tests.integrations.driven import POLICY, ask, credits_of, with_access
from tests.support import clock, policy

QUOTA = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class App:
    """Answers hello, and remembers what it was given."""

    def __init__(self, work=None):
        self.seen, self.work = [], work

    async def __call__(self, scope, receive, send):
        self.seen.append(scope.get("spillover"))
        if self.work:
            await self.work(scope["spillover"], send)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": b"hello"})


def clips(app, access, **options):
    return SpilloverMiddleware(app, access, **{"feature": "clips", "account": header("x-account"), **options})


def test_a_request_that_passes_reaches_the_application_and_tells_its_limits():
    async def scene(access):
        app = App()
        got = await ask(clips(app, access), x_account="paid")
        assert (got.status, got.body, got.headers["x-own"]) == (200, b"hello", "1")
        assert got.headers["ratelimit-policy"] == '"burst";q=20;w=60, "daily";q=2;w=86400'
        assert '"daily";r=1;t=54000' in got.headers["ratelimit"]
        assert app.seen[0].decision.sentence == "1 clip included"

    with_access(scene)


def test_where_waiting_helps_the_end_user_gets_429_and_is_told_when():
    async def scene(access):
        app = App()
        for _ in range(2):
            await ask(clips(app, access), x_account="trial")
        got = await ask(clips(app, access), x_account="trial")
        assert (got.status, len(app.seen)) == (429, 2)
        assert got.headers["content-type"] == "application/problem+json"
        assert got.headers["retry-after"] == "54000"
        assert got.headers["ratelimit"] == '"daily";r=0;t=54000'
        told = got.json
        assert (told["type"], told["status"]) == (QUOTA, 429)
        assert (told["violated-policies"], told["opens_at"]) == (["daily"], "2026-03-03T00:00:00.000Z")
        decision = await access.check("trial", "clips")
        assert (told["sentence"], told["unlock"]) == (decision.denial.sentence, decision.denial.unlock)

    with_access(scene)


def test_where_only_credits_help_the_end_user_gets_402_and_is_told_how_many():
    async def scene(access):
        app = App()
        got = await ask(clips(app, access), x_account="bare")
        assert (got.status, app.seen) == (402, [])
        assert "retry-after" not in got.headers
        assert (got.json["opens_at"], got.json["unlock"]) == (None, "5 more credits unlock it")

    with_access(scene)


def test_one_idempotency_key_is_charged_once_and_another_request_under_it_is_409():
    async def scene(access):
        app = App()
        door = clips(app, access, usage=None)
        for quoted in ('"k-1"', "k-1"):
            assert (await ask(door, x_account="trial", idempotency_key=quoted)).status == 200
        assert [one.decision.replayed for one in app.seen] == [False, True]
        assert (await access.check("trial", "clips")).allowed
        other = clips(app, access, feature="words", usage=1)
        assert (await ask(other, x_account="trial", idempotency_key="k-1")).status == 409
        assert (await ask(door, x_account="trial", idempotency_key='"broken')).status == 400
        assert len(app.seen) == 2

    with_access(scene)


def test_a_hold_ends_with_what_the_application_told():
    async def scene(access):
        async def work(hold, send):
            assert await credits_of(access, "paid") == 12
            hold.exact(words=5)

        door = clips(App(work), access, feature="words", usage=10, cost="hold")
        assert (await ask(door, x_account="paid", idempotency_key="w-1")).status == 200
        assert await credits_of(access, "paid") == 17
        # What has ended does not begin again for nothing.
        assert (await ask(door, x_account="paid", idempotency_key="w-1")).status == 410

    with_access(scene)


@pytest.mark.parametrize("answered", [False, True])
def test_a_hold_is_released_if_the_application_raises_before_it_answers_else_what_was_told_is_charged(answered):
    async def scene(access):
        async def work(hold, send):
            hold.report(words=5)
            if answered:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            raise RuntimeError("the model is away")

        door = clips(App(work), access, feature="words", usage=10, cost="hold")
        with pytest.raises(RuntimeError, match="the model is away"):
            await ask(door, x_account="paid")
        assert await credits_of(access, "paid") == (17 if answered else 20)
        assert (await access.overview("paid")).holds == ()

    with_access(scene)


def test_a_hold_that_is_denied_keeps_the_application_from_running():
    async def scene(access):
        app = App()
        got = await ask(clips(app, access, feature="words", usage=3, cost="hold"), x_account="bare")
        assert (got.status, got.json["unlock"], app.seen) == (402, "3 more credits unlock it", [])

    with_access(scene)


def test_a_denial_in_the_application_is_told_to_the_end_user_and_its_hold_released():
    async def scene(access):
        async def work(hold, send):
            decision = await access.check("bare", "clips")
            raise Denied(decision, decision.sentence)

        got = await ask(clips(App(work), access, feature="words", usage=2, cost="hold"), x_account="paid")
        assert got.status == 402
        assert (await access.overview("paid")).holds == ()

    with_access(scene)


def test_only_the_named_paths_are_metered_and_never_what_is_not_a_request():
    async def scene(access):
        app = App()
        door = clips(app, access, only=["/clips", "/v1/*"])
        for path in ("/", "/clips/1", "/v1"):
            assert (await ask(door, path)).status == 200
        assert (await ask(door, "/clips", "OPTIONS")).status == 200
        assert app.seen == [None] * 4
        for path in ("/clips", "/v1/clips"):
            assert (await ask(door, path, x_account="bare")).status == 402
        kinds = []

        async def inner(scope, receive, send):
            kinds.append(scope["type"])

        for kind in ("websocket", "lifespan"):
            await clips(inner, access)({"type": kind, "path": "/clips"}, None, None)
        assert kinds == ["websocket", "lifespan"]
        with pytest.raises(InvalidInput, match="only"):
            clips(app, access, only=["/v1/*/clips"])

    with_access(scene)


@pytest.mark.parametrize(("path", "root"), [("/clips\n", ""), ("/api/clips", "/api"), ("/clips", "/api")])
def test_a_path_that_the_router_takes_for_a_metered_one_is_metered(path, root):
    async def scene(access):
        app = FastAPI()

        @app.post("/clips")
        async def free() -> str:
            return "for nothing"

        assert (await ask(app, path, root=root)).status == 200
        got = await ask(clips(app, access, only=["/clips"]), path, root=root, x_account="bare")
        assert got.status == 402

    with_access(scene)


def test_a_request_that_is_cancelled_before_it_is_answered_releases_its_hold():
    async def scene(access):
        begun = asyncio.Event()

        async def work(hold, send):
            hold.report(words=5)
            begun.set()
            await asyncio.Event().wait()

        door = clips(App(work), access, feature="words", usage=10, cost="hold")
        task = asyncio.create_task(ask(door, x_account="paid"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await access.overview("paid")).holds == ()
        assert await credits_of(access, "paid") == 20

    with_access(scene)


def test_a_request_on_nobodys_account_is_403():
    async def scene(access):
        app = App()
        assert (await ask(clips(app, access))).status == 403
        assert app.seen == []

    with_access(scene)


def test_the_application_does_not_run_while_the_store_cannot_be_reached():
    async def scene(access):
        app = App()
        await access.close()
        for cost in ("request", "hold"):
            got = await ask(clips(app, access, cost=cost), x_account="paid")
            assert (got.status, got.headers["retry-after"]) == (503, "2")
            assert got.json["type"] == "urn:spillover:problem:store"
        assert app.seen == []

    with_access(scene)


def test_what_the_application_has_wrong_is_raised_and_not_told_to_the_end_user():
    async def scene(access):
        with pytest.raises(spillover.UnknownName, match="nonsense"):
            await ask(clips(App(), access, feature="nonsense"), x_account="paid")

    with_access(scene)


def test_older_names_of_limits_come_to_who_asks_for_them():
    async def scene(access):
        door = clips(App(), access, profiles=["x-ratelimit", "codex"])
        got = await ask(door, x_account="paid")
        assert (got.headers["x-ratelimit-limit"], got.headers["x-ratelimit-remaining"]) == ("2", "1")
        assert got.headers["x-codex-credits-balance"] == "20.00"
        silent = await ask(clips(App(), access, limits=False), x_account="paid")
        assert not [name for name in silent.headers if "ratelimit" in name]
        with pytest.raises(InvalidInput, match="profiles"):
            clips(App(), access, profiles=["newer"])

    with_access(scene)


def test_an_access_of_plain_code_serves_too_but_for_holds():
    async def scene(_):
        with contextlib.closing(
            spillover.connect("memory://", policy=policy(POLICY), clock=clock(), settle=False, tend=False)
        ) as access:
            access.accounts.put("trial", plan="trial")
            got = await ask(clips(App(), lambda: access), x_account="trial")
            assert (got.status, got.headers["ratelimit"]) == (200, '"daily";r=1;t=54000')
            with pytest.raises(InvalidInput, match="connect_async"):
                await ask(clips(App(), access, cost="hold"), x_account="trial")

    with_access(scene)
