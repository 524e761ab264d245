"""The gRPC server, in this process and loop."""

from __future__ import annotations

from typing import Any

import grpc.aio  # type: ignore[import-untyped]
from envoy.service.ratelimit.v3 import rls_pb2_grpc  # type: ignore[import-untyped]

from spillover.grpc_api.service import RateLimits
from spillover.model.errors import StoreUnavailable

MESSAGE_MAX = 64 << 10
"""Bytes of a request."""
CALLS_MAX = 1024
"""Calls at the same time; one more ends with RESOURCE_EXHAUSTED."""
METADATA_MAX = 16 << 10


class Listening:
    """A server that was started, until it is stopped."""

    def __init__(self, server: Any, service: RateLimits) -> None:  # noqa: ANN401  # grpc has no types
        self._server, self._service = server, service

    async def stop(self, seconds: float) -> None:
        """Take no more calls, answer those that were accepted for at most so many seconds, give back what is left."""
        await self._server.stop(seconds)
        await self._service.drain()


async def listen(service: RateLimits, address: str, *, shared: bool = False) -> Listening:
    """Listen at HOST:PORT, in plain text. `shared`: others may listen there too.

    Raises StoreUnavailable where the port cannot be taken.
    """
    options = [
        ("grpc.max_receive_message_length", MESSAGE_MAX), ("grpc.max_metadata_size", METADATA_MAX),
        ("grpc.so_reuseport", int(shared)),
    ]  # fmt: skip
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=CALLS_MAX)
    rls_pb2_grpc.add_RateLimitServiceServicer_to_server(service, server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        raise StoreUnavailable(f"address: found {address} not to be had, expected a free one; choose another port")
    await server.start()
    return Listening(server, service)
