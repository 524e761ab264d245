"""The handlers without a server, over memory and a clock that is turned: for what a server only reaches by accident."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import spillover
from spillover.bootstrap.serving import USUAL, open_service
from spillover.http_api.asgi import Asgi
from spillover.http_api.service import Bounds, Service
from tests.http_api.served import Got
from tests.support import policy

Ask = Callable[..., Awaitable[Got]]


def inside(
    scene: Callable[[Ask, Service, spillover.TurnableClock], Awaitable[None]], bounds: Bounds = USUAL,
    url: str = "memory://",
) -> None:  # fmt: skip
    """Play a scene on a service of its own, through its ASGI face, without keys."""

    async def play() -> None:
        clock = spillover.TurnableClock("2026-03-02T09:00:00Z")
        service = await open_service(url, policy=policy(), clock=clock, settle=False, bounds=bounds)
        app = Asgi(service)

        async def ask(method: str, path: str, body: Any = None, pieces: int = 1, **headers: str) -> Got:
            return await through(app, method, path, body, pieces, headers)

        try:
            await scene(ask, service, clock)
        finally:
            await service.close()

    asyncio.run(play())


async def through(app: Asgi, method: str, path: str, body: Any, pieces: int, headers: dict[str, str]) -> Got:
    """One request to an ASGI application, its body in so many pieces."""
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    size = max(-(-len(sent) // pieces), 1)
    parts = [sent[at : at + size] for at in range(0, len(sent), size)] or [b""]
    heads = {"host": "localhost", **{name.replace("_", "-").lower(): value for name, value in headers.items()}}
    path, _, query = path.partition("?")
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in heads.items()],
    }  # fmt: skip
    given: list[Any] = []

    async def receive() -> dict[str, Any]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Any) -> None:
        given.append(message)

    await app(scope, receive, send)
    start, end = given
    answer = {name.decode(): value.decode() for name, value in start["headers"]}
    return Got(start["status"], answer, end["body"])  # type: ignore[arg-type]
