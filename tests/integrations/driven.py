"""An ASGI application driven without a server: for what a server would add nothing to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import spillover
from tests.support import clock, policy

POLICY = """
spillover: 1
features:
  clips: {unit: clip, count: requests, price: {credits: 5}}
  words: {unit: word, count: words, price: {credits: 1}}
plans:
  trial:
    rules:
      - for: [clips, words]
        waterfall: [{from: allowance, windows: [{name: daily, max: 2, every: day, in: UTC}]}]
  paid:
    rules:
      - for: [clips, words]
        ceilings: [{name: burst, max: 20, refill: 1m}]
        waterfall:
          - from: allowance
            windows: [{name: daily, max: 2, every: day, in: UTC}]
          - from: credits
  bare:
    rules:
      - for: [clips, words]
        waterfall: [{from: credits}]
"""


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(app: Any, path: str = "/", method: str = "POST", root: str = "", **headers: str) -> Got:
    """One request; names of headers are written with _ for -."""
    heads = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "root_path": root, "headers": heads}
    came: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        came.append(message)

    await app(scope, receive, send)
    start, *rest = came
    answer = {name.decode(): value.decode() for name, value in start["headers"]}
    return Got(start["status"], answer, b"".join(one.get("body", b"") for one in rest))


def with_access(scene: Callable[[spillover.AsyncAccess], Awaitable[None]]) -> None:
    """Play a scene on an engine in memory: `trial` has two a day, `paid` credits beside, `bare` credits only."""

    async def play() -> None:
        async with spillover.connect_async(
            "memory://", policy=policy(POLICY), clock=clock(), settle=False, tend=False
        ) as access:
            for plan in ("trial", "paid", "bare"):
                await access.accounts.put(plan, plan=plan)
            await access.credits.add("paid", "20", key="welcome")
            await scene(access)

    asyncio.run(play())


async def credits_of(access: spillover.AsyncAccess, account: str) -> int:
    """What the account can spend now, in whole credits."""
    return (await access.overview(account)).credits // 1_000_000
