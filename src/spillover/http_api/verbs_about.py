"""The service about itself: is it alive, is it ready, what has it counted, and how is it called."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from spillover.documents.notices import NoticesStanding
from spillover.documents.progress import Progress
from spillover.http_api import answers
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.meters import Collector, Now, exposition
from spillover.http_api.readiness import NotReady, troubles_of
from spillover.http_api.taking import Nothing
from spillover.http_api.taking_reports import Settle
from spillover.http_api.words import words
from spillover.model.errors import SpilloverError

PLAIN = "text/plain; version=0.0.4; charset=utf-8"


async def settle(call: Call) -> Answer:
    """`access.settle`."""
    return Answer(Progress.of(call.service.access.policy, await call.service.access.settle(**words(call, "reason"))))


async def health(call: Call) -> Answer:
    """Alive, whatever the store says."""
    return Answer(answers.Health("ok"))


async def ready(call: Call) -> Answer:
    """Whether any part of the store works, and which do not; else 503."""
    # Who asks needs no key: what is wrong stands in the log.
    try:
        troubles = await troubles_of(call.service)
    except NotReady as error:
        call.service.log.warning("not ready: %s", error)
        return Answer(answers.Health("not ready"), 503, (("retry-after", "2"),))
    for part, trouble in troubles.items():
        call.service.log.warning("ready, but not %s: %s", part, trouble)
    return Answer(answers.Health("ok", tuple(troubles)))


async def metrics(call: Call) -> Answer:
    """What Prometheus reads."""
    service, waiting, lag = call.service, None, None
    try:
        backlog = await service.backlog()
        waiting = backlog.entries
        lag = 0.0 if backlog.oldest is None else max(service.now() - _at(backlog.oldest.payload), 0) / 1000
    except SpilloverError:
        service.log.warning("metrics: the store does not tell what waits")
    except msgspec.MsgspecError:
        service.log.warning("metrics: the oldest event cannot be read")
    audits, trouble = service.audits, service.access.trouble is not None
    found = sum(audits.report.found.values()) if audits.report else 0
    notices = await _notices(call)
    now = Now(waiting, lag, trouble, service.desk.deciding.rounds.conflicts, audits.at, found, notices)
    text = exposition(Collector(service.meters, now))
    return Answer(text, media=PLAIN)


async def _notices(call: Call) -> tuple[NoticesStanding, float] | None:
    """How webhooks stand, and for how many seconds the oldest message is due."""
    service = call.service
    try:
        standing = await service.clerk.run(lambda office: service.notices(office).standing())
    except SpilloverError:
        service.log.warning("metrics: the office does not tell how webhooks stand")
        return None
    age = max(service.now() - standing.oldest_due, 0) / 1000 if standing.oldest_due else 0.0
    return standing, age


class _When(msgspec.Struct):
    at: int


_read_when = msgspec.json.Decoder(_When).decode


def _at(payload: bytes) -> int:
    return _read_when(payload).at


async def openapi(call: Call) -> Answer:
    """The table as OpenAPI 3.1."""
    from spillover.http_api.openapi import written

    return Answer(written(), headers=(("cache-control", "no-cache"),))


async def page(call: Call) -> Answer:
    """The page on which endpoints are tried. It is the same everywhere; what it shows it asks for with your key."""
    text = files("spillover.http_api").joinpath("docs.html").read_bytes()
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
    headers = (("content-security-policy", policy), ("x-content-type-options", "nosniff"))
    return Answer(text, headers=headers, media="text/html; charset=utf-8")


ROWS = (
    Endpoint(
        "settle", "POST", "admin", "all", "Book now what was decided before; a running service does so by itself.",
        Settle, Progress, settle, (), {"reason": "month end"},
    ),
)  # fmt: skip
ABOUT = (
    Endpoint("/healthz", "GET", "open", "nothing", "Alive.", Nothing, answers.Health, health),
    Endpoint(
        "/readyz", "GET", "open", "nothing", "Whether any part of the store works, and which do not; else 503.",
        Nothing, answers.Health, ready,
    ),
    Endpoint(
        "/metrics", "GET", "read", "all", "What was counted, for Prometheus.", Nothing, None, metrics, media=PLAIN,
    ),
    Endpoint("/openapi.json", "GET", "read", "nothing", "This table, as OpenAPI 3.1.", Nothing, dict, openapi),
    Endpoint(
        "/docs", "GET", "open", "nothing", "A page to try the endpoints on.", Nothing, None, page, media="text/html",
    ),
)  # fmt: skip
