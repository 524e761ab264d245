"""Webhooks and alerts: who is told, of what, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from spillover.documents import notices as documents
from spillover.http_api import answers
from spillover.http_api.beside import NoticeDesk
from spillover.http_api.endpoint import Answer, Call, Endpoint, Handler
from spillover.http_api.forms import instant, instant_or_none
from spillover.http_api.taking import Nothing
from spillover.http_api.taking_notices import (
    AddAlert,
    AddEndpoint,
    DeliveriesOf,
    OneEndpoint,
    RemoveAlert,
    RotateEndpoint,
    SendAgain,
)
from spillover.http_api.verbs_office import PRIVATE
from spillover.model.account import NEVER

T = TypeVar("T")


async def add(call: Call) -> Answer:
    """An endpoint; its secret is told once."""
    taken: AddEndpoint = call.taken
    made = await _done(call, lambda desk: desk.add(taken.url, taken.types, taken.accounts, taken.note))
    return Answer(made, headers=PRIVATE)


async def rotate(call: Call) -> Answer:
    """A new secret."""
    taken: RotateEndpoint = call.taken
    return Answer(await _done(call, lambda desk: desk.rotate(taken.id, taken.keeps)), headers=PRIVATE)


def _of_one(verb: str) -> Handler:
    """The handler of a verb about one endpoint."""

    async def handle(call: Call) -> Answer:
        return Answer(await _done(call, lambda desk: getattr(desk, verb)(call.taken.id)))

    return handle


async def listed(call: Call) -> Answer:
    """All endpoints."""
    return Answer(await _done(call, lambda desk: desk.listed()))


async def send_again(call: Call) -> Answer:
    """Messages, once more."""
    taken: SendAgain = call.taken
    since = instant_or_none("since", taken.since)
    return Answer(
        await _done(
            call, lambda desk: desk.send_again(taken.message, since, taken.endpoint, taken.after, taken.limit)
        )
    )  # fmt: skip


async def log(call: Call) -> Answer:
    """What became of messages."""
    taken: DeliveriesOf = call.taken
    since, until = instant("since", taken.since), instant_or_none("until", taken.until)
    return Answer(
        await _done(
            call,
            lambda desk: desk.log(
                taken.message, taken.endpoint, taken.account, since, NEVER if until is None else until, taken.limit,
                taken.after,
            ),
        )
    )  # fmt: skip


async def add_alert(call: Call) -> Answer:
    """A threshold."""
    taken: AddAlert = call.taken
    return Answer(
        await _done(call, lambda desk: desk.add_alert(taken.name, taken.kind, taken.of, taken.at, taken.account))
    )


async def alerts(call: Call) -> Answer:
    """All alerts."""
    return Answer(await _done(call, lambda desk: desk.alerts()))


async def remove_alert(call: Call) -> Answer:
    """One less."""
    await _done(call, lambda desk: desk.remove_alert(call.taken.name))
    return Answer(answers.Done())


async def _done(call: Call, work: Callable[[NoticeDesk], Awaitable[T]]) -> T:
    """What the desk gives, over the service's own office."""
    desks = call.service.notices

    async def over(office: Any) -> T:  # noqa: ANN401  # the office's tables, whatever port they are asked by
        return await work(desks(office))

    return await call.service.clerk.run(over)


_ID, _MADE = {"id": "ep_abcdefgh2345"}, {"id": "webhooks/add id"}

ROWS = (
    Endpoint(
        "webhooks/add", "POST", "admin", "all", "An address that is told what happens. Its secret is shown once.",
        AddEndpoint, documents.SecretEndpoint, add, ("unknown-name",),
        {"url": "https://hooks.example.com/spillover", "types": ["balance.exhausted"], "accounts": ["acme"],
         "note": "billing"},
    ),
    Endpoint(
        "webhooks/list", "GET", "admin", "all", "All endpoints, without their secrets.", Nothing,
        documents.WebhookEndpoints, listed,
    ),
    Endpoint(
        "webhooks/rotate", "POST", "admin", "all", "A new secret; messages are signed with the old one too for `keeps` "
        "milliseconds.", RotateEndpoint, documents.SecretEndpoint, rotate, ("unknown-name",),
        {**_ID, "keeps": 60_000}, borrows=_MADE,
    ),
    Endpoint(
        "webhooks/test", "POST", "admin", "all", "A message to this endpoint alone, sent like any other; the log tells "
        "how it went.", OneEndpoint, documents.TestMessage, _of_one("test"), ("unknown-name",), _ID, borrows=_MADE,
    ),
    Endpoint(
        "webhooks/pause", "POST", "admin", "all", "Send nothing to it; what it wants waits.", OneEndpoint,
        documents.WebhookEndpoint, _of_one("pause"), ("unknown-name",), {**_ID, "reason": "moving"}, borrows=_MADE,
    ),
    Endpoint(
        "webhooks/send_again", "POST", "admin", "all", "One message, or all since an instant, again under their ids.",
        SendAgain, documents.SentAgain, send_again, ("unknown-name",),
        {"message": "msg_aaaaaaaaaaaaaaaaaaaaaaaa", "endpoint": "ep_abcdefgh2345"},
        borrows={"message": "webhooks/test message", "endpoint": "webhooks/add id"},
    ),
    Endpoint(
        "webhooks/log", "GET", "admin", "all", "Messages, with each try at each endpoint and how it ended.",
        DeliveriesOf, documents.Deliveries, log, ("unknown-name",), {"limit": 10},
    ),
    Endpoint(
        "webhooks/resume", "POST", "admin", "all", "Send to it again, what waits at once.", OneEndpoint,
        documents.ResumedEndpoint, _of_one("resume"), ("unknown-name",), _ID, borrows=_MADE,
    ),
    Endpoint(
        "webhooks/remove", "POST", "admin", "all", "It wants nothing any more. The log keeps what was sent to it.",
        OneEndpoint, documents.WebhookEndpoint, _of_one("remove"), ("unknown-name",), _ID, borrows=_MADE,
    ),
    Endpoint(
        "alerts/add", "POST", "admin", "all", "A threshold that receivers are told of: a balance that falls to it, or "
        "so much of a limit that is used.", AddAlert, documents.AlertRow, add_alert, ("unknown-name",),
        {"name": "low", "kind": "balance", "of": "credits", "at": "10"},
    ),
    Endpoint("alerts/list", "GET", "admin", "all", "All alerts.", Nothing, documents.Alerts, alerts),
    Endpoint(
        "alerts/remove", "POST", "admin", "all", "Forget an alert.", RemoveAlert, answers.Done, remove_alert,
        ("unknown-name",), {"name": "low"},
    ),
)  # fmt: skip
