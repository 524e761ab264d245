"""A decision in one sentence: who paid, or what blocks and what would unlock it (design, law 11)."""

from __future__ import annotations

from spillover.core.instants import to_moment
from spillover.model.amounts import format_credits
from spillover.model.decision import Blocker, Leg, Verdict
from spillover.model.policy import Feature

_PAID_BY = {"allowance": "included", "units": "gifted"}


def amount_of(feature: Feature, units: int) -> str:
    """Units of a feature as people read them: "4 messages", "0.25 credits"."""
    if feature.count == "cost":
        return f"{format_credits(units)} credits"
    return f"{units} {feature.unit}{'' if units == 1 or feature.unit.endswith('s') else 's'}"


def grant_sentence(feature: Feature, legs: tuple[Leg, ...]) -> str:
    """ "5 seconds included, 4 seconds gifted, 11 seconds for 275 credits"."""
    parts = []
    for leg in legs:
        amount = amount_of(feature, leg.units)
        if leg.layer in _PAID_BY:
            parts.append(f"{amount} {_PAID_BY[leg.layer]}")
        elif feature.count == "cost" and leg.amount == leg.units:
            parts.append(f"{amount} from {leg.layer}")
        else:
            on = " on overage" if leg.layer == "overage" else ""
            parts.append(f"{amount} for {format_credits(leg.amount)} credits{on}")
    return ", ".join(parts) or "nothing to pay"


def denial_sentence(feature: Feature, verdict: Verdict, opens_at: int | None, zone: str) -> str:
    """What blocks, and the ways out."""
    ways = [way for way in (unlock_of(feature, verdict.blockers), _opening(opens_at, zone)) if way]
    out = f"; {' or '.join(ways)}" if ways else ""
    blocking = verdict.blockers[-1] if len(verdict.blockers) == 1 else None
    if blocking:
        return f"denied: {_reason(feature, blocking)}{out}"
    return f"denied: {', '.join(_reason(feature, blocker) for blocker in verdict.blockers)}{out}"


def unlock_of(feature: Feature, blockers: tuple[Blocker, ...]) -> str:
    """What would let the request pass now, by the layer that would pay for the rest; "" if nothing would."""
    for blocker in reversed(blockers):
        if blocker.kind == "credits" and blocker.name == "credits":
            return f"{format_credits(blocker.short)} more credits unlock it"
        if blocker.kind == "units":
            return f"{amount_of(feature, blocker.short)} more as a gift unlock it"
        if blocker.kind == "consent":
            return f"consent to pay with {blocker.name} unlocks it"
    return ""


def _opening(opens_at: int | None, zone: str) -> str:
    if opens_at is None:
        return ""
    moment = to_moment(opens_at, zone)
    return f"it passes from {moment:%Y-%m-%d %H:%M:%S} {moment.tzname()}"


def _reason(feature: Feature, blocker: Blocker) -> str:
    whom = f" for this {blocker.per}" if blocker.per else ""
    match blocker.kind:
        case "state":
            return f"the account is {blocker.name}"
        case "plan" if blocker.name == "price":
            return f"no price covers this use of {feature.name}"
        case "plan":
            return f"{feature.name} with this is not in the plan ({blocker.name})"
        case "attribute":
            return f"the attribute {blocker.name} is missing"
        case "late":
            return f"the request lies {blocker.short / 1000:.0f} s before what the account has seen"
        case "bound":
            return f"it would draw from more than {blocker.room} lots and layers at once"
        case "ceiling":
            return f"the ceiling {blocker.name} has no room{whom}"
        case "window":
            return f"the window {blocker.name} has {blocker.room} left{whom}"
        case "spending" | "cap":
            return f"the limit {blocker.name} leaves {format_credits(blocker.room)} credits{whom}"
        case "units":
            return f"{blocker.room} gifted units left"
        case "consent":
            return f"the customer does not allow {blocker.name}"
        case "credits":
            return f"{format_credits(blocker.room)} credits left"
