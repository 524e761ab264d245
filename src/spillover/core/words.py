"""A decision in one sentence: who paid, or what blocks and what would unlock it (design, law 11)."""

from __future__ import annotations

from spillover.core.instants import to_moment
from spillover.core.unlocking import Unlock
from spillover.model.amounts import format_credits
from spillover.model.decision import Blocker, Overshoot, Verdict
from spillover.model.leg import Leg
from spillover.model.policy import Feature

_PAID_BY = {"allowance": "included", "units": "gifted"}


def amount_of(feature: Feature, units: int) -> str:
    """Units of a feature as people read them: "4 messages", "0.25 credits"."""
    if feature.count == "cost":
        return f"{_credits(units)} credits"
    return f"{units:,} {feature.unit}{'' if units == 1 or feature.unit.endswith('s') else 's'}"


def ending_sentence(feature: Feature, kind: str, legs: tuple[Leg, ...], beyond: Overshoot | None, late: bool) -> str:
    """How a hold ended and who paid: "committed: 4 messages included", "released", "expired"."""
    if kind != "commit":
        return "released, nothing was charged" if kind == "release" else "expired, nothing was charged"
    return f"committed{' after it had expired' if late else ''}: {grant_sentence(feature, legs, beyond)}"


def grant_sentence(feature: Feature, legs: tuple[Leg, ...], beyond: Overshoot | None = None) -> str:
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
            parts.append(f"{amount} for {_credits(leg.amount)} credits{on}")
    if beyond:
        owed = f", {_credits(beyond.owed)} credits owed" if beyond.owed else ""
        forgiven = f", {_credits(beyond.forgiven)} credits forgiven" if beyond.forgiven else ""
        parts.append(f"{amount_of(feature, beyond.units)} beyond what was there{forgiven}{owed}")
    return ", ".join(parts) or "nothing to pay"


def partial_sentence(feature: Feature, sentence: str, missing: int) -> str:
    """The same, where less was granted than was asked for."""
    return f"{sentence}; {amount_of(feature, missing)} more were asked for" if missing > 0 else sentence


def denial_sentence(feature: Feature, verdict: Verdict, remedy: Unlock | None, opens_at: int | None, zone: str) -> str:
    """What blocks, each thing once, and the ways out."""
    reasons = dict.fromkeys(_reason(feature, blocker) for blocker in verdict.blockers)
    ways = [way for way in (unlock_sentence(feature, remedy), _opening(opens_at, zone)) if way]
    return f"denied: {', '.join(reasons)}{'; ' if ways else ''}{' or '.join(ways)}"


def unlock_sentence(feature: Feature, remedy: Unlock | None) -> str:
    """What would let the request pass now: "3 more credits unlock it"; "" if nothing would."""
    if remedy is None:
        return ""
    steps = []
    if remedy.consent:
        steps.append(f"consent to pay with {remedy.consent}")
    if remedy.credits:
        steps.append(f"{_credits(remedy.credits)} more credits")
    if remedy.units:
        steps.append(f"{amount_of(feature, remedy.units)} more as a gift")
    alone = len(steps) == 1 and bool(remedy.consent)
    return f"{' and '.join(steps)} {'unlocks' if alone else 'unlock'} it"


def _credits(micro: int) -> str:
    whole, _, rest = format_credits(micro).partition(".")
    return f"{int(whole):,}{'.' + rest if rest else ''}"


def _span(milliseconds: int) -> str:
    """A time in its largest unit of which there are two or more."""
    for unit, length in (("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000)):
        if milliseconds >= 2 * length:
            return f"{milliseconds // length:,} {unit}"
    return f"{-(-milliseconds // 1000)} s"


def _opening(opens_at: int | None, zone: str) -> str:
    if opens_at is None:
        return ""
    moment = to_moment(opens_at, zone)
    return f"it passes from {moment:%Y-%m-%d %H:%M:%S} {moment.tzname()}"


_REASONS = {
    "state": "the account is {name}",
    "plan": "{feature} with this is not in the plan ({name})",
    "attribute": "the attribute {name} is missing",
    "late": "the request lies {span} before what the account has seen",
    "bound": "it would pass the bound of {room} {name}",
    "ceiling": "the ceiling {name} has room for {room}{whom}, {asked} were asked",
    "window": "the window {name} has {room} left{whom}",
    "spending": "the limit {name} leaves {room} credits{whom}",
    "cap": "the limit {name} leaves {room} credits{whom}",
    "units": "{room} gifted units left",
    "consent": "the customer does not allow {name}",
    "credits": "{room} credits left",
    "owed": "{asked} credits are owed and have to be paid first",
}


def _reason(feature: Feature, blocker: Blocker) -> str:
    if blocker.name == "price":
        return f"no price covers this use of {feature.name}"
    money = blocker.kind in ("spending", "cap", "credits", "owed") or feature.count == "cost"
    return _REASONS[blocker.kind].format(
        name=blocker.name,
        feature=feature.name,
        room=_credits(blocker.room) if money else f"{blocker.room:,}",
        asked=_credits(blocker.room + blocker.short) if money else f"{blocker.room + blocker.short:,}",
        span=_span(blocker.short),
        whom=f" for this {blocker.per}" if blocker.scope else "",
    )
