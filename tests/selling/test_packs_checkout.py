"""Where a pack can be bought: the link beside a denial, by a callback or a template; its failure costs only itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Header

import spillover
from spillover.bootstrap.serving import checkout_at, open_service
from spillover.bootstrap.serving_options import settled
from spillover.http_api.checkout import with_checkout
from spillover.integrations.asgi import SpilloverMiddleware, header
from spillover.integrations.fastapi import metered, tell_problems
from spillover.model.errors import InvalidInput
from tests.http_api.served import Served
from tests.integrations.driven import Got, ask
from tests.selling.filling import POLICY
from tests.support import clock, policy

BARE = POLICY[: POLICY.index("packs:")] + POLICY[POLICY.index("plans:") :]
URL = "https://shop.example/buy?account=acme&pack=tiny"


def link(account: str, pack: str) -> str:
    return f"https://shop.example/buy?account={account}&pack={pack}"


async def later(account: str, pack: str) -> str:
    await asyncio.sleep(0)
    return link(account, pack)


def broken(account: str, pack: str) -> str:
    raise RuntimeError(f"the shop of {account} is closed")


async def broken_later(account: str, pack: str) -> str:
    raise TimeoutError


def nothing(account: str, pack: str) -> str | None:
    return None


def with_access(scene: Callable[[spillover.AsyncAccess], Awaitable[None]], text: str = POLICY) -> None:
    async def play() -> None:
        async with spillover.connect_async("memory://", policy=policy(text), clock=clock(), settle=False) as access:
            await access.accounts.put("acme", "plus")
            await scene(access)

    asyncio.run(play())


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def by_middleware(access: Any, **options: Any) -> Got:
    app = SpilloverMiddleware(hello, access, feature="chat.messages", account=header("x-account"), **options)
    return await ask(app, x_account="acme")


def account_of(x_account: Annotated[str | None, Header()] = None) -> str | None:
    return x_account


async def by_dependency(access: Any, **options: Any) -> Got:
    app = FastAPI()
    decided = Depends(metered(access, "chat.messages", account=account_of, **options))
    tell_problems(app)

    @app.post("/")
    async def chat(decision: Any = decided) -> None: ...

    return await ask(app, "/", x_account="acme")


WAYS = [by_middleware, by_dependency]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("checkout", [link, later])
def test_the_end_user_is_told_the_pack_and_where_to_buy_it(way: Any, checkout: Any) -> None:
    async def scene(access: spillover.AsyncAccess) -> None:
        got = await way(access, checkout=checkout)
        assert (got.status, got.json["checkout"]) == (402, URL)
        assert got.json["unlock"] == "5 more credits unlock it: pack tiny, 5 credits for 0.90 EUR"
        sold = got.json["pack"]
        assert (sold["name"], sold["amount"], sold["price"], sold["currency"]) == (
            "tiny", {"credits": "5", "micro_credits": 5_000_000}, "0.90", "EUR",
        )  # fmt: skip

    with_access(scene)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("checkout", [broken, broken_later, nothing, None])
def test_a_callback_that_fails_or_has_none_costs_only_the_link(
    way: Any, checkout: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(access: spillover.AsyncAccess) -> None:
        got = await way(access, checkout=checkout)
        assert (got.status, got.json["pack"]["name"]) == (402, "tiny")
        assert "checkout" not in got.json

    with_access(scene)
    said = [record.getMessage().partition(": ")[0] for record in caplog.records if record.name == "spillover.asgi"]
    assert said == (["no link to pack tiny"] if checkout in (broken, broken_later) else [])


@pytest.mark.parametrize("way", WAYS)
def test_without_a_pack_nobody_is_asked_for_a_link_and_the_body_is_as_it_was(way: Any) -> None:
    async def scene(access: spillover.AsyncAccess) -> None:
        got = await way(access, checkout=broken)
        assert (got.status, got.json["unlock"]) == (402, "5 more credits unlock it")
        assert not {"pack", "checkout"} & set(got.json)

    with_access(scene, BARE)


async def never(account: str, pack: str) -> str:
    await asyncio.Event().wait()
    return URL


def test_a_callback_that_hangs_keeps_no_denial_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("spillover.integrations.answering.CHECKOUT_SECONDS", 0.01)

    async def scene(access: spillover.AsyncAccess) -> None:
        got = await by_middleware(access, checkout=never)
        assert (got.status, got.json["pack"]["name"], "checkout" in got.json) == (402, "tiny", False)

    with_access(scene)
    assert "no link to pack tiny: TimeoutError" in caplog.text


@pytest.mark.parametrize(("checkout", "logged"), [(broken, True), (later, True), (nothing, False)])
def test_a_service_whose_callback_gives_no_text_denies_without_a_link(
    checkout: Any, logged: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        service = await open_service(f"sqlite:///{tmp_path}/books.db", policy=policy(POLICY), checkout=checkout)
        try:
            await service.access.accounts.put("acme", plan="plus")
            denied = with_checkout(service, await service.access.consume("acme", "chat.messages")).denial
            assert denied is not None
            assert (denied.pack and denied.pack.name, denied.checkout) == ("tiny", "")
        finally:
            await service.close()

    asyncio.run(scene())
    assert ("no link to pack tiny" in caplog.text) is logged


def test_a_denial_under_a_hold_tells_the_link_too() -> None:
    async def scene(access: spillover.AsyncAccess) -> None:
        got = await by_middleware(access, checkout=later, cost="hold")
        assert (got.status, got.json["checkout"]) == (402, URL)

    with_access(scene)


def test_a_template_is_filled_with_names_that_are_encoded() -> None:
    made = checkout_at("https://shop.example/{pack}?account={account}&from={account}")
    assert made is not None
    assert made("søren & co/{pack}", "small") == (
        "https://shop.example/small?account=s%C3%B8ren%20%26%20co%2F%7Bpack%7D&from=s%C3%B8ren%20%26%20co%2F%7Bpack%7D"
    )
    assert checkout_at(None) is None


@pytest.mark.parametrize(
    "template",
    ["shop.example/{pack}", "ftp://shop.example/{pack}", "https:///{pack}", "https://shop.example/{pak}",
     "https://shop.example/{pack", "https://shop.example/{0}", "https://shop.example/a b", "javascript:{pack}", ""],
)  # fmt: skip
def test_a_template_that_is_no_address_is_refused_before_anything_is_served(template: str) -> None:
    with pytest.raises(InvalidInput, match=r"^--checkout-url: found .*, expected "):
        settled({"checkout_url": template}, {}, None)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    template = "https://shop.example/buy?account={account}&pack={pack}"
    folder = tmp_path_factory.mktemp("checkout")
    with Served(folder, "--checkout-url", template, policy=POLICY) as found:
        for name in ("acme", "a & b"):
            assert found.post("accounts/put", {"account": name, "plan": "plus"}).status == 200
        yield found


def test_every_denial_over_http_carries_the_pack_and_the_link(served: Served) -> None:
    asked = {"account": "a & b", "feature": "chat.messages"}
    answers = [served.post(path, {**asked, "key": "k"}).json["denial"] for path in ("consume", "holds/open")]
    answers += [served.post(path, asked).json["denial"] for path in ("check", "explain")]
    many = served.post("consume-many", {"requests": [asked, {**asked, "account": "acme"}]}).json["answers"]
    answers.append(many[0]["decision"]["denial"])
    for denial in answers:
        assert denial["pack"]["name"] == "tiny"
        assert denial["checkout"] == "https://shop.example/buy?account=a%20%26%20b&pack=tiny"
    assert many[1]["decision"]["denial"]["checkout"] == URL


def test_the_client_and_what_stands_before_it_tell_the_link_of_the_service(served: Served) -> None:
    with spillover.connect(f"http://127.0.0.1:{served.port}") as access:
        denied = access.consume("acme", "chat.messages").denial
        assert denied is not None
        assert (denied.checkout, denied.pack) == (URL, access.packs.list()[2])
        lot = access.packs.grant("acme", "clips", key="clip order", ref="ch_1")
        assert access.packs.grant("acme", "clips", key="clip order", ref="ch_1") == lot

        got = asyncio.run(by_middleware(access, limits=False))
        assert (got.status, got.json["checkout"], got.json["pack"]["name"]) == (402, URL, "tiny")


def test_what_is_bought_over_http_is_one_lot_for_a_key(served: Served) -> None:
    order = {"account": "acme", "pack": "clips", "key": "order 1"}
    first = served.post("packs/grant", order)
    assert (first.status, first.json["measure"]) == (200, "video.seconds")
    assert served.post("packs/grant", order).json == first.json
    assert served.post("packs/grant", {**order, "pack": "small"}).status == 409
    assert served.post("packs/grant", {**order, "key": "order 2", "pack": "huge"}).status == 404
    refused = served.post("packs/grant", {"account": "acme", "pack": "clips"})
    assert (refused.status, refused.json["field"]) == (422, "key")
    listed = served.ask("GET", "/v1/packs/list").json["packs"]
    assert [one["name"] for one in listed] == ["clips", "small", "tiny"]


def test_a_service_watches_its_books_and_orders_by_itself(served: Served) -> None:
    rule = {"account": "acme", "below": "10", "pack": "small", "most": 2}
    served.post("credits/add", {"account": "acme", "credits": "12", "key": "start"})
    assert served.post("topups/set", rule).json["below"] == {"credits": "10", "micro_credits": 10_000_000}
    assert served.post("consume", {"account": "acme", "feature": "chat.messages", "key": "down"}).json["allowed"]
    orders: list[Any] = []
    while not orders:
        orders = served.ask("GET", "/v1/topups/get?account=acme").json["orders"]
    (order,) = orders
    assert (order["state"], order["pack"]["name"]) == ("wanted", "small")
    failed = served.post("topups/fail", {"account": "acme", "key": order["key"], "reason": "card declined"})
    assert (failed.json["state"], failed.json["note"]) == ("failed", "card declined")
    log = served.ask("GET", "/v1/log?account=acme").json["acts"]
    assert [act["verb"] for act in log if act["verb"].startswith("topups")] == ["topups.set", "topups.fail"]
