"""Endpoints, alerts and the log of deliveries, as operators change and read them: by names, and as documents.

The command line and the service use it alike. Names of accounts become ids here, and ids names. Its coroutines never
suspend.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from spillover.core.intake import check_name
from spillover.documents.amounts import amount_of, is_money, text_of
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
from spillover.model.account import NEVER
from spillover.model.amounts import AMOUNT_MAX, parse_credits
from spillover.model.errors import InvalidInput, UnknownName, shown
from spillover.model.policy import Policy
from spillover.notices import endpoints
from spillover.notices.endpoints import Randomness
from spillover.notices.log import deliveries
from spillover.ports.notices import Alert, AlertKind, Endpoint, Message, Notices

TEST = "endpoint.test"
"""The type of a message that only says that messages arrive."""
SEND_AGAIN_MAX = 1_000


class Books:
    """What is asked of the books: ids, names, and the policy in force."""

    def __init__(
        self, ids: Callable[[str], int | None], names: Callable[[int], str | None], policy: Callable[[], Policy]
    ) -> None:
        self.ids, self.name, self.policy = ids, names, policy

    def id(self, account: object) -> int:
        """The id of an account. Raises UnknownName, InvalidInput."""
        found = self.ids(check_name("account", account))
        if found is None:
            raise UnknownName("account", shown(account), "an account that was put before (accounts.put)")
        return found


class NoticeDesk:
    """See the head of this file. Used by one thread at a time."""

    def __init__(
        self, notices: Notices, books: Books, clock: Callable[[], int], *, allow_private: bool = False,
        randomness: Randomness = secrets.token_bytes,
    ) -> None:  # fmt: skip
        self._notices, self._books, self._clock = notices, books, clock
        self._allow_private, self._randomness = allow_private, randomness

    async def add(
        self, url: object, types: Sequence[object] = (), accounts: Sequence[object] = (), note: object = ""
    ) -> SecretEndpoint:
        """A new endpoint; its secret is told once. Raises InvalidInput, BoundExceeded, StoreError."""
        bound = [self._books.id(account) for account in accounts]
        made = endpoints.new_endpoint(
            url, types, bound, note, self._clock(), self._randomness, allow_private=self._allow_private
        )
        await self._notices.put_endpoint(made)
        return SecretEndpoint(**self._parts(made), secret=made.secrets[0].text)

    async def listed(self) -> WebhookEndpoints:
        """All endpoints, without their secrets."""
        return WebhookEndpoints(tuple(self._told(one) for one in await self._notices.endpoints()))

    async def rotate(self, id: str, keeps: object = 86_400_000) -> SecretEndpoint:
        """A new secret; messages are signed with the old one too for so many ms. Raises as `endpoints.rotated`."""
        now = self._clock()
        changed = await self._changed(id, lambda found: endpoints.rotated(found, keeps, now, self._randomness))
        return SecretEndpoint(**self._parts(changed), secret=changed.secrets[0].text)

    async def pause(self, id: str) -> WebhookEndpoint:
        """What it wants waits until it is resumed."""
        endpoints.require_open(await self._endpoint(id))
        await self._notices.pause(id, self._clock())
        return self._told(await self._endpoint(id))

    async def resume(self, id: str) -> ResumedEndpoint:
        """It is sent to again, what waits at once."""
        endpoints.require_open(await self._endpoint(id))
        waiting = await self._notices.resume(id, self._clock())
        return ResumedEndpoint(**self._parts(await self._endpoint(id)), waiting=waiting)

    async def remove(self, id: str) -> WebhookEndpoint:
        """It wants nothing any more. What was sent to it stays in the log."""
        now = self._clock()
        return self._told(await self._changed(id, lambda found: endpoints.ended(found, now)))

    async def send_again(
        self, message: str | None = None, since: int | None = None, endpoint: str | None = None, after: int = 0,
        limit: int = SEND_AGAIN_MAX,
    ) -> SentAgain:  # fmt: skip
        """One message, or all since an instant, once more under their ids; `after` goes on where an answer ended."""
        if (message is None) == (since is None):
            raise InvalidInput("message", "both or neither of `message` and `since`", "one of them")
        if endpoint is not None:
            endpoints.require_open(await self._endpoint(endpoint))
        now, to = self._clock(), endpoint or ""
        if message is not None:
            found = await self._notices.send_again(message, now, to)
        else:
            assert since is not None
            found = await self._notices.send_again_since(since, now, to, limit=limit, after=after)
        return SentAgain(found.sendings, found.after)

    async def log(
        self, message: str | None = None, endpoint: str | None = None, account: object = None, since: int = 0,
        until: int = NEVER, limit: int = 100, after: int = 0,
    ) -> Deliveries:  # fmt: skip
        """A page of messages, with what became of them. Raises UnknownName, InvalidInput."""
        return await deliveries(
            self._notices, self._books.name, message=message, endpoint=endpoint, since=since, until=until, limit=limit,
            after=after, account=None if account is None else self._books.id(account),
        )  # fmt: skip

    async def test(self, id: str) -> TestMessage:
        """A message to this endpoint alone, whatever it wants; it is sent like any other."""
        endpoints.require_open(await self._endpoint(id))
        key = f"{TEST}:{self._randomness(12).hex()}"
        now = self._clock()
        (made,) = await self._notices.put_messages([Message(key, 0, TEST, now, b"{}")], now, id)
        return TestMessage(made.id, id)

    async def standing(self) -> NoticesStanding:
        """What waits, and who is paused."""
        waiting = await self._notices.waiting()
        there = [one for one in await self._notices.endpoints() if not one.ended]
        by_state = {
            state: tuple(one.id for one in there if endpoints.state_of(one) == state) for state in ("paused", "failing")
        }
        return NoticesStanding(waiting.sendings, waiting.oldest, len(there), by_state["paused"], by_state["failing"])

    async def add_alert(
        self, name: object, kind: AlertKind, of: str, at: str | int, account: object = None
    ) -> AlertRow:
        """A threshold, in place of the one of that name. Raises InvalidInput, BoundExceeded."""
        bound = 0 if account is None else self._books.id(account)
        policy = self._books.policy()
        threshold = _balance(policy, of, at) if kind == "balance" else _window(policy, of, at)
        alert = Alert(check_name("name", name), bound, kind, of, threshold, self._clock())
        await self._notices.put_alert(alert)
        return self._alert(alert, policy)

    async def alerts(self) -> Alerts:
        """All alerts."""
        policy = self._books.policy()
        return Alerts(tuple(self._alert(one, policy) for one in await self._notices.alerts()))

    async def remove_alert(self, name: str) -> None:
        """Forget an alert. Raises UnknownName."""
        if not await self._notices.drop_alert(name):
            raise UnknownName("name", shown(name), "the name of an alert that was added")

    async def _endpoint(self, id: str) -> Endpoint:
        return _known(await self._notices.endpoint(id), id)

    async def _changed(self, id: str, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        return _known(await self._notices.change_endpoint(id, change), id)

    def _told(self, found: Endpoint) -> WebhookEndpoint:
        return WebhookEndpoint(**self._parts(found))

    def _parts(self, one: Endpoint) -> dict[str, Any]:
        since = {name: getattr(one, name) for name in ("failing_since", "paused", "ended")}
        return {
            "id": one.id, "url": one.url, "types": one.types, "note": one.note,
            "accounts": tuple(self._books.name(account) or "" for account in one.accounts),
            "state": endpoints.state_of(one), "made": text_of(one.made),
            **{name: text_of(at) if at else None for name, at in since.items()},
            "secrets": len(endpoints.good_secrets(one, self._clock())),
        }  # fmt: skip

    def _alert(self, alert: Alert, policy: Policy) -> AlertRow:
        account = (self._books.name(alert.account) or "") if alert.account else None
        made = text_of(alert.made)
        if alert.kind == "window":
            return AlertRow(alert.name, account, "window", alert.of, None, alert.at, made)
        amount = amount_of(is_money(policy, alert.of), alert.at)
        return AlertRow(alert.name, account, "balance", alert.of, amount, None, made)


def _known(found: Endpoint | None, id: str) -> Endpoint:
    if found is None:
        raise UnknownName("id", shown(id), "the id of an endpoint that was added")
    return found


def _balance(policy: Policy, measure: str, at: str | int) -> int:
    """Micro-credits, or units. Raises InvalidInput."""
    if measure != "credits" and measure not in policy.features:
        raise UnknownName("of", shown(measure), "credits, or a feature of the policy")
    if is_money(policy, measure):
        found, most = parse_credits(at, field="at"), "credits"
    else:
        found, most = _whole(at), "units, a whole number"
    if not 0 < found <= AMOUNT_MAX:
        raise InvalidInput("at", shown(at), f"more than no {most}; at 0 balance.exhausted is told without an alert")
    return found


def _window(policy: Policy, name: str, at: str | int) -> int:
    """A percentage. Raises InvalidInput."""
    rules = (rule for plan in policy.plans.values() for rule in plan.rules)
    if name not in {limit.name for rule in rules for limit in rule.limits()}:
        raise UnknownName("of", shown(name), "the name of a limit of the policy")
    found = _whole(at)
    if not 1 <= found <= 100:
        raise InvalidInput("at", shown(at), "a percentage, from 1 to 100")
    return found


def _whole(at: str | int) -> int:
    if isinstance(at, str) and at.isascii() and at.isdigit() and len(at) <= 16:
        return int(at)
    return at if type(at) is int else -1
