"""The nouns as JSON documents: stable names (those of the design's table of words), credits exact, instants in ISO.

Credits come twice: `credits`, a decimal as text, and `micro_credits`, a whole number. What is counted in units of a
feature is `units`; for a feature that is counted by its cost these are credits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spillover.core.instants import to_moment
from spillover.core.staircase import Staircase
from spillover.core.words import is_money, limit_of
from spillover.engine.answers import Decision
from spillover.model.account import NEVER, Lot, Profile
from spillover.model.amounts import format_credits
from spillover.model.decision import Blocker, Overshoot
from spillover.model.leg import Leg
from spillover.model.policy import Policy, Rule

Document = dict[str, Any]


def credits_of(micro: int) -> Document:
    """An amount of credits."""
    return {"credits": format_credits(micro), "micro_credits": micro}


def amount_in(policy: Policy, measure: str, amount: int) -> Document:
    """An amount in a measure: credits, or units of a feature."""
    feature = policy.features.get(measure)
    if measure == "credits" or (feature and feature.count == "cost"):
        return credits_of(amount)
    return {"units": amount}


def instant_of(instant: int | None) -> str | None:
    """An instant; none for never."""
    if instant is None or instant >= NEVER:
        return None
    return to_moment(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def profile_of(name: str, profile: Profile) -> Document:
    """An account's terms."""
    return {
        "account": name,
        "version": profile.version,
        "plan": profile.plan,
        "state": profile.state,
        "consent": profile.consent,
        "zone": profile.zone,
        "billing_day": instant_of(profile.anchor),
        "next_plan": profile.next_plan or None,
        "next_at": instant_of(profile.next_at) if profile.next_plan else None,
    }


def overrides_of(profile: Profile, names: Mapping[str, str]) -> list[Document]:
    """The limits that an account has other maxima for. `names`: token -> name."""
    return [
        {
            "limit": one.limit,
            "scope": None if one.scope is None else names.get(one.scope, one.scope),
            "max": one.max,
            "until": instant_of(one.until),
        }
        for one in profile.overrides
    ]


def lot_of(lot: Lot) -> Document:
    """A lot's terms."""
    return {
        "lot": lot.id,
        "measure": lot.measure,
        "priority": lot.priority,
        "promotional": lot.promotional,
        "effective": instant_of(lot.effective) if lot.effective else None,
        "expires": instant_of(lot.expires),
    }


def legs_of(policy: Policy, feature: str, legs: Iterable[Leg]) -> list[Document]:
    """Which layers gave how much, for how much, and from which lots."""

    def units(count: int) -> Document:
        return amount_in(policy, feature, count)

    return [
        {
            "layer": leg.layer,
            **units(leg.units),
            "unit_price": credits_of(leg.price),
            "amount": credits_of(leg.amount),
            "lots": [
                {"lot": lot, **(credits_of(drawn) if leg.layer == "credits" else units(drawn))}
                for lot, drawn in leg.lots
            ],
        }
        for leg in legs
    ]


def overshoot_of(policy: Policy, feature: str, beyond: Overshoot | None) -> Document | None:
    """What no layer could pay: forgiven, or owed."""
    if beyond is None:
        return None
    return {
        **amount_in(policy, feature, beyond.units),
        "amount": credits_of(beyond.amount),
        "forgiven": credits_of(beyond.forgiven),
        "owed": credits_of(beyond.owed),
    }


def decision_of(policy: Policy, decision: Decision) -> Document:
    """A decision with its legs, or with its denial and both ways out."""

    def units(count: int) -> Document:
        return amount_in(policy, decision.feature, count)

    denial = decision.denial
    return {
        "account": decision.account,
        "feature": decision.feature,
        "at": instant_of(decision.at),
        "allowed": decision.allowed,
        "sentence": decision.sentence,
        "unit": decision.counted.unit,
        "asked": units(decision.units),
        "granted": units(decision.granted),
        "charged": credits_of(decision.charged),
        "journaled": decision.journaled,
        "legs": legs_of(policy, decision.feature, decision.legs),
        "denial": denial
        and {
            "blocked_by": denial.blocked_by,
            "opens_at": instant_of(denial.opens_at),
            "unlock": denial.unlock,
            "status": denial.status,
            "blockers": [blocker_of(policy, decision.feature, blocker, denial.rule) for blocker in denial.blockers],
        },
    }


def staircase_of(policy: Policy, feature: str, staircase: Staircase, rule: Rule | None = None) -> Document:
    """The ceilings and steps of a waterfall for one request, under a rule where that is known."""
    return {
        "ceilings": [
            {"name": ceiling.name, "max": ceiling.max, "room": ceiling.room, "passed": ceiling.passed}
            for ceiling in staircase.ceilings
        ],
        "steps": [
            {
                "layer": step.layer,
                "reached": step.reached,
                "room": None if step.room is None else amount_in(policy, feature, step.room),
                "given": amount_in(policy, feature, step.given),
                "room_after": None if step.room_after is None else amount_in(policy, feature, step.room_after),
                "amount": credits_of(step.amount),
                "stopped_by": step.blocker and blocker_of(policy, feature, step.blocker, rule),
            }
            for step in staircase.steps
        ],
    }


def blocker_of(policy: Policy, feature: str, blocker: Blocker, rule: Rule | None = None) -> Document:
    """What stopped a request or a step: its room, and what it lacked, in what it counts.

    Where `rule` does not tell, the first plan that has a limit of that name says what it counts.
    """
    rules = [rule, *(plan.by_feature.get(feature) for plan in policy.plans.values())]
    limit = next((found for one in rules if (found := limit_of(blocker, one))), None)

    def amount(value: int) -> Document:
        if blocker.kind == "late":
            return {"milliseconds": value}
        if is_money(policy.features[feature], blocker, limit):
            return credits_of(value)
        return {"count": value} if limit and limit.of != "units" else {"units": value}

    return {
        "kind": blocker.kind,
        "name": blocker.name,
        "per": blocker.per or None,
        "room": amount(blocker.room),
        "short": amount(blocker.short),
    }
