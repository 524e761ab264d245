"""What the service asks of the rooms beside it, which it does not know: what opens it gives them to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from spillover.documents.notices import (
    AlertRow,
    Alerts,
    Deliveries,
    NoticesStanding,
    ResumedEndpoint,
    SecretEndpoint,
    SentAgain,
    TestMessage,
    WebhookEndpoint,
    WebhookEndpoints,
)
from spillover.documents.topups import TopUpOrder, TopUpRule, TopUpRules, TopUps
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput
from spillover.ports.notices import AlertKind
from spillover.ports.office import Office


class NoticeDesk(Protocol):
    """Endpoints, alerts and the log of deliveries, by names and as documents. Raises InvalidInput, BoundExceeded,
    UnknownName, StoreError. Instants are ms since 1970."""

    async def add(
        self, url: object, types: Sequence[object] = (), accounts: Sequence[object] = (), note: object = ""
    ) -> SecretEndpoint:
        """A new endpoint, with its secret."""
        ...

    async def listed(self) -> WebhookEndpoints:
        """All of them."""
        ...

    async def rotate(self, id: str, keeps: object = 86_400_000) -> SecretEndpoint:
        """A new secret; the old one goes on for so many ms."""
        ...

    async def pause(self, id: str) -> WebhookEndpoint:
        """What it wants waits."""
        ...

    async def resume(self, id: str) -> ResumedEndpoint:
        """What waits is sent."""
        ...

    async def remove(self, id: str) -> WebhookEndpoint:
        """It wants nothing any more."""
        ...

    async def send_again(
        self, message: str | None = None, since: int | None = None, endpoint: str | None = None, after: int = 0,
        limit: int = 1_000,
    ) -> SentAgain:  # fmt: skip
        """One message, or all since an instant."""
        ...

    async def log(
        self, message: str | None = None, endpoint: str | None = None, account: object = None, since: int = 0,
        until: int = NEVER, limit: int = 100, after: int = 0,
    ) -> Deliveries:  # fmt: skip
        """What became of messages."""
        ...

    async def test(self, id: str) -> TestMessage:
        """A message to this endpoint alone."""
        ...

    async def standing(self) -> NoticesStanding:
        """What waits, and who is paused."""
        ...

    async def add_alert(
        self, name: object, kind: AlertKind, of: str, at: str | int, account: object = None
    ) -> AlertRow:
        """A threshold."""
        ...

    async def alerts(self) -> Alerts:
        """All of them."""
        ...

    async def remove_alert(self, name: str) -> None:
        """Forget one."""
        ...


class TopUpDesk(Protocol):
    """Rules of automatic top-ups and what was ordered, by names and as documents. Raises as `NoticeDesk`."""

    async def set(self, account: object, below: object, pack: object, most: object) -> TopUpRule:
        """An account's rule."""
        ...

    async def get(self, account: object) -> TopUps:
        """Its rule, and what was ordered."""
        ...

    async def remove(self, account: object) -> TopUps:
        """No more orders."""
        ...

    async def list(self, limit: int = 1000, after: int = 0) -> TopUpRules:
        """All rules."""
        ...

    async def fail(self, account: object, key: object, reason: object) -> TopUpOrder:
        """An order that cannot be charged."""
        ...


TopUpDesks = Callable[[Office], TopUpDesk]
"""Gives the desk over the tables of an office."""


def no_topups(_: Office) -> TopUpDesk:
    """Where nothing was given. Raises InvalidInput."""
    raise InvalidInput("topups", "a service that was opened without them", "one of spillover.bootstrap.serving")


NoticeDesks = Callable[[Office], NoticeDesk]
"""Gives the desk over the tables of an office."""


def no_notices(_: Office) -> NoticeDesk:
    """Where nothing was given. Raises InvalidInput."""
    raise InvalidInput("webhooks", "a service that was opened without them", "one of spillover.bootstrap.serving")


class Hook(Protocol):
    """Does what a signed body asks for: the status, and what was done. 400: it is not signed. Raises SpilloverError."""

    async def __call__(self, body: bytes, signature: str | None) -> tuple[int, str]:
        """Do it."""
        ...
