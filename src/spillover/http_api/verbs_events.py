"""Usage as CloudEvents 1.0: structured, binary, and batches. Each is recorded once, known by its source and id.

`subject` is the account, `type` the feature, `data` the usage (a number, counts by name, or nothing for one request).
An extension that the policy declares as an attribute is one; `user` is who uses, inside the account. Where the policy
takes usage that comes late (`late`), `time` is the request's own time; else it is counted when it comes.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import unquote

import msgspec

from spillover.core.decide import TOLERANCE
from spillover.core.intake import KEY_MAX
from spillover.documents.decision import Decision as DecisionDocument
from spillover.engine.answers import Decision
from spillover.http_api import answers
from spillover.http_api.checkout import with_checkout
from spillover.http_api.endpoint import Answer, Call, Endpoint, Heads
from spillover.http_api.forms import instant
from spillover.http_api.gate import require_bounds
from spillover.http_api.problems import Refused
from spillover.http_api.taking import Consume, Many
from spillover.http_api.taking_events import CloudEvent
from spillover.http_api.verbs_requests import require_batch
from spillover.model.errors import InvalidInput, SpilloverError, shown
from spillover.model.policy import Policy

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
CONTEXT = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data",
           "data_base64")  # fmt: skip
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_all = msgspec.json.Decoder(list[dict[str, Any]]).decode


async def take(call: Call) -> Answer:
    """`access.record` of each event. One alone is answered by its decision, or its problem; a batch by a list."""
    media = (call.heads.get("content-type") or "").partition(";")[0].strip().lower()
    try:
        if media == BATCH:
            return await _many(call, _decode_all(call.body))
        given = _binary(call.heads, call.body) if call.heads.get("ce-id") is not None else _decode(call.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused("malformed", f"body: found no event that can be read ({error}), expected JSON") from None
    request = _request_of(given, call.service.access.policy)
    require_bounds(ROWS[0], call.caller, Many([_bounded(request)]))
    decision = await call.service.access.record(**request)
    document = DecisionDocument.of(call.service.access.policy, with_checkout(call.service, decision))
    return Answer(document, replayed=decision.replayed)


async def _many(call: Call, events: list[dict[str, Any]]) -> Answer:
    require_batch(call, len(events))
    policy = call.service.access.policy
    results: list[Decision | SpilloverError | None] = []
    good: list[dict[str, Any]] = []
    for event in events:
        try:
            good.append(_request_of(event, policy))
            results.append(None)
        except InvalidInput as error:
            results.append(error)
    require_bounds(ROWS[0], call.caller, Many([_bounded(one) for one in good]))
    for one in good:
        one["mode"] = "record"
    told = iter(await call.service.access.consume_many(good))
    return Answer(answers.many(call.service, [next(told) if one is None else one for one in results]))


def _bounded(request: dict[str, Any]) -> Consume:
    return Consume(request["account"], request["feature"])


def _binary(heads: Heads, body: bytes) -> dict[str, Any]:
    """An event whose context stands in headers ce-*, and whose data is the body."""
    event: dict[str, Any] = {
        name[3:]: unquote(value) for name, value in heads.items() if name.startswith("ce-") and name != "ce-data"
    }
    if body.strip():
        event["data"] = msgspec.json.decode(body)
    return event


def _request_of(event: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """The words of `record`. Raises InvalidInput."""
    if event.get("specversion") != "1.0":
        raise InvalidInput("specversion", shown(event.get("specversion")), '"1.0"')
    for name in ("id", "source", "type", "subject"):
        if not isinstance(event.get(name), str) or not event[name]:
            raise InvalidInput(name, shown(event.get(name)), "a text that is not empty")
    labels = {
        name: _text(name, value)
        for name, value in event.items()
        if name in policy.attributes and name not in CONTEXT and value is not None
    }
    request: dict[str, Any] = {
        "account": event["subject"], "feature": event["type"], "usage": _data(event),
        "key": key_of(event["source"], event["id"]),
    }  # fmt: skip
    if labels:
        request["attributes"] = labels
    if "user" in event and "user" not in policy.attributes:
        request["subject"] = event["user"]
    if event.get("time") is not None:
        time = event["time"]
        if not isinstance(time, str):
            raise InvalidInput("time", shown(time), "a time such as 2026-01-31T12:00:00Z")
        at = instant("time", time)
        if policy.late > TOLERANCE:
            request["at"] = at
    return request


def _text(name: str, value: object) -> str:
    """An extension as it stands in a header, whichever way the event came. Raises InvalidInput for what has parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise InvalidInput(f"attributes.{name}", shown(value), "a text, a number or true or false")


def key_of(source: str, id: str) -> str:
    """The key of an event: its source and id, or their hash where they are too long. No two share one."""
    if any(sign.isspace() for sign in source):
        raise InvalidInput("source", shown(source), "a URI reference, without blanks")
    key = f"{source} {id}"
    return key if len(key.encode()) <= KEY_MAX else f"sha256 {hashlib.sha256(key.encode()).hexdigest()}"


def _data(event: dict[str, Any]) -> Any:  # noqa: ANN401  # the engine says what is wrong with it
    if "data_base64" not in event:
        return event.get("data")
    try:
        return msgspec.json.decode(base64.b64decode(event["data_base64"], validate=True))
    except (ValueError, TypeError, RecursionError, msgspec.DecodeError):
        raise InvalidInput("data_base64", shown(event["data_base64"]), "JSON in base64") from None


ROWS = (
    Endpoint(
        "events", "POST", "decide", "requests", "Record usage that happened, as CloudEvents 1.0.", CloudEvent,
        (DecisionDocument, answers.Answers), take, ("unknown-name", "key-reused"),
        {
            "specversion": "1.0", "id": "41", "source": "/gateway", "subject": "acme", "type": "video.seconds",
            "data": {"seconds": 2},
        },
        bodies=(STRUCTURED, BATCH), raw=True,
    ),
)  # fmt: skip
