"""Envoy's side: the public protos and a real client; the service on loopback, over memory, with a clock to turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc

import spillover
from spillover.bootstrap.serving import open_service
from spillover.bootstrap.serving_envoy import listen_for_envoy
from spillover.http_api.service import Service
from tests.http_api.served import free_port
from tests.support import policy

OK, OVER = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT
SECONDS = 60
OPTIONS = {"envoy_account": "account", "envoy_features": None, "share_port": "no"}


def asked(*descriptors: dict[str, Any], domain: str = "chat.messages", hits: int = 0) -> Any:
    """A request; `hits` in a descriptor is its own hits_addend."""
    request = rls_pb2.RateLimitRequest(domain=domain, hits_addend=hits)
    for one in descriptors:
        found = request.descriptors.add()
        for key, value in one.items():
            if key == "hits":
                found.hits_addend.value = value
            else:
                found.entries.add(key=key, value=value)
    return request


def headers_of(answer: Any) -> dict[str, str]:
    return {one.key: one.value for one in answer.response_headers_to_add}


def decisions_of(answer: Any) -> list[Any]:
    return [dict(one) for one in answer.dynamic_metadata["spillover"]["decisions"]]


def inside(scene: Callable[[Any, Service, Any], Awaitable[None]], **options: Any) -> None:
    """Play a scene: (ask, the service, its clock). Accounts: acme on plus, poor on free."""

    async def play() -> None:
        clock = spillover.TurnableClock("2026-03-02T09:00:00Z")
        service = await open_service("memory://", policy=policy(), clock=clock, settle=False)
        await service.access.accounts.put("acme", plan="plus")
        await service.access.accounts.put("poor", plan="free")
        address = f"127.0.0.1:{free_port()}"
        listening = await listen_for_envoy(service, {**OPTIONS, **options, "envoy": address})
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                stub = rls_pb2_grpc.RateLimitServiceStub(channel)

                async def ask(*descriptors: Any, metadata: Any = None, timeout: float = SECONDS, **more: Any) -> Any:
                    return await stub.ShouldRateLimit(asked(*descriptors, **more), metadata=metadata, timeout=timeout)

                await scene(ask, service, clock)
        finally:
            await listening.stop(SECONDS)
            await service.close()

    asyncio.run(play())
