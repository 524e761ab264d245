"""Streams whose usage is counted while they are read, and committed when they end, break, are closed or are let go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any

from spillover.integrations.openai_meter import Meter

_ending: set[asyncio.Task[None]] = set()
"""Ends under way of streams that were let go; an event loop itself keeps no task alive."""


class Metered:
    """What both kinds of stream share: in all else they are the client's own stream."""

    def __init__(self, real: Any, meter: Meter, *, hides: bool) -> None:  # noqa: ANN401  # Stream or AsyncStream
        self._real, self._meter, self._hides = real, meter, hides

    @property  # type: ignore[misc]  # for `isinstance`, as every stand-in does
    def __class__(self) -> type:
        return type(self._real)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # what the stream has
        if name.startswith("__") or name in ("_real", "_meter", "_hides"):
            raise AttributeError(name)
        return getattr(self._real, name)


class MeteredStream(Metered):
    """A stream for plain code."""

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                piece = next(self)
            except StopIteration:
                return
            yield piece

    def __next__(self) -> Any:  # noqa: ANN401  # a chunk, or an event
        while True:
            try:
                piece = next(self._real)
            except StopIteration:
                end(self._meter, whole=True)
                raise
            except BaseException as error:
                end(self._meter, error=error)
                raise
            try:
                extra = self._meter.take(piece)
            except BaseException as error:
                self._real.close()
                end(self._meter, error=error)
                raise
            if not (extra and self._hides):
                return piece

    def close(self) -> None:
        """Close the response; what came so far is committed, marked estimated."""
        try:
            self._real.close()
        finally:
            end(self._meter)

    def __enter__(self) -> MeteredStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        meter = self.__dict__.get("_meter")
        if meter is None or meter.over:
            return
        try:  # in a thread: the collector may be at work while this one holds a lock of the engine
            threading.Thread(target=end, args=(meter,), name="spillover-stream").start()
        except RuntimeError:  # the interpreter ends; the hold expires by itself
            return


class AsyncMeteredStream(Metered):
    """A stream for an event loop."""

    def __init__(self, real: Any, meter: Meter, *, hides: bool) -> None:  # noqa: ANN401  # AsyncStream
        super().__init__(real, meter, hides=hides)
        self._loop = asyncio.get_running_loop()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            try:
                piece = await self.__anext__()
            except StopAsyncIteration:
                return
            yield piece

    async def __anext__(self) -> Any:  # noqa: ANN401  # a chunk, or an event
        while True:
            try:
                piece = await self._real.__anext__()
            except StopAsyncIteration:
                await end_async(self._meter, whole=True)
                raise
            except BaseException as error:
                await end_async(self._meter, error=error)
                raise
            try:
                extra = self._meter.take(piece)
            except BaseException as error:
                await self._real.close()
                await end_async(self._meter, error=error)
                raise
            if not (extra and self._hides):
                return piece

    async def close(self) -> None:
        """Close the response; what came so far is committed, marked estimated."""
        try:
            await self._real.close()
        finally:
            await end_async(self._meter)

    async def __aenter__(self) -> AsyncMeteredStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        meter, loop = self.__dict__.get("_meter"), self.__dict__.get("_loop")
        if meter is None or loop is None or meter.over:
            return
        try:
            loop.call_soon_threadsafe(_end_soon, meter)
        except RuntimeError:  # the loop is closed; the hold expires by itself
            return


def end(meter: Meter, *, error: BaseException | None = None, whole: bool = False) -> None:
    """End the call's hold, once."""
    if not meter.over:
        try:
            meter.close(whole=whole)
        finally:
            meter.hold.__exit__(error and type(error), error, error and error.__traceback__)


async def end_async(meter: Meter, *, error: BaseException | None = None, whole: bool = False) -> None:
    """End the call's hold, once."""
    if not meter.over:
        try:
            meter.close(whole=whole)
        finally:
            await meter.hold.__aexit__(error and type(error), error, error and error.__traceback__)


def _end_soon(meter: Meter) -> None:
    task = asyncio.get_running_loop().create_task(end_async(meter))
    _ending.add(task)
    task.add_done_callback(_ending.discard)
