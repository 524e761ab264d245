"""An application that sells clips and words: a dependency decides on clips, the middleware holds for words.

    pip install fastapi granian spillover
    granian --interface asgi app:app
    curl -X POST -H "X-Account: acme" http://127.0.0.1:8000/clips

Where the database is, is told by SPILLOVER_URL: a file beside the program if it is not set.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request

import spillover
from spillover import AsyncAccess, Decision
from spillover.integrations.asgi import SpilloverMiddleware, header
from spillover.integrations.fastapi import metered, tell_problems

URL = os.environ.get("SPILLOVER_URL", "sqlite:///shop.db")
POLICY = Path(__file__).with_name("policy.yaml")
opened: list[AsyncAccess] = []


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open the engine with the application, and close it with it."""
    async with spillover.connect_async(URL, policy=POLICY) as access:
        await access.accounts.put("acme", plan="starter")
        await access.accounts.put("guest", plan="trial")
        await access.credits.add("acme", "20", key="welcome")
        opened.append(access)
        yield
        opened.clear()


def engine() -> AsyncAccess:
    """The engine that is open now."""
    return opened[0]


def account(x_account: Annotated[str, Header()]) -> str:
    """Who pays. Here a header says so; yours comes from a session or a token."""
    return x_account


app = FastAPI(lifespan=lifespan)
tell_problems(app)
app.add_middleware(
    SpilloverMiddleware, access=engine, feature="words", account=header("x-account"), only=["/words"],
    cost="hold", usage=10,
)  # fmt: skip


@app.post("/clips")
async def clips(decision: Annotated[Decision, Depends(metered(engine, "clips", account=account))]) -> dict[str, str]:
    """A clip; two a day are included, each more costs 5 credits."""
    return {"clip": "here it is", "paid": decision.sentence}


@app.post("/words")
async def words(request: Request, text: str) -> dict[str, str]:
    """At most ten words are held before, and what was really said is committed after."""
    hold = request.scope["spillover"]
    if text == "broken":
        raise RuntimeError("the model is away; the hold is released")
    hold.exact(words=len(text.split()))
    return {"said": text.upper()}


@app.get("/credits")
async def credits(who: Annotated[str, Depends(account)]) -> dict[str, int]:
    """What is left, in micro-credits: to spend now, and held for what is under way."""
    overview = await engine().overview(who)
    return {"credits": overview.credits, "holds": len(overview.holds)}
