"""Each limit behind a request as it stands: its own room, and when it gives room again (for `explain`)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from spillover.core.gauges import Bucket, Counter, Gauge, gauge
from spillover.core.members import Members
from spillover.core.scopes import TICKS_FROM, scope_of
from spillover.core.sliding import Sliding, ring, slot_length
from spillover.model.account import Profile
from spillover.model.policy import Counted, Limit, Policy, Rule
from spillover.model.request import Request


class Standing(Struct, frozen=True):
    """One limit: `max` and `room` in what it counts (`of`), per `scope` value of `per` ("" for the account).

    `where`: "ceiling", the layer whose window it is, "spending", "cap", or "forgiveness". `resets` is the first instant
    (ms) at which it gives room again, None where it has not been used or never does. `set_from` is the policy's own
    maximum where `limits.set` has put another one in its place.
    """

    where: str
    name: str
    of: Counted
    max: int
    room: int
    per: str
    scope: str
    resets: int | None
    set_from: int | None


def standings(
    rule: Rule | None, policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, now: int
) -> tuple[Standing, ...]:
    """The limits of the rule that apply to the request, in the order in which they are asked."""
    found = []
    for where, limit in _limits(rule) if rule else ():
        scope = scope_of(limit, request)
        if scope is None:
            continue
        at = gauge(limit, scope, profile, cells, now, request.subject, policy.late > 1000)
        changed = limit.max if at.limit.max != limit.max else None
        found.append(
            Standing(where, limit.name, limit.of, at.limit.max, at.room, limit.per, scope, _resets(at, now), changed)
        )
    return tuple(found)


def _limits(rule: Rule) -> list[tuple[str, Limit]]:
    found = [("ceiling", limit) for limit in rule.ceilings]
    found += [(layer.source, limit) for layer in rule.waterfall for limit in layer.windows]
    found += [("spending", limit) for limit in rule.spending]
    found += [("cap", layer.cap) for layer in rule.waterfall if layer.cap]
    return found + ([("forgiveness", rule.overshoot)] if rule.overshoot else [])


def _resets(at: Gauge, now: int) -> int | None:
    if isinstance(at, Members):
        inner = at.inner
        return inner.end if isinstance(inner, Counter) and not inner.fresh and inner.used_value else None
    if isinstance(at, Counter):
        return at.end if at.known and not at.fresh and at.used_value else None
    if isinstance(at, Sliding):
        return _oldest_leaves(at)
    if isinstance(at, Bucket) and at.room < at.limit.max:
        # The instant at which one unit more has come back.
        ticks = at.full - (at.limit.max - at.room - 1) * at.limit.spacing
        return max(TICKS_FROM - -ticks // at.limit.ticks, now + 1)
    return None


def _oldest_leaves(at: Sliding) -> int | None:
    """When the oldest slot with something in it leaves the window."""
    slots, size = at.limit.window.slots, ring(at.limit)
    numbers = [at.head - (at.head - index) % size for index, value in enumerate(at.values) if value]
    counted = [number for number in numbers if number >= at.slot - slots]
    return (min(counted) + slots + 1) * slot_length(at.limit) if counted else None
