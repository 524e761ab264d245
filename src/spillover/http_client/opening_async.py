"""The client of an event loop, about to be opened."""

from __future__ import annotations

from collections.abc import Generator
from importlib.util import find_spec
from types import TracebackType
from typing import Any, NoReturn

from spillover.http_client.address import ServiceAddress
from spillover.http_client.admit import Admit
from spillover.http_client.asynchronous import AsyncClient
from spillover.model.errors import InvalidInput


class Opening:
    """A client about to be opened: `async with` it, or await it and close it yourself."""

    def __init__(
        self, address: ServiceAddress, headers: dict[str, str], deadline: float, admit: Admit | None = None
    ) -> None:
        if find_spec("aiohttp") is None:
            expected = "the extra client: pip install 'spillover[client]', or '.[client]' in a checkout"
            raise InvalidInput("connect_async", "no aiohttp installed", expected)
        self._given = (address, headers, deadline, admit)
        self._opened: AsyncClient | None = None

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name}: found a client that is not open, expected `await connect_async(...)`")

    def __await__(self) -> Generator[Any, None, AsyncClient]:
        return self._open().__await__()

    async def _open(self) -> AsyncClient:
        return AsyncClient(*self._given)

    async def __aenter__(self) -> AsyncClient:
        self._opened = await self._open()
        return self._opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened:
            await self._opened.close()
