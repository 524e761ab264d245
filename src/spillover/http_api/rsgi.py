"""The service for Granian's RSGI: the only file that knows it. Bodies are bounded here, in size and in time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # it says so of no name

from spillover.http_api.bodies import gone, too_large, too_slow
from spillover.http_api.endpoint import Heads
from spillover.http_api.handling import Handling, Incoming
from spillover.http_api.problems import Refused
from spillover.http_api.service import Bounds, Service

LENGTH = re.compile(r"[0-9]{1,18}")


class RsgiHeaders(Protocol):
    """Headers of a request, by names in lower case."""

    def __contains__(self, name: str, /) -> bool: ...
    def get(self, name: str, /) -> str | None: ...
    def items(self) -> list[tuple[str, str]]: ...


class RsgiScope(Protocol):
    """A request's line and headers."""

    proto: str
    method: str
    path: str
    query_string: str
    headers: RsgiHeaders


class RsgiProtocol(Protocol):
    """A request's body, and the way back."""

    async def __call__(self) -> bytes: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class Rsgi:
    """The application that Granian calls."""

    def __init__(self, service: Service) -> None:
        self._handling, self._bounds = Handling(service), service.bounds
        self.open = 0
        """Requests that are being answered."""

    async def __rsgi__(self, scope: RsgiScope, protocol: RsgiProtocol) -> None:
        """Answer one request."""
        if scope.proto != "http":
            return
        headers = scope.headers
        self.open += 1
        try:
            heads = Heads(partial(text_of, headers), lambda: list(headers.items()))
            told = await self._handling.answer(
                Incoming(
                    scope.method, scope.path, scope.query_string, heads,
                    lambda: read_body(headers.get("content-length"), protocol, self._bounds),
                )
            )  # fmt: skip
            protocol.response_bytes(told.status, told.headers, told.body)
        finally:
            self.open -= 1


def text_of(headers: RsgiHeaders, name: str) -> str | None:
    """The value of a header; None where it is not there. Raises Refused for one that is no text: a key that was sent
    must not be taken for one that was left out."""
    found = headers.get(name)
    if found is None and name in headers:
        raise Refused("malformed", f"{name}: found bytes that are no text, expected printable ASCII")
    return found


async def read_body(length: str | None, protocol: RsgiProtocol, bounds: Bounds) -> bytes:
    """The whole body. Raises Refused for one that is too large, or that does not come in time."""
    if length is not None and (not LENGTH.fullmatch(length) or int(length) > bounds.body):
        raise too_large(length, bounds.body)
    try:
        async with asyncio.timeout(bounds.body_seconds):
            if length is not None:
                return await protocol()
            return await _chunks(protocol, bounds.body)
    except TimeoutError:
        raise too_slow(bounds.body_seconds) from None
    except ProtocolClosed:
        raise gone() from None


async def _chunks(protocol: RsgiProtocol, most: int) -> bytes:
    found = bytearray()
    async for chunk in protocol:
        found += chunk
        if len(found) > most:
            raise too_large(f"more than {most:,}", most)
    return bytes(found)
