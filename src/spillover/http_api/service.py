"""What the handlers of one service share: the engine, the office, the meters, and the bounds of a request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from msgspec import Struct

from spillover.access.asynchronous import AsyncAccess
from spillover.access.desk import Desk
from spillover.access.plain import Access
from spillover.core.intake import check_key
from spillover.http_api.apart import Apart
from spillover.http_api.audits import Audits
from spillover.http_api.beside import Hook, NoticeDesks, TopUpDesks, no_notices, no_topups
from spillover.http_api.clerk import Clerk
from spillover.http_api.gate import KEPT_SECONDS, Gate
from spillover.http_api.meters import Meters
from spillover.model.commit import Backlog
from spillover.model.event import decode_event

LOG = logging.getLogger("spillover.http")
Checkout = Callable[[str, str], str]
ACCESS = 15
"""The level of the line for each request, between DEBUG and INFO."""


class Bounds(Struct, frozen=True):
    """Bytes of a body, seconds for it to come, requests in a batch, and seconds for which a key that is known goes on
    while the books that it lies in cannot be reached."""

    body: int = 1 << 20
    body_seconds: float = 10.0
    batch: int = 1000
    keys_seconds: float = KEPT_SECONDS


class Service:
    """An open service. `plain` is the engine behind `access`, for what is asked about the engine itself."""

    def __init__(self, access: AsyncAccess, plain: Access, clerk: Clerk, bounds: Bounds, meters: Meters) -> None:
        self.access, self.plain, self.clerk = access, plain, clerk
        self.bounds, self.meters = bounds, meters
        self.gate = Gate(clerk, access.now, lambda: plain.desk.outage is not None, kept=bounds.keys_seconds)
        self.log = LOG
        self.proving = asyncio.Lock()
        """Held while a receipt is made, which reads much."""
        self.notices: NoticeDesks = no_notices
        """The desk of webhooks and alerts, over the office's tables."""
        self.topups: TopUpDesks = no_topups
        """The desk of automatic top-ups, over the same."""
        self.stripe: Hook | None = None
        """Takes what Stripe sends; None where it is not asked for."""
        self.checkout: Checkout | None = None
        """Where a pack can be bought: (account, pack) -> url. What it raises is logged, and the link left out."""
        self.audits = Audits(None, access.now)
        self.backtests: Apart | None = None
        """Where recorded usage is tried on other policies; None where that is not to be had."""

    @property
    def desk(self) -> Desk:
        """The use cases, with what the engine remembers."""
        return self.plain.desk

    def log_access(self, method: str, path: str, status: int, seconds: float, who: str, trace: str) -> None:
        """A line for each request, at a level of its own."""
        if LOG.isEnabledFor(ACCESS):
            facts = {"method": method, "path": path, "status": status, "ms": round(seconds * 1000, 3), "who": who}
            LOG.log(ACCESS, "answered", extra=facts | ({"trace": trace} if trace else {}))

    def now(self) -> int:
        """The engine's own time (ms)."""
        return self.access.now()

    async def backlog(self) -> Backlog:
        """What waits to be booked. Raises StoreError where the store does not answer."""

        def look() -> Backlog:
            return self.plain.run(self.desk.store.backlog())

        return await asyncio.get_running_loop().run_in_executor(None, look)

    async def feature_of(self, account: str, key: str) -> str | None:
        """The feature of the request or hold under that key, ended or not; None where there is none."""

        async def find() -> str | None:
            found, desk = await self.desk.account(account), self.desk
            known = await desk.store.find(found, check_key(key))
            if known is not None and known.payload:
                return decode_event(known.payload).feature
            booked = await desk.ledger.event_by_key(found, key)
            return booked.event.feature if booked else None

        return await asyncio.get_running_loop().run_in_executor(None, lambda: self.plain.run(find()))

    async def close(self) -> None:
        """Answer who waits, then give back everything. What is done apart is not waited for."""
        if self.backtests is not None:
            self.backtests.close()
        try:
            await self.audits.close()
            await self.access.close()
        finally:
            await self.clerk.close()
