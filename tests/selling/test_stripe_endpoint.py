"""`POST /v1/stripe/webhook`: opened by Stripe's signature alone, over the service's own engine and office."""

import asyncio

import pytest

from spillover.bootstrap.serving import open_service
from spillover.bootstrap.serving_options import settled
from spillover.bootstrap.serving_stripe import offer_stripe
from spillover.http_api import openapi
from spillover.http_api.asgi import Asgi
from spillover.model.errors import InvalidInput
from tests.http_api.inside import through
from tests.selling.events import checkout, dispute
from tests.selling.shop import POLICY, SECRET
from tests.selling.stripe_server import signed
from tests.support import clock, policy


def played(scene, *, offered=True, key=False):
    async def play():
        service = await open_service("memory://", policy=policy(POLICY), clock=clock(), settle=False)
        app = Asgi(service)

        async def send(event, secret=SECRET):
            body, signature = signed(event, secret)
            return await through(app, "POST", "/v1/stripe/webhook", body, 3, {"stripe-signature": signature})

        async def ask(method, path, body=None, **headers):
            return await through(app, method, path, body, 1, headers)

        try:
            if offered:
                await offer_stripe(service, (SECRET, "whsec_second_one"))
            await ask("POST", "/v1/accounts/put", {"account": "acme", "plan": "plus"})
            await scene(send, ask, service)
        finally:
            await service.close()

    asyncio.run(play())


def test_what_stripe_signed_is_done_once_and_stands_in_the_log_as_stripes():
    async def scene(send, ask, service):
        told = checkout()
        answers = await asyncio.gather(*(send(told, secret) for secret in (SECRET, "whsec_second_one") * 4))
        assert {one.status for one in answers} == {200}
        assert service.plain.balance("acme").credits == 100_000_000
        acts = (await ask("GET", "/v1/log")).json["acts"]
        assert {(act["by"], act["verb"], act["account"]) for act in acts if act["by"] == "stripe"} == {
            ("stripe", "stripe.grant", "acme")
        }
        assert SECRET not in str(acts)

    played(scene)


def test_a_key_of_the_service_neither_opens_it_nor_is_needed():
    async def scene(send, ask, service):
        key = (await ask("POST", "/v1/keys/make", {"name": "root", "scopes": ["admin"]})).json["key"]
        heads = {"authorization": f"Bearer {key}"}
        assert (await ask("POST", "/v1/stripe/webhook", checkout(), **heads)).status == 400
        assert (await send(checkout(), "whsec_of_nobody")).status == 400
        assert (await send(checkout())).status == 200
        assert service.plain.balance("acme").credits == 100_000_000

    played(scene)


def test_what_cannot_be_done_yet_is_asked_for_again():
    async def scene(send, ask, service):
        assert (await send(dispute())).status == 503
        await send(checkout())
        told = await send(dispute())
        assert (told.status, told.json) == (200, {"outcome": "took 100 credits back, 0 credits was spent"})

    played(scene)


def test_where_it_is_not_asked_for_there_is_no_such_path_and_no_document_tells_of_it():
    async def scene(send, ask, service):
        told = await send(checkout())
        assert (told.status, told.json["type"]) == (404, "urn:spillover:problem:no-such-path")

    played(scene, offered=False)
    assert not [path for path in openapi.document()["paths"] if "stripe" in path]


def test_a_wrong_secret_is_refused_at_the_start_and_not_shown():
    with pytest.raises(InvalidInput) as refused:
        settled({"stripe_webhook_secret": "whsec_é_secret"}, {}, None)
    assert "--stripe-webhook-secret" in str(refused.value)
    assert "whsec_é" not in str(refused.value)
    found = settled({}, {"SPILLOVER_STRIPE_WEBHOOK_SECRET": "whsec_first, whsec_second"}, None)
    assert found["stripe_webhook_secret"] == ("whsec_first", "whsec_second")
