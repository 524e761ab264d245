"""What Envoy is answered: a status for each descriptor, headers for the end user, and who paid as metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from envoy.service.ratelimit.v3 import rls_pb2  # type: ignore[import-untyped]

from spillover.conventions.headers import limit_headers
from spillover.conventions.rate_limits import Told
from spillover.documents.decision import Decision as DecisionDocument
from spillover.documents.endings import Ending as EndingDocument
from spillover.grpc_api.taking import Taken
from spillover.model.policy import Policy

Response = rls_pb2.RateLimitResponse
UNITS = {1: "SECOND", 60: "MINUTE", 3_600: "HOUR", 86_400: "DAY", 604_800: "WEEK"}
"""Seconds of the windows that Envoy has a name for."""
COUNT_MAX = 2**32 - 1
TOLD = ("account", "feature", "key", "allowed", "sentence", "charged", "legs", "replayed", "journaled")
TOLD_OF_DENIAL = ("blocked_by", "opens_at", "unlock", "status")
GIVEN_BACK = "it would pass; nothing was taken, as another descriptor of the request was denied"


def response_of(policy: Policy, taken: Sequence[Taken], limits: Sequence[Sequence[Told]], now: int) -> Any:  # noqa: ANN401  # a RateLimitResponse
    """The answer. `limits`: those that each decision met, in the same order; `now` in ms."""
    denied = [one.decision for one in taken if not one.decision.allowed]
    answer = Response(overall_code=Response.OVER_LIMIT if denied else Response.OK)
    for one, met in zip(taken, limits, strict=True):
        _tell(answer.statuses.add(), one, met)
    # Several descriptors meet the same limit: as it stands after the last of them.
    latest = {(one.decision.account, each.name): each for one, met in zip(taken, limits, strict=True) for each in met}
    for name, value in limit_headers(tuple(latest.values()), (), now, None):
        answer.response_headers_to_add.add(key=name, value=value)
    if denied:
        opens = [one.denial.opens_at for one in denied if one.denial]
        if all(at is not None for at in opens):
            wait = max(at for at in opens if at is not None) - now
            answer.response_headers_to_add.add(key="retry-after", value=str(max(-(-wait // 1000), 0)))
        answer.raw_body = "\n".join(one.sentence for one in denied).encode()
    answer.dynamic_metadata.update({"spillover": {"decisions": [_document(policy, one) for one in taken]}})
    return answer


def _tell(status: Any, one: Taken, limits: Sequence[Told]) -> None:  # noqa: ANN401  # a DescriptorStatus
    status.code = Response.OK if one.decision.allowed else Response.OVER_LIMIT
    limit = _foremost(one, limits)
    if limit is None:
        return
    status.limit_remaining = min(limit.room, COUNT_MAX)
    if limit.window in UNITS:
        status.current_limit.name = limit.name
        status.current_limit.requests_per_unit = min(limit.max, COUNT_MAX)
        status.current_limit.unit = Response.RateLimit.Unit.Value(UNITS[limit.window])
    if limit.resets is not None:
        status.duration_until_reset.seconds = limit.resets


def _foremost(one: Taken, limits: Sequence[Told]) -> Told | None:
    """The limit that denied, else the one with the least part of its room left that no later layer pays for."""
    names = {blocker.name for blocker in one.decision.denial.blockers} if one.decision.denial else set()
    found = [each for each in limits if each.name in names] or [each for each in limits if not each.passed_on]
    return min(found, key=lambda each: each.room / max(each.max, 1), default=None)


def _document(policy: Policy, one: Taken) -> dict[str, Any]:
    document = DecisionDocument.of(policy, one.decision)
    told = {name: getattr(document, name) for name in TOLD}
    if one.ending is not None:
        ended = EndingDocument.of(policy, one.ending)
        told |= {"sentence": ended.sentence, "charged": ended.charged, "legs": ended.legs, "replayed": ended.replayed}
    elif one.given_back:
        del told["charged"]
        told |= {"sentence": GIVEN_BACK, "legs": []}
    if document.denial is not None:
        told["denial"] = {name: getattr(document.denial, name) for name in TOLD_OF_DENIAL}
    plain: dict[str, Any] = msgspec.to_builtins(told)
    return plain
