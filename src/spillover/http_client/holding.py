"""What a hold around a piece of work needs of a client: its opening as a call, its verbs, and the service's time."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from spillover.access.clock import system_clock
from spillover.core.instants import to_instant
from spillover.core.intake import HOLD_DEFAULT, Ask
from spillover.engine.answers import Decision
from spillover.http_client.calls import Call, Came

if TYPE_CHECKING:
    from spillover.access.desk import OpenedHold
    from spillover.http_client.asynchronous import AsyncClient, AsyncHoldVerbs
    from spillover.http_client.plain import Client, HoldVerbs

OWN = ("application/json", "application/problem+json")
"""What a service answers in."""
LEAST_MS = 2_000
"""Less than that is no difference of clocks: the header Date tells whole seconds, and is some time under way."""


class Skew:
    """How far the service's clock is ahead of ours: what is due is told in its time."""

    def __init__(self) -> None:
        self._ahead = 0

    def note(self, came: Came) -> None:
        """What an answer's header Date says; of one that is the service's own, as a proxy has a clock of its own."""
        if came.date and came.media.startswith(OWN):
            try:
                ahead = to_instant(parsedate_to_datetime(came.date)) - system_clock()
            except (ValueError, TypeError, OverflowError):
                return
            self._ahead = ahead if abs(ahead) > LEAST_MS else 0

    def clock(self) -> int:
        """The service's time, in milliseconds since 1970."""
        return system_clock() + self._ahead


def hold_ask(call: Call[Decision], feature: str, lasts: int | None) -> Ask:
    """What a context knows of its request: the service has the rest."""
    return Ask(call.account, feature, {}, "", {}, call.key, hold=HOLD_DEFAULT if lasts is None else lasts)


class Holder:
    """A client as a context sees it."""

    def __init__(self, client: Client, call: Call[Decision], skew: Skew) -> None:
        self._client, self._call, self.desk = client, call, skew

    @property
    def holds(self) -> HoldVerbs:
        """How it goes on, and ends."""
        return self._client.holds

    def submit(self, _: Ask) -> Decision:
        """Open it."""
        return self._client.ask(self._call)

    def opened(self, account: str, key: str) -> OpenedHold:
        """What it is on."""
        return self._client.opened(account, key)


class AsyncHolder:
    """A client of an event loop as a context sees it."""

    def __init__(self, client: AsyncClient, call: Call[Decision], skew: Skew) -> None:
        self._client, self._call, self._skew = client, call, skew

    @property
    def holds(self) -> AsyncHoldVerbs:
        """How it goes on, and ends."""
        return self._client.holds

    async def decided(self, _: Ask) -> Decision:
        """Open it."""
        return await self._client.ask(self._call)

    async def opened(self, account: str, key: str) -> OpenedHold:
        """What it is on."""
        return await self._client.opened(account, key)

    def now(self) -> int:
        """The service's time."""
        return self._skew.clock()
