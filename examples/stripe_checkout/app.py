"""An application whose customers buy credits by Stripe: a denial leads to a checkout, and what is paid can be spent.

    pip install fastapi granian 'spillover[stripe]'
    export SPILLOVER_STRIPE_KEY=sk_test_... SPILLOVER_STRIPE_WEBHOOK_SECRET=whsec_...
    granian --interface asgi app:app
    stripe listen --forward-to http://127.0.0.1:8000/spillover/v1/stripe/webhook     # tells the secret, too
    curl -X POST -H "X-Account: acme" http://127.0.0.1:8000/messages                 # 402, with where to buy

Where the database is, is told by SPILLOVER_URL: a file beside the program if it is not set.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import FastAPI, Header
from fastapi.responses import RedirectResponse

from spillover import AsyncAccess
from spillover.bootstrap.serving import open_service
from spillover.bootstrap.serving_stripe import offer_stripe
from spillover.http_api.asgi import Asgi
from spillover.http_api.service import Service
from spillover.integrations.asgi import SpilloverMiddleware, header
from spillover.selling.stripe_calls import Stripe

URL = os.environ.get("SPILLOVER_URL", "sqlite:///shop.db")
POLICY = Path(__file__).with_name("policy.yaml")
stripe = Stripe(os.environ["SPILLOVER_STRIPE_KEY"], url=os.environ.get("SPILLOVER_STRIPE_URL"))
opened: list[Service] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the service with the application, and close it with it."""
    service = await open_service(URL, policy=POLICY)
    try:
        await offer_stripe(service, [os.environ["SPILLOVER_STRIPE_WEBHOOK_SECRET"]], stripe=stripe)
        await service.access.accounts.put("acme", plan="starter")
        app.mount("/spillover", Asgi(service))
        opened.append(service)
        yield
    finally:
        opened.clear()
        await service.close()


def engine() -> AsyncAccess:
    """The engine that is open now."""
    return opened[0].access


def where_to_buy(account: str, pack: str) -> str:
    """What stands beside a denial: a page of ours. Only who goes there gets a checkout of Stripe's, made for him."""
    return f"/buy?{urlencode({'pack': pack})}"


app = FastAPI(lifespan=lifespan)
app.add_middleware(
    SpilloverMiddleware, access=engine, feature="messages", account=header("x-account"), only=["/messages"],
    checkout=where_to_buy,
)  # fmt: skip


@app.post("/messages")
async def messages() -> dict[str, str]:
    """A message costs 5 credits."""
    return {"message": "here it is"}


@app.get("/buy")
def buy(pack: str, x_account: Annotated[str, Header()]) -> RedirectResponse:
    """To the checkout of a pack. Who buys, says a header here; yours comes from a session or a token."""
    link = stripe.checkout_link(
        x_account, opened[0].plain.policy.packs[pack], success_url="http://127.0.0.1:8000/credits"
    )  # fmt: skip
    return RedirectResponse(link, 303)


@app.get("/credits")
async def credits(x_account: Annotated[str, Header()]) -> dict[str, int]:
    """What is left, in micro-credits."""
    return {"credits": (await engine().balance(x_account)).credits}
