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


_REASONS = {
    "state": "the account is {name}",
    "plan": "{feature} with this is not in the plan ({name})",
    "attribute": "the attribute {name} is missing",
    "late": "the request lies {seconds} s before what the account has seen",
    "bound": "it would pass the bound of {room} {name}",
    "ceiling": "the ceiling {name} has no room{whom}",
    "window": "the window {name} has {room} left{whom}",
    "spending": "the limit {name} leaves {credits} credits{whom}",
    "cap": "the limit {name} leaves {credits} credits{whom}",
    "units": "{room} gifted units left",
    "consent": "the customer does not allow {name}",
    "credits": "{credits} credits left",
}


def _reason(feature: Feature, blocker: Blocker) -> str:
    if blocker.name == "price":
        return f"no price covers this use of {feature.name}"
    money = blocker.kind in ("spending", "cap", "credits") or feature.count == "cost"
    return _REASONS[blocker.kind].format(
        name=blocker.name,
        feature=feature.name,
        room=format_credits(blocker.room) if money else blocker.room,
        credits=format_credits(blocker.room),
        seconds=-(-blocker.short // 1000),
        whom=f" for this {blocker.per}" if blocker.per else "",
    )
