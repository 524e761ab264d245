"""Granian, embedded in this process: started, and stopped so that what was accepted is answered first."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from msgspec import Struct

from spillover.http_api.rsgi import Rsgi
from spillover.http_api.service import Service
from spillover.model.errors import StoreUnavailable

LOG = logging.getLogger("spillover.http")
HEADERS_MAX = 64 << 10
WAITING = 1024
"""Connections that wait to be accepted, and requests that are answered at the same time."""
TRY_SECONDS = 0.02
"""How often it is tried whether the port accepts connections yet."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Place(Struct, frozen=True):
    """Where to listen, seconds for headers to come, and seconds for what was accepted to be answered at the end.

    `shared`: others may listen there too, and connections go to one of them.
    """

    host: str
    port: int
    header_seconds: float = 15.0
    drain_seconds: float = 30.0
    shared: bool = False


async def serve(service: Service, place: Place, listening: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; a second one waits for nothing. `listening` is called when the port answers.

    Raises StoreUnavailable where the port cannot be taken.
    """
    if not place.shared:
        _require_free(place)
    app = Rsgi(service)
    server = Server(
        app, address=place.host, port=place.port, interface=Interfaces.RSGI, http=HTTPModes.http1, websockets=False,
        backlog=WAITING, backpressure=WAITING, log_enabled=False,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(place.header_seconds * 1000), max_buffer_size=HEADERS_MAX
        ),
    )  # fmt: skip
    stopping = asyncio.Event()
    at_once = asyncio.Event()

    def stop() -> None:
        (at_once if stopping.is_set() else stopping).set()

    loop = asyncio.get_running_loop()
    for one in SIGNALS:
        loop.add_signal_handler(one, stop)
    serving = asyncio.create_task(_serving(server, place))
    try:
        await _answers(serving, place)
        if not serving.done():
            listening()
        await _first(serving, stopping)
        if not serving.done():
            LOG.info("stopping", extra={"open": app.open})
            server.stop()  # type: ignore[no-untyped-call]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(place.drain_seconds):
                    await _first(serving, at_once)
        if not serving.done():
            LOG.warning("stopped with requests unanswered", extra={"open": app.open})
            serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    finally:
        for one in SIGNALS:
            loop.remove_signal_handler(one)


def _require_free(place: Place) -> None:
    """Nobody listens there. Granian shares its port with whoever shares his: two services, over two databases perhaps,
    would answer in turn. Raises StoreUnavailable."""
    try:
        kind, sort, protocol, _, address = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, sort, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise _taken(place, error) from None


async def _serving(server: Server, place: Place) -> None:
    try:
        await server.serve()
    except (OSError, RuntimeError) as error:
        raise _taken(place, error) from None


def _taken(place: Place, error: Exception) -> StoreUnavailable:
    where = f"{place.host}:{place.port}"
    return StoreUnavailable(f"address: found {where} not to be had ({error}), expected a free one; choose another port")


async def _answers(serving: asyncio.Task[None], place: Place) -> None:
    """Until the port accepts connections, or the server has ended."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(place.host, place.host)
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, place.port)
        except OSError:
            await asyncio.wait([serving], timeout=TRY_SECONDS)
        else:
            writer.close()
            return


async def _first(serving: asyncio.Task[None], event: asyncio.Event) -> None:
    """Until the server ends or the event comes."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
