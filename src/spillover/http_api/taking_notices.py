"""What webhooks and alerts take."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from spillover.http_api.forms import Instant, Reason, Since, Takes, Until

EndpointId = Annotated[str, Meta(description="The endpoint: ep_ and 12 letters and digits.")]


class AddEndpoint(Takes, frozen=True):
    """An address that is to be told."""

    url: Annotated[str, Meta(description="https://... outside of the service's own network, if not allowed otherwise.")]
    types: Annotated[tuple[str, ...], Meta(description="The only types of messages that it wants; none: all.")] = ()
    accounts: Annotated[tuple[str, ...], Meta(description="The only accounts that it is told of; none: all.")] = ()
    note: Annotated[str, Meta(description="For people, at most 500 characters.")] = ""
    reason: Reason = ""


class RotateEndpoint(Takes, frozen=True):
    """An endpoint that gets a new secret."""

    id: EndpointId
    keeps: Annotated[int, Meta(description="Milliseconds for which the old secret signs too, at most 31 days.")] = (
        86_400_000
    )
    reason: Reason = ""


class OneEndpoint(Takes, frozen=True):
    """An endpoint."""

    id: EndpointId
    reason: Reason = ""


class SendAgain(Takes, frozen=True):
    """One message, or all since an instant, to be sent again under their ids."""

    message: Annotated[str | None, Meta(description="One message, by its webhook-id.")] = None
    since: Annotated[Instant | None, Meta(description="Or all from this instant on: milliseconds, or ISO 8601.")] = None
    endpoint: Annotated[str | None, Meta(description="To this endpoint only; left out: to all that want it.")] = None
    limit: Annotated[int, Meta(description="Messages of one request, at most 10,000.")] = 1_000
    after: Annotated[int, Meta(description="The `after` of the answer before.")] = 0
    reason: Reason = ""


class DeliveriesOf(Takes, frozen=True):
    """A page of messages, with what became of them."""

    message: Annotated[str | None, Meta(description="Only this one, by its webhook-id.")] = None
    endpoint: Annotated[str | None, Meta(description="Only what went to this endpoint.")] = None
    account: Annotated[str | None, Meta(description="Only what is about this account.")] = None
    since: Since = 0
    until: Until = None
    limit: Annotated[int, Meta(description="Messages of a page, at most 1,000.")] = 100
    after: Annotated[int, Meta(description="The `after` of the page before.")] = 0


class AddAlert(Takes, frozen=True):
    """A threshold, in place of the one of that name."""

    name: Annotated[str, Meta(description="Stands in the message, so that receivers know which it was.")]
    kind: Annotated[Literal["balance", "window"], Meta(description="What is watched.")]
    of: Annotated[str, Meta(description="Of a balance: credits, or a feature; of a window: a limit's name.")]
    at: Annotated[
        str | int, Meta(description='Of a balance: credits ("12.50") or units; of a window: percent used, 1 to 100.')
    ]
    account: Annotated[str | None, Meta(description="Only this account; left out: all.")] = None
    reason: Reason = ""


class RemoveAlert(Takes, frozen=True):
    """An alert, by its name."""

    name: str
    reason: Reason = ""
