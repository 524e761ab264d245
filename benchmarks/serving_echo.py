"""Run as a process of its own: a server that takes a body and answers with bytes that it was given, and does no more.

It is the same Granian with the same settings as `spillover serve`. Reads a line of JSON, listens, writes a line, and
serves until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from spillover.http_api.server import HEADERS_MAX, WAITING


class RsgiEcho:
    """The fastest that Granian has for Python."""

    def __init__(self, headers: list[tuple[str, str]], body: bytes) -> None:
        self.headers, self.body = headers, body

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Take the body, and answer."""
        await protocol()
        protocol.response_bytes(200, self.headers, self.body)


def asgi_echo(headers: list[tuple[str, str]], body: bytes) -> Any:
    """The same by the interface that most frameworks have."""
    start = {
        "type": "http.response.start", "status": 200,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }  # fmt: skip

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return app


async def main() -> None:
    """Serve what the first line says."""
    told = json.loads(sys.stdin.readline())
    headers, body = [(name, value) for name, value in told["headers"]], told["body"].encode()
    rsgi = told["interface"] == "rsgi"
    server = Server(
        RsgiEcho(headers, body) if rsgi else asgi_echo(headers, body), address="127.0.0.1", port=told["port"],
        interface=Interfaces.RSGI if rsgi else Interfaces.ASGINL, http=HTTPModes.http1, websockets=False,
        backlog=WAITING, backpressure=WAITING, log_enabled=False,
        http1_settings=HTTP1Settings(header_read_timeout=15_000, max_buffer_size=HEADERS_MAX),
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    loop.call_later(0.2, lambda: print("listening", flush=True))
    await server.serve()


if __name__ == "__main__":
    uvloop.run(main())
