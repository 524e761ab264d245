"""The office, for an event loop: it is used by one thread at a time, a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from spillover.engine.drive import drive
from spillover.ports.office import Office

T = TypeVar("T")


class Clerk:
    """See the head of this file."""

    def __init__(self, open_: Callable[[], Office]) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spillover-office")
        self._open = open_
        self._office: Office | None = None

    async def run(self, work: Callable[[Office], Coroutine[Any, Any, T]]) -> T:
        """What the work on the office gives. Raises StoreError."""

        def done() -> T:
            if self._office is None:
                self._office = self._open()
            return drive(work(self._office))

        return await asyncio.get_running_loop().run_in_executor(self._thread, done)

    async def close(self) -> None:
        """Give the office back."""
        if self._office is not None:
            await self.run(lambda office: office.close())
        self._thread.shutdown(wait=False)
