"""`envoy.service.ratelimit.v3.RateLimitService`: one call from what came to what goes back.

Any error is Envoy's `failure_mode_deny` to judge; UNAVAILABLE says that the same call may pass a moment later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc  # type: ignore[import-untyped]

from spillover.access.asynchronous import AsyncAccess
from spillover.access.desk import Desk
from spillover.conventions.rate_limits import standing_after
from spillover.grpc_api.answering import response_of
from spillover.grpc_api.asking import Convention, Wanted, about, wanted_of
from spillover.grpc_api.taking import Taken, Taking
from spillover.model.errors import (
    BoundExceeded,
    Contended,
    HoldEnded,
    InvalidInput,
    KeyReused,
    SpilloverError,
    StoreError,
)

LOG = logging.getLogger("spillover.grpc")
Code = grpc.StatusCode
BY_ERROR = (
    (InvalidInput, Code.INVALID_ARGUMENT), (BoundExceeded, Code.INVALID_ARGUMENT), (KeyReused, Code.ALREADY_EXISTS),
    (HoldEnded, Code.FAILED_PRECONDITION), (Contended, Code.UNAVAILABLE), (StoreError, Code.UNAVAILABLE),
)  # fmt: skip
"""The first that fits counts; an unknown name is an InvalidInput."""


class NotLetIn(Exception):
    """A call that no key opens: `code` is that of gRPC."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


Admit = Callable[[Mapping[str, str], Sequence[tuple[str, str]]], Awaitable[None]]
"""Lets a call in, by its metadata and the account and feature of each descriptor. Raises NotLetIn, StoreError."""


class RateLimits:
    """The servicer."""

    def __init__(self, access: AsyncAccess, desk: Desk, convention: Convention, admit: Admit) -> None:
        """`desk`: the use cases behind `access`, with what the engine remembers."""
        self._access, self._desk, self._convention, self._admit = access, desk, convention, admit
        self._under_way: set[asyncio.Task[list[Taken]]] = set()

    async def ShouldRateLimit(self, request: Any, context: Any) -> Any:  # noqa: N802, ANN401  # its name in the protocol
        """A RateLimitResponse to a RateLimitRequest; ends the call with a status where there is none."""
        try:
            wanted = wanted_of(self._convention, request)
            metadata = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
            await self._admit(metadata, tuple(about(wanted)))
            return self._answer(wanted, await self._taken(wanted))
        except NotLetIn as refused:
            code, detail = Code[refused.code], str(refused)
        except SpilloverError as error:
            code = next((code for sort, code in BY_ERROR if isinstance(error, sort)), Code.INTERNAL)
            detail = " ".join(str(error).split())
            if code is Code.INTERNAL:
                LOG.error("fault: %s", error)
        except Exception:
            LOG.exception("fault")
            code, detail = Code.INTERNAL, "something that this program did not foresee; the log has it"
        return await context.abort(code, detail)  # which raises

    async def drain(self) -> None:
        """Until what callers left behind is given back."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _taken(self, wanted: Sequence[Wanted]) -> list[Taken]:
        taking = Taking(self._access, wanted)
        if taking.is_alone:
            return await taking.run()
        # A caller whose deadline is over is cancelled; what is held has to be given back all the same.
        task = asyncio.create_task(taking.run())
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            taking.left = True
            raise

    def _ended(self, task: asyncio.Task[list[Taken]]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: its caller may have left

    def _answer(self, wanted: Sequence[Wanted], taken: Sequence[Taken]) -> Any:  # noqa: ANN401  # RateLimitResponse
        limits = [
            standing_after(self._desk, got.decision, one.subject, one.attributes).limits
            for one, got in zip(wanted, taken, strict=True)
        ]
        return response_of(self._access.policy, taken, limits, self._access.now())
