"""Webhooks as documents: endpoints, what was sent to them and how that ended, and alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from spillover.documents.amounts import Amount, Instant, said
from spillover.ports.notices import AlertKind, SendingState

EndpointState = Literal["open", "failing", "paused", "ended"]


class WebhookEndpoint(Struct, frozen=True):
    """Where messages are sent, without its secrets."""

    id: str
    url: str
    types: Annotated[tuple[str, ...], said("The only types that it wants; none named: all")]
    accounts: Annotated[tuple[str, ...], said("The only accounts that it is told of; none named: all")]
    note: str
    state: Annotated[EndpointState, said("failing: the last try failed; paused: what it wants waits")]
    made: Instant
    failing_since: Instant | None
    paused: Instant | None
    ended: Instant | None
    secrets: Annotated[int, said("How many secrets messages are signed with now; more than one while they change")]


class SecretEndpoint(WebhookEndpoint, frozen=True):
    """An endpoint with its newest secret: it is shown once."""

    secret: Annotated[str, said("What the receiver verifies signatures with: whsec_...")]


class ResumedEndpoint(WebhookEndpoint, frozen=True):
    """An endpoint that is sent to again."""

    waiting: Annotated[int, said("How many messages waited for it, and are sent now")]


class WebhookEndpoints(Struct, frozen=True):
    """All endpoints, ended ones too, in the order of making."""

    endpoints: tuple[WebhookEndpoint, ...]


class TryRow(Struct, frozen=True):
    """One try of a message at an endpoint."""

    number: int
    at: Instant
    status: Annotated[int | None, said("What was answered; null where nothing was")]
    ms: Annotated[int, said("How long it took")]
    error: Annotated[str | None, said("Why it does not count as taken; null where it does")]


class SendingRow(Struct, frozen=True):
    """A message on its way to one endpoint."""

    endpoint: str
    state: SendingState
    due: Annotated[Instant | None, said("When it is tried next; null where it has ended")]
    tries: tuple[TryRow, ...]


class MessageRow(Struct, frozen=True):
    """A message, and what became of it."""

    id: Annotated[str, said("The webhook-id of all its tries")]
    type: str
    account: Annotated[str | None, said("null where it is of none, or was erased")]
    at: Instant
    sendings: tuple[SendingRow, ...]


class Deliveries(Struct, frozen=True):
    """Messages, the earliest first. Pages go on with `after`."""

    messages: tuple[MessageRow, ...]
    after: Annotated[int | None, said("What the next page goes on with; null: there is no more")]


class SentAgain(Struct, frozen=True):
    """How many sendings wait again. Goes on with `after`."""

    sendings: int
    after: Annotated[int | None, said("What the same request goes on with; null: that was all")]


class TestMessage(Struct, frozen=True):
    """A message that says nothing but that messages arrive."""

    __test__ = False  # no test, whatever pytest thinks of its name

    message: Annotated[str, said("Its id, by which the log tells how it went")]
    endpoint: str


class NoticesStanding(Struct, frozen=True):
    """How deliveries stand, over all endpoints."""

    waiting: Annotated[int, said("Sendings that wait, but for paused endpoints")]
    oldest_due: Annotated[int, said("Since when the oldest of them is due, in milliseconds since 1970; 0 for none")]
    endpoints: Annotated[int, said("Endpoints that are there")]
    paused: Annotated[tuple[str, ...], said("Those of them that are sent nothing until they are resumed")]
    failing: Annotated[tuple[str, ...], said("Those whose last try failed")]


class AlertRow(Struct, frozen=True):
    """A threshold that somebody wants to be told of."""

    name: str
    account: Annotated[str | None, said("The only one that is watched; null for all")]
    kind: AlertKind
    of: Annotated[str, said("A measure (credits, or a feature), or the name of a limit")]
    at: Annotated[Amount | None, said("Told when the balance falls to this; null for a window")]
    percent: Annotated[int | None, said("Told when so much of the limit is used; null for a balance")]
    made: Instant


class Alerts(Struct, frozen=True):
    """All alerts, in the order of their names."""

    alerts: tuple[AlertRow, ...]
