"""The service as an ASGI application, over the same handlers: mount it in an application of yours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from spillover.http_api.bodies import gone, too_large, too_slow
from spillover.http_api.endpoint import Heads
from spillover.http_api.handling import Handling, Incoming
from spillover.http_api.service import Bounds, Service

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Asgi:
    """`app.mount("/spillover", Asgi(service))`. It opens and closes nothing: that is for who made the service."""

    def __init__(self, service: Service) -> None:
        self._handling, self._bounds = Handling(service), service.bounds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        by_name = dict(reversed(pairs))
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        told = await self._handling.answer(
            Incoming(
                scope["method"], path, scope["query_string"].decode("latin-1"), Heads(by_name.get, lambda: pairs),
                lambda: _read(by_name.get("content-length"), receive, self._bounds),
            )
        )  # fmt: skip
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.headers]
        headers.append((b"content-length", str(len(told.body)).encode()))
        await send({"type": "http.response.start", "status": told.status, "headers": headers})
        await send({"type": "http.response.body", "body": told.body})


async def _read(length: str | None, receive: Receive, bounds: Bounds) -> bytes:
    if length is not None and length.isascii() and length.isdigit() and int(length[:20]) > bounds.body:
        raise too_large(length[:20], bounds.body)
    found = bytearray()
    try:
        async with asyncio.timeout(bounds.body_seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise gone()
                found += message.get("body", b"")
                if len(found) > bounds.body:
                    raise too_large(f"more than {bounds.body:,}", bounds.body)
                if not message.get("more_body"):
                    return bytes(found)
    except TimeoutError:
        raise too_slow(bounds.body_seconds) from None


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
