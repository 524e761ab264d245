"""The limits of a plan as they stand for one account: room and reset are said by the rules, never stated again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from spillover.core.decide import TOLERANCE
from spillover.core.gauges import Bucket, Counter, Gauge, gauge
from spillover.core.members import Members
from spillover.core.scopes import TICKS_FROM
from spillover.core.sliding import Sliding, turns
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Cells
from spillover.model.policy import Counted, Limit, Policy, Rule

LimitKind = Literal["ceiling", "window", "spending", "cap", "overshoot"]


class LimitStanding(Struct, frozen=True):
    """One limit as it stands: `used` of `max`, and the `room` that is left, in what it counts (`of`, `counts`).

    `scope` is the subject or the value of the attribute `per` that it is told for, "" for the whole account.
    `resets_at` (ms): when a window ends, a bucket is full, or the first of what a sliding window counts leaves it; None
    if nothing resets, or nothing was used yet.
    """

    kind: LimitKind
    name: str
    of: Counted
    counts: str
    scope: str
    max: int
    used: int
    room: int
    resets_at: int | None
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    per: str = ""


class FeatureStanding(Struct, frozen=True):
    """A feature of the plan: its unit, who pays in which order, and its limits. Features of one rule share theirs."""

    feature: str
    unit: str
    layers: tuple[str, ...]
    limits: tuple[LimitStanding, ...]


Whom = Mapping[str, tuple[str, str]]
"""Whose own limits are told: "subject" or an attribute -> its value's name, and as cells know it (a token, perhaps)."""


def told(rule: Rule, whom: Whom) -> Iterator[tuple[Limit, str, str]]:
    """The limits that are told, each with the name of the value that it is told for, and as cells know that."""
    for limit in rule.limits():
        if not limit.per:
            yield limit, "", ""
        elif limit.per in whom:
            yield limit, *whom[limit.per]


def features_of(
    policy: Policy, plan: str, profile: Profile, cells: Cells, whom: Whom, at: int
) -> tuple[FeatureStanding, ...]:
    """Every feature of a plan, with its limits for the account and for those asked for."""
    found, features = policy.plans.get(plan), []
    late = policy.late > TOLERANCE
    for rule in found.rules if found else ():
        limits = tuple(
            replace(_limit(limit, value, profile, cells, at, late), kind=_kind(rule, limit), scope=name, per=limit.per)
            for limit, name, value in told(rule, whom)
        )
        layers = tuple(layer.source for layer in rule.waterfall)
        for feature in rule.features:
            features.append(FeatureStanding(feature, policy.features[feature].unit, layers, limits))
    return tuple(features)


def _limit(limit: Limit, token: str, profile: Profile, cells: Cells, at: int, late: bool) -> LimitStanding:
    bare, endless = replace(profile, overrides=()), replace(limit, max=AMOUNT_MAX)

    def used(now: int) -> int:
        """What it has counted: the room of a limit without end tells it; of what cannot be looked at, all."""
        room = gauge(endless, token, bare, cells, now, "", late).room
        return AMOUNT_MAX - room if room else found.limit.max

    found = gauge(limit, token, profile, cells, at, "", late)
    resets = _resets_at(found)
    if isinstance(found, Bucket):
        count = max(-((found.now - found.full) // found.limit.spacing), 0)
    else:
        count = used(at)
        if isinstance(found, Sliding):
            resets = next((turn for turn in turns(limit, found.head, at) if used(turn) < count), None)
    return LimitStanding(
        "window", limit.name, limit.of, limit.counts, token, found.limit.max, count, found.room, resets, limit.only
    )  # fmt: skip


def _kind(rule: Rule, limit: Limit) -> LimitKind:
    if limit in rule.ceilings:
        return "ceiling"
    if limit in rule.spending:
        return "spending"
    if limit is rule.overshoot:
        return "overshoot"
    return "cap" if any(limit is layer.cap for layer in rule.waterfall) else "window"


def _resets_at(found: Gauge) -> int | None:
    inner = found.inner if isinstance(found, Members) else found
    if isinstance(inner, Counter):
        return None if inner.fresh and inner.limit.window.kind == "session" else inner.end
    if isinstance(inner, Bucket) and inner.full > inner.now:
        return TICKS_FROM - (-inner.full // inner.limit.ticks)
    return None
