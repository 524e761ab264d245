"""Requests: consume, record, check, explain, many at once, and the refund of one."""

from __future__ import annotations

from msgspec import structs

from spillover.conventions.headers import limit_headers
from spillover.conventions.rate_limits import standing_after
from spillover.documents.decision import Decision as DecisionDocument
from spillover.documents.explanation import Explanation
from spillover.documents.orders import Refunded
from spillover.engine.answers import Decision
from spillover.http_api import answers
from spillover.http_api.checkout import with_checkout
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.forms import instant, instant_or_none
from spillover.http_api.headers import profiles_of
from spillover.http_api.problems import Refused
from spillover.http_api.taking import Ask, Consume, Many, Record
from spillover.http_api.taking_orders import Refund
from spillover.http_api.words import require_key, words


async def consume(call: Call) -> Answer:
    """`access.consume`."""
    taken: Consume = call.taken
    profiles = profiles_of(call.heads)
    at = None if taken.at is None else instant("at", taken.at)
    decision = await call.service.access.consume(
        taken.account, taken.feature, taken.usage, key=taken.key, subject=taken.subject, attributes=taken.attributes,
        mode=taken.mode, at=at,
    )  # fmt: skip
    return decided(call, decision, profiles)


async def record(call: Call) -> Answer:
    """`access.record`."""
    taken: Record = call.taken
    profiles = profiles_of(call.heads)
    at = None if taken.at is None else instant("at", taken.at)
    decision = await call.service.access.record(
        taken.account, taken.feature, taken.usage, key=taken.key, subject=taken.subject, attributes=taken.attributes,
        at=at,
    )  # fmt: skip
    return decided(call, decision, profiles)


def decided(call: Call, decision: Decision, profiles: tuple[str, ...]) -> Answer:
    """A decision, with the limits that it met."""
    service, taken = call.service, call.taken
    standing = standing_after(service.desk, decision, taken.subject, taken.attributes, credits="codex" in profiles)
    headers = limit_headers(standing.limits, profiles, service.now(), standing.credits)
    document = DecisionDocument.of(service.access.policy, with_checkout(service, decision))
    return Answer(document, headers=tuple(headers), replayed=decision.replayed)


async def check(call: Call) -> Answer:
    """`access.check`."""
    decision = await call.service.access.check(**words(call, instants=("at",)))
    with_checkout(call.service, decision)
    return Answer(DecisionDocument.of(call.service.access.policy, decision, closes=True))


async def explain(call: Call) -> Answer:
    """`access.explain`."""
    told = await call.service.access.explain(**words(call, instants=("at",)))
    with_checkout(call.service, told.decision)
    return Answer(Explanation.of(call.service.access.policy, told))


async def consume_many(call: Call) -> Answer:
    """`access.consume_many`."""
    taken: Many = call.taken
    require_batch(call, len(taken.requests))
    asked = []
    for index, one in enumerate(taken.requests):
        request = {name: value for name, value in structs.asdict(one).items() if value is not None}
        if one.at is not None:
            request["at"] = instant_or_none(f"requests[{index}].at", one.at)
        asked.append(request)
    return Answer(answers.many(call.service, await call.service.access.consume_many(asked)))


def require_batch(call: Call, count: int) -> None:
    """Not more at once than is stated. Raises Refused."""
    most = call.service.bounds.batch
    if count > most:
        raise Refused("too-large", f"requests: found {count}, expected at most {most:,} at once", "requests")


async def refund(call: Call) -> Answer:
    """`access.refund`."""
    require_key(call)
    done = await call.service.access.refund(**words(call))
    taken: Refund = call.taken
    assert taken.key is not None
    service = call.service
    feature = await service.feature_of(taken.account, taken.event_key)
    lots = {one.lot.id: one.lot for one in await service.access.lots.list(taken.account)}
    return Answer(
        Refunded.of(
            service.access.policy, done, account=taken.account, refunded=taken.event_key, key=taken.key,
            feature=feature or "", lots=lots,
        )
    )  # fmt: skip


CLIP = {"account": "acme", "feature": "video.seconds", "usage": 8, "subject": "ada"}

ROWS = (
    Endpoint(
        "consume", "POST", "decide", "feature", "May this request pass, and who pays? It is taken if it may.",
        Consume, DecisionDocument, consume, ("unknown-name", "key-reused", "bound-exceeded", "contended"),
        {**CLIP, "key": "clip-1"}, keyed="key",
    ),
    Endpoint(
        "record", "POST", "decide", "feature", "It happened already: counted, and paid as far as layers can.",
        Record, DecisionDocument, record, ("unknown-name", "key-reused", "bound-exceeded", "contended"),
        {**CLIP, "usage": 2, "key": "clip-2"}, keyed="key",
    ),
    Endpoint(
        "check", "POST", "read", "feature", "What `consume` would answer now; nothing changes.", Ask,
        DecisionDocument, check, ("unknown-name", "bound-exceeded"), CLIP, customer=True,
    ),
    Endpoint(
        "explain", "POST", "read", "feature", "What `consume` would answer now, with the room of every layer.", Ask,
        Explanation, explain, ("unknown-name", "bound-exceeded"), {**CLIP, "usage": 500}, customer=True,
    ),
    Endpoint(
        "consume-many", "POST", "decide", "requests", "Many requests, decided in order; each answered for itself.",
        Many, answers.Answers, consume_many, (),
        {"requests": [{**CLIP, "key": "clip-3"}, {"account": "acme", "feature": "chat.messages", "key": "chat-1"}]},
    ),
)  # fmt: skip
REFUND = Endpoint(
    "refund", "POST", "admin", "account", "Give back the charge of a settled event, or its last units, once a key.",
    Refund, Refunded, refund, ("unknown-name", "key-reused", "not-settled"),
    {"account": "acme", "event_key": "clip-1", "units": 1, "key": "refund-1", "reason": "wrong answer"}, keyed="key",
)  # fmt: skip
