"""What receivers are told, and what became of it (decision 0007, Notices).

Kept in the books' database beside them, so that the watcher's step is one transaction: a message is written if, and
only if, the account's place moves past what it tells. Rows hold ids of accounts and tokens of subjects, never names.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Protocol

from spillover.ports.told import (
    ALERTS_MAX,
    ENDPOINTS_MAX,
    KEPT_MS,
    PAGE_MAX,
    TYPES,
    Advance,
    Alert,
    AlertKind,
    Also,
    Due,
    Endpoint,
    EndpointSecret,
    Message,
    Moved,
    Sending,
    SendingState,
    SentAgain,
    Try,
    Value,
    Waiting,
    Watched,
    Writer,
)

__all__ = [
    "ALERTS_MAX",
    "ENDPOINTS_MAX",
    "KEPT_MS",
    "PAGE_MAX",
    "TYPES",
    "Advance",
    "Alert",
    "AlertKind",
    "Also",
    "Due",
    "Endpoint",
    "EndpointSecret",
    "Message",
    "Moved",
    "Notices",
    "Sending",
    "SendingState",
    "SentAgain",
    "Try",
    "Value",
    "Waiting",
    "Watched",
    "Writer",
]


class Notices(Protocol):
    """Kept in the books' database. Used by one thread at a time. Instants are ms since 1970.

    Raises StoreError; InvalidInput and BoundExceeded for what no database keeps, before anything is written.
    """

    # Alerts.

    async def put_alert(self, alert: Alert) -> None:
        """Keep an alert, in place of what stands under its name. BoundExceeded above ALERTS_MAX."""

    async def alerts(self) -> Sequence[Alert]:
        """All alerts, in the order of their names."""

    async def drop_alert(self, name: str) -> bool:
        """Forget it; whether there was one."""

    # Endpoints.

    async def put_endpoint(self, endpoint: Endpoint) -> None:
        """Keep an endpoint, new or changed. Of one that is there, `made`, `failing_since` and `paused` stay.

        Where it has `ended`, what waits for it fails. BoundExceeded above ENDPOINTS_MAX.
        """

    async def change_endpoint(self, id: str, change: Callable[[Endpoint], Endpoint]) -> Endpoint | None:
        """Keep an endpoint as `change` makes it of how it stands, while nobody else changes one; None for no such one.

        `change` may be called again, and does nothing outside; what it raises leaves the endpoint as it is.
        """

    async def endpoint(self, id: str) -> Endpoint | None:
        """The endpoint with that id."""

    async def endpoints(self) -> Sequence[Endpoint]:
        """All of them, ended ones too, in the order of making."""

    async def pause(self, id: str, now: int) -> bool:
        """Send it nothing until it is resumed; whether there is one that was not paused or ended."""

    async def resume(self, id: str, now: int) -> int:
        """Send to it again: what waits is due now. How many wait; 0 also where there is no such endpoint."""

    # The watcher.

    async def begin_watching(self) -> bool:
        """Take the places where all accounts stand as the start, if that was never done; whether it was done now."""

    async def moved(self, limit: int, after: int = 0) -> Sequence[Moved]:
        """Accounts with an id above `after` whose place is another than the one watched, in the order of their ids.

        One that was never watched has been at nothing. Books in memory are not watched: there it is empty.
        """

    async def advance(
        self, before: Watched, now: Watched, messages: Sequence[Message], at: int, also: Sequence[Also] = ()
    ) -> bool:
        """Move an account's place from `before` to `now`, and write these messages with their sendings, due `at`.

        All of it or nothing: nothing, and False, where the place is no longer `before`. A message whose key is known is
        passed over.
        """

    async def advance_all(self, steps: Sequence[Advance], at: int) -> int:
        """The same for many accounts, in one transaction: those whose place is no longer `before` are passed over.

        How many were moved. What an `also` raises undoes all of it. No two steps are of the same account.
        """

    async def put_messages(
        self, messages: Sequence[Message], at: int, to: str = "", also: Sequence[Also] = ()
    ) -> Sequence[Message]:
        """Write messages that come from elsewhere, with their sendings, due `at`; those that are new, as written.

        `to`: for that endpoint alone, whatever it wants (a test of it).
        """

    # Delivery.

    async def lease(
        self, limit: int, now: int, lease_ms: int, each: int = 4, *, slow: Container[str] = (),
        slow_limit: int = PAGE_MAX,
    ) -> Sequence[Due]:  # fmt: skip
        """Sendings that are due, leased until `now + lease_ms`; nobody else is given them before.

        At most `each` of one endpoint are leased at a time, so that a slow one does not hold up others. None of paused
        or ended endpoints. At most `slow_limit` are of endpoints in `slow` (ids) and of those whose last try failed,
        which come after all others: so many slow ones together hold up nobody either. The sendings are as they are
        kept now, with the new lease.
        """

    async def finish(
        self, sending: Sending, tried: Try, state: SendingState, *, due: int = 0, pause: bool = False
    ) -> bool:
        """Log a try of a leased sending and what became of it; whether it was still this lease's.

        `waiting`: it is due again at `due`. `sent` ends the endpoint's `failing_since`; otherwise it begins with this
        try, unless it has begun. `pause`: from the instant of the try on. Where the lease is not its own any more
        nothing is written.
        """

    async def drop_sending(self, sending: Sending) -> bool:
        """End a leased sending without a try, as `failed`: its account was erased. Whether it was this lease's."""

    async def message(self, id: str) -> Message | None:
        """The message with that id."""

    async def messages(
        self, *, since: int = 0, until: int = 1 << 53, account: int | None = None, type: str = "", limit: int = 1000,
        after: int = 0,
    ) -> Sequence[Message]:  # fmt: skip
        """Messages with since <= at < until in the order of their numbers; pages go on with `after`, a number."""

    async def sendings(self, messages: Sequence[int]) -> Sequence[Sending]:
        """The sendings of these messages (numbers, at most PAGE_MAX), in the order of message and endpoint."""

    async def tries(
        self, *, message: int = 0, endpoint: str = "", limit: int = 1000, after: tuple[int, str, int] = (0, "", 0)
    ) -> Sequence[Try]:
        """The delivery log in the order of (message, endpoint, number), by which pages go on; of one message (its
        number), of one endpoint, or of all.
        """

    async def send_again(self, id: str, now: int, endpoint: str = "") -> SentAgain:
        """Put a message's sendings back, due now: to that endpoint, or to all that want it, also newer ones.

        One that waits stays as it is, but is due now. UnknownName where there is no such message or endpoint.
        """

    async def send_again_since(
        self, since: int, now: int, endpoint: str = "", *, limit: int = 1000, after: int = 0
    ) -> SentAgain:
        """The same with all messages of `since` or later, so many at a time; `after`: that of the last answer."""

    async def waiting(self) -> Waiting:
        """What waits."""

    async def drop_old(self, now: int, limit: int = 1000) -> int:
        """Forget messages that ended over KEPT_MS ago, with sendings and tries, at most so many; how many there were.

        Ended: nothing waits, or only for endpoints that were paused all that time.
        """

    async def close(self) -> None:
        """Give back the handle. Safe to repeat."""
