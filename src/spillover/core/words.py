"""A decision in one sentence: who paid, or what blocks and what would unlock it (design, law 11)."""

from __future__ import annotations

from collections.abc import Collection

from spillover.core.decide import HOLDS_MAX
from spillover.core.instants import to_moment
from spillover.core.scopes import SCOPES_MAX
from spillover.core.unlocking import Unlock
from spillover.model.amounts import MICRO, format_credits
from spillover.model.decision import Blocker, Overshoot, Verdict
from spillover.model.leg import Leg
from spillover.model.policy import Feature, Limit, Pack, Rule

_NOUNS = {"requests": "request", "open_holds": "open hold", "subjects": "subject"}
"""What limits count that is neither units nor credits nor usage."""
_WORTH = {True: "'s worth", False: "' worth"}
_PAID_BY = {"allowance": "included", "units": "gifted"}


def amount_of(feature: Feature, units: int) -> str:
    """Units of a feature as people read them: "4 messages", "0.25 credits"."""
    if feature.count == "cost":
        return credits_of(units)
    return _counted(units, feature.unit)


def credits_of(micro: int) -> str:
    """Micro-credits as people read them: "1 credit", "0.25 credits", "1,200 credits"."""
    return f"{_credits(micro)} credit{'' if micro == MICRO else 's'}"


def ending_sentence(feature: Feature, kind: str, legs: tuple[Leg, ...], beyond: Overshoot | None, late: bool) -> str:
    """How a hold ended and who paid: "committed: 4 messages included", "released", "expired"."""
    if kind != "commit":
        return "released, nothing was charged" if kind == "release" else "expired, nothing was charged"
    return f"committed{' after it had expired' if late else ''}: {grant_sentence(feature, legs, beyond)}"


def grant_sentence(feature: Feature, legs: tuple[Leg, ...], beyond: Overshoot | None = None) -> str:
    """ "5 seconds included, 4 seconds gifted, 11 seconds for 275 credits"; each layer once."""
    sums: dict[str, tuple[int, int]] = {}
    for leg in legs:
        units, paid = sums.get(leg.layer, (0, 0))
        sums[leg.layer] = units + leg.units, paid + leg.amount
    parts = []
    for layer, (units, paid) in sums.items():
        amount = amount_of(feature, units)
        if layer in _PAID_BY:
            parts.append(f"{amount} {_PAID_BY[layer]}")
        elif feature.count == "cost" and paid == units:
            parts.append(f"{amount} from {layer}")
        else:
            on = " on overage" if layer == "overage" else ""
            parts.append(f"{amount} for {credits_of(paid)}{on}")
    if beyond:
        owed = f", {credits_of(beyond.owed)} owed" if beyond.owed else ""
        forgiven = f", {credits_of(beyond.forgiven)} forgiven" if beyond.forgiven else ""
        parts.append(f"{amount_of(feature, beyond.units)} beyond what was there{forgiven}{owed}")
    return ", ".join(parts) or "nothing to pay"


def extended_sentence(feature: Feature, further: tuple[Leg, ...], whole: tuple[Leg, ...]) -> str:
    """What a hold draws further, and all that it holds now: "4 seconds for 20 credits; in all ... are held"."""
    more = grant_sentence(feature, further) if further else "nothing more"
    return f"{more}; held in all: {grant_sentence(feature, whole)}"


def partial_sentence(feature: Feature, sentence: str, missing: int) -> str:
    """The same, where less was granted than was asked for."""
    were = "was" if missing == _one(feature) else "were"
    return f"{sentence}; {amount_of(feature, missing)} more {were} asked for" if missing > 0 else sentence


def denial_sentence(
    feature: Feature, verdict: Verdict, remedy: Unlock | None, opens_at: int | None, zone: str,
    rule: Rule | None = None, priced: Collection[str] = (), pack: Pack | None = None,
) -> str:  # fmt: skip
    """What blocks, each thing once, and the ways out. `rule` is the one that denied; its limits say what they count.

    `priced` are the attributes whose values stand as they are; of others the value is a token, which is never shown.
    """
    reasons = dict.fromkeys(_reason(feature, blocker, rule, priced) for blocker in verdict.blockers)
    ways = [way for way in (unlock_sentence(feature, remedy, pack), _opening(opens_at, zone)) if way]
    return f"denied: {', '.join(reasons)}{'; ' if ways else ''}{', or '.join(ways) if pack else ' or '.join(ways)}"


def unlock_sentence(feature: Feature, remedy: Unlock | None, pack: Pack | None = None) -> str:
    """What would let the request pass now: "3 more credits unlock it"; "" if nothing would.

    With the pack that is enough: "3 more credits unlock it: pack small, 100 credits for 9.00 EUR".
    """
    if remedy is None:
        return ""
    steps = []
    if remedy.consent:
        steps.append(f"consent to pay with {remedy.consent}")
    if remedy.credits:
        steps.append(f"{_credits(remedy.credits)} more credit{'' if remedy.credits == MICRO else 's'}")
    if remedy.units:
        steps.append(f"{amount_of(feature, remedy.units)} more{'' if pack else ' as a gift'}")
    one = bool(remedy.consent) or remedy.credits == MICRO or remedy.units == _one(feature)
    alone = len(steps) == 1 and one
    bought = f": pack {pack.name}, {pack_sentence(feature, pack)}" if pack else ""
    return f"{' and '.join(steps)} {'unlocks' if alone else 'unlock'} it{bought}"


def pack_sentence(feature: Feature | None, pack: Pack) -> str:
    """What a pack gives for how much: "100 credits for 9.00 EUR". `feature`: the one whose units it may be of."""
    if pack.measure == "credits":
        return f"{credits_of(pack.amount)} for {pack.paid}"
    given = f"{pack.amount:,} units" if feature is None else amount_of(feature, pack.amount)
    return f"{given} for {pack.paid}"


def _credits(micro: int) -> str:
    whole, _, rest = format_credits(micro).partition(".")
    return f"{int(whole):,}{'.' + rest if rest else ''}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 or noun.endswith('s') else 's'}"


def _one(feature: Feature) -> int:
    """What reads as one of the feature's units."""
    return MICRO if feature.count == "cost" else 1


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
    "bound": "it would pass the bound of {room}",
    "ceiling": "the ceiling {name} has room for {room}{whom}, {asked} asked",
    "window": "the window {name} has {room} left{whom}",
    "spending": "the limit {name} leaves {room}{whom}",
    "cap": "the limit {name} leaves {room}{whom}",
    "units": "{room} left",
    "consent": "the customer does not allow {name}",
    "credits": "{room} left",
    "owed": "{owed} to be paid first",
}


def _reason(feature: Feature, blocker: Blocker, rule: Rule | None, priced: Collection[str]) -> str:
    if blocker.name == "price" and blocker.kind in ("plan", "credits"):
        return f"no price covers this use of {feature.name}"
    need = blocker.room + blocker.short
    limit = limit_of(blocker, rule)
    money = is_money(feature, blocker, limit)
    asked = f"{_credits(need) if money else f'{need:,}'} {'was' if need == (MICRO if money else 1) else 'were'}"
    return _REASONS[blocker.kind].format(
        name=blocker.name,
        feature=feature.name,
        room=_room(feature, blocker, limit),
        asked=asked,
        owed=f"{credits_of(need)} {'is owed and has' if need == MICRO else 'are owed and have'}",
        span=_span(blocker.short),
        whom=_whom(blocker, priced),
    )


def _whom(blocker: Blocker, priced: Collection[str]) -> str:
    if not blocker.scope:
        return ""
    return f" for {blocker.per} {blocker.scope}" if blocker.per in priced else f" for this {blocker.per}"


_BOUNDS = {"open holds": HOLDS_MAX, "scope values": SCOPES_MAX}
"""Bounds of an account: there the blocker's room is what was left of them."""


def limit_of(blocker: Blocker, rule: Rule | None) -> Limit | None:
    """The ceiling or window that blocks: each limit of a rule has a name of its own."""
    if rule is None or blocker.kind not in ("ceiling", "window"):
        return None
    return next((limit for limit in rule.limits() if limit.name == blocker.name), None)


def is_money(feature: Feature, blocker: Blocker, limit: Limit | None) -> bool:
    """Whether room and need are micro-credits."""
    if blocker.kind == "bound":
        return blocker.name in ("credits", "owed") or (blocker.name == "units" and feature.count == "cost")
    if blocker.kind in ("spending", "cap", "credits", "owed") or (limit and limit.of == "credits"):
        return True
    return feature.count == "cost" and (limit is None or limit.of == "units")


def _room(feature: Feature, blocker: Blocker, limit: Limit | None) -> str:
    """The room of a blocker in what it counts; of a limit on the feature's own units just their number."""
    room = blocker.room
    if blocker.kind == "bound":
        if is_money(feature, blocker, limit):
            return f"{credits_of(room)}{' owed' if blocker.name == 'owed' else ''}"
        return f"{_BOUNDS.get(blocker.name, room):,} {blocker.name}"
    if blocker.kind == "units":
        return f"{credits_of(room)} gifted" if feature.count == "cost" else _counted(room, "gifted unit")
    if is_money(feature, blocker, limit):
        # A window gives what is worth that much; it is no balance.
        worth = blocker.kind == "window"
        return f"{credits_of(room)}{_WORTH[room == MICRO] if worth else ''}"
    if limit is None or limit.of == "units":
        return f"{room:,}"
    return f"{room:,} {limit.counts}" if limit.of == "usage" else _counted(room, _NOUNS[limit.of])
