"""Both faces of a client, told the same in plain code."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import spillover
from tests.http_client.clocked import Clocked

FACES = ("plain", "loop")


@contextmanager
def open_face(face: str, url: str, **options: Any) -> Iterator[Any]:
    """A client of plain code, or one of an event loop as if it were."""
    if face == "plain":
        with spillover.connect(url, **options) as client:
            yield client
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def opened() -> Any:
        return await spillover.connect_async(url, **options)

    client = None
    try:
        client = asyncio.run_coroutine_threadsafe(opened(), loop).result(60)
        yield Looped(client, loop)
    finally:
        if client is not None:
            asyncio.run_coroutine_threadsafe(client.close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Looped:
    """Verbs of an event loop, each waited for."""

    def __init__(self, what: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._what, self._loop = what, loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._what, name)
        if not callable(found):
            return Looped(found, self._loop) if hasattr(found, "_client") else found
        if name == "hold":
            return lambda *args, **options: LoopedHold(found(*args, **options), self._loop)

        def verb(*args: Any, **options: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(found(*args, **options), self._loop).result(120)

        setattr(verb, "__signature__", inspect.signature(found))  # noqa: B010
        verb.__name__ = name
        return verb


class LoopedHold:
    """A hold around work, of an event loop."""

    def __init__(self, hold: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._hold, self._loop = hold, loop

    def __enter__(self) -> LoopedHold:
        asyncio.run_coroutine_threadsafe(self._hold.__aenter__(), self._loop).result(60)
        return self

    def __exit__(self, *error: Any) -> None:
        asyncio.run_coroutine_threadsafe(self._hold.__aexit__(*error), self._loop).result(60)

    def report(self, **counts: int) -> None:
        async def said() -> None:
            self._hold.report(**counts)

        asyncio.run_coroutine_threadsafe(said(), self._loop).result(60)

    def exact(self, **counts: int) -> None:
        self._hold.exact(**counts)

    @property
    def ending(self) -> Any:
        return self._hold.ending


class Away:
    """Takes a service away from its clients, and gives it back. `status`: what a proxy before it answers meanwhile."""

    def __init__(self, service: Clocked, status: int = 503) -> None:
        self.service, self.status = service, status
        self.asked: list[str] = []

    def __enter__(self) -> Away:
        from aiohttp import web

        def before(request: web.BaseRequest) -> web.Response:
            self.asked.append(request.path)
            return web.Response(status=self.status, text="<h1>not here</h1>", content_type="text/html")

        self.service.before = before
        return self

    def __exit__(self, *_: object) -> None:
        self.service.before = lambda _: None


def lose(service: Clocked, *paths: str) -> None:
    """The service does what it is asked on these paths, and its answers are lost; nothing else is answered."""
    from aiohttp import web

    service.before = lambda request: None if request.path in paths else web.Response(status=502)
    service.after = lambda _, __: web.Response(status=502)


def find_again(service: Clocked) -> None:
    """It answers as usual."""
    service.before = lambda _: None
    service.after = lambda _, answer: answer


def recorded(client: Any) -> None:
    """Waits until nothing waits."""
    until(lambda: not client.journal_status().waiting)
    assert not client.journal_status().refused


def requests_of(client: Any, feature: str = "chat.messages") -> int:
    """Requests of acme on the books."""
    client.settle()
    rows = [row for row in client.usage("acme").rows if row.group == (feature,)]
    return rows[0].requests if rows else 0


def units_of(client: Any, feature: str = "video.seconds") -> int:
    """Units of acme on the books."""
    client.settle()
    rows = [row for row in client.usage("acme").rows if row.group == (feature,)]
    return rows[0].units if rows else 0


def until(what: Any) -> None:
    """Waits for something."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)
