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
        self._late = Deadlines(service.bounds.body_seconds)
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
                    lambda: read_body(headers.get("content-length"), protocol, self._bounds, self._late),
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


class Deadlines:
    """Ends what tasks wait for after so many seconds, or up to a tenth more. One timer for all of them, as one for each
    would cost a request more than its router does. Used by one loop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._ticking = False

    def begin(self) -> asyncio.Task[object]:
        """From now on the time runs for the present task, which is then cancelled."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self._until[task] = loop.time() + self.seconds
        if not self._ticking:
            self._ticking = True
            loop.call_later(self.seconds / 10, self._tick, loop)
        return task

    def end(self, task: asyncio.Task[object]) -> bool:
        """It waits no more; safe to repeat. Whether it was this that cancelled it."""
        self._until.pop(task, None)
        late = task in self._late
        if late:
            self._late.remove(task)
            task.uncancel()
        return late

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [task for task, until in self._until.items() if until <= now]:
            del self._until[task]
            self._late.add(task)
            task.cancel()
        self._ticking = bool(self._until)
        if self._ticking:
            loop.call_later(self.seconds / 10, self._tick, loop)


async def read_body(length: str | None, protocol: RsgiProtocol, bounds: Bounds, late: Deadlines) -> bytes:
    """The whole body. Raises Refused for one that is too large, or that does not come in time."""
    if length is not None and (not LENGTH.fullmatch(length) or int(length) > bounds.body):
        raise too_large(length, bounds.body)
    waits = late.begin()
    try:
        return await protocol() if length is not None else await _chunks(protocol, bounds.body)
    except ProtocolClosed:
        raise gone() from None
    except asyncio.CancelledError:
        if late.end(waits):
            raise too_slow(bounds.body_seconds) from None
        raise
    finally:
        late.end(waits)


async def _chunks(protocol: RsgiProtocol, most: int) -> bytes:
    found = bytearray()
    async for chunk in protocol:
        found += chunk
        if len(found) > most:
            raise too_large(f"more than {most:,}", most)
    return bytes(found)
