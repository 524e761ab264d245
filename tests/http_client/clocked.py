"""A service on a real socket in this process, over memory and a clock that is set: its handlers, its ASGI face."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from aiohttp import web

import spillover
from spillover.bootstrap.serving import open_service
from spillover.http_api.asgi import Asgi
from spillover.http_api.service import Service


class Clocked:
    """A service in a thread of its own, until it is left."""

    def __init__(self, policy: spillover.Policy, clock: Callable[[], int], bits: Any = None, tls: Any = None) -> None:
        """`bits` makes ids and tokens. `tls`: the context of one that is reached by https."""
        self._clock = clock
        self._options = {"policy": policy, "clock": clock, "settle": False, "deadline": 30}
        self._bits, self._tls = bits, tls
        self.before: Callable[[web.BaseRequest], web.Response | None] = lambda _: None  # answers in its place
        self.after: Callable[[web.BaseRequest, web.Response], web.Response] = lambda _, answer: answer
        self.service: Service
        self.url = ""
        self._ready, self._done = threading.Event(), asyncio.Event()
        self._trouble: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._server: web.Server[web.BaseRequest]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Clocked:
        self._thread.start()
        self._ready.wait()
        if self._trouble:
            raise self._trouble
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()

    def cut(self) -> None:
        """Close every connection."""

        def close() -> None:
            for one in self._server.connections:
                one.force_close()

        self._loop.call_soon_threadsafe(close)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            self.service = await open_service("memory://", **self._options)
            if self._bits:
                self.service.plain.desk.ledger._random_bits = self._bits  # type: ignore[attr-defined]
            app = Asgi(self.service)
            self._server = web.Server(lambda request: self._answer(app, request))
            runner = web.ServerRunner(self._server, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
            await site.start()
            self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        except BaseException as error:
            self._trouble = error
            return
        finally:
            self._ready.set()
        await self._done.wait()
        await runner.cleanup()
        await self.service.close()

    async def _answer(self, app: Asgi, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        instead = self.before(request)
        if instead is not None:
            return instead
        given: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            given.append(message)

        scope = {
            "type": "http", "method": request.method, "path": request.path, "root_path": "",
            "query_string": request.raw_path.partition("?")[2].encode(), "headers": list(request.raw_headers),
        }  # fmt: skip
        await app(scope, receive, send)
        start, end = given
        headers = [(name.decode(), value.decode()) for name, value in start["headers"] if name != b"content-length"]
        headers.append(("Date", formatdate(self._clock() / 1000, usegmt=True)))  # as it tells the time
        told = web.Response(status=start["status"], headers=headers, body=end["body"])
        return self.after(request, told)
