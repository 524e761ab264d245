"""What a hold keeps of what it drew, and what goes back where: from the last part to the first (design, law 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from spillover.core.giving_back import Returns
from spillover.core.price import charged
from spillover.model.account import Profile
from spillover.model.event import Move
from spillover.model.hold import Hold, Mark, Part
from spillover.model.leg import Leg
from spillover.model.policy import Limit, Rule


class Trimmed(Struct, frozen=True, gc=False):
    """The legs that are kept, (lot, amount) that goes back into cells, and what fell back to lots that are gone."""

    legs: tuple[Leg, ...]
    back: tuple[tuple[int, int], ...]
    moves: tuple[Move, ...]


def trim(
    rule: Rule, profile: Profile, hold: Hold, units: int, price: int | None, returns: Returns, now: int
) -> Trimmed:
    """Keep the first `units` of what the hold drew; what was counted in windows goes to `returns`."""
    surplus, kept = hold.units - units, list[Leg]()
    lots: dict[int, int] = {}
    for part in reversed(hold.parts):
        back = min(surplus, part.leg.units)
        surplus -= back
        leg = _cut(rule, part, part.leg.units - back, price or 0, lots) if back else part.leg
        if leg.units:
            kept.append(leg)
        if back:
            _uncount(rule, part, leg, price or 0, returns)
    live = {lot.id for lot in profile.lots if lot.expires > now}
    expires = dict(hold.expires)
    moves = tuple(
        Move("expire" if expires.get(lot, 0) <= now else "revoke", lot, amount, held=True)
        for lot, amount in lots.items()
        if lot not in live
    )
    return Trimmed(tuple(reversed(kept)), tuple(item for item in lots.items() if item[0] in live), moves)


def _cut(rule: Rule, part: Part, units: int, price: int, lots: dict[int, int]) -> Leg:
    """The leg with its first `units`; what its lots get back is added to `lots`, the last lot first."""
    leg = part.leg
    amount = leg.amount
    if leg.layer in ("credits", "overage"):
        factor = next(layer.factor for layer in rule.waterfall if layer.source == leg.layer)
        amount = min(charged(units, price, factor), leg.amount)  # a leg joined of several was rounded several times
    back = leg.amount - amount if leg.layer == "credits" else leg.units - units if leg.layer == "units" else 0
    kept = []
    for lot, gave in reversed(leg.lots):
        returned = min(back, gave)
        back -= returned
        if returned:
            lots[lot] = lots.get(lot, 0) + returned
        if gave > returned:
            kept.append((lot, gave - returned))
    return replace(leg, units=units, amount=amount, lots=tuple(reversed(kept)))


def _uncount(rule: Rule, part: Part, leg: Leg, price: int, returns: Returns) -> None:
    """Where the part was counted it is counted less."""
    limits = {limit.cell: limit for limit in rule.limits()}
    for mark in part.marks:
        limit = limits.get(mark.limit)
        if limit is None or (limit.of == "credits" and part.leg.layer != "allowance"):
            keep = leg.amount  # a spending limit, a cap, or what is owed on the overage line
        elif limit.of == "credits":
            keep = leg.units * price
        else:
            keep = (mark.count if leg.units else 0) if limit.of == "requests" else leg.units
        returns.add(mark, mark.count - keep)


def joined(parts: Sequence[Part], more: Sequence[Part]) -> tuple[Part, ...]:
    """The parts of a hold with further ones; what goes on where the last one stopped becomes one part with it."""
    found = list(parts)
    for part in more:
        last = found[-1] if found else None
        if last and last.leg.layer == part.leg.layer and _places(last.marks) == _places(part.marks):
            found[-1] = Part(_together(last.leg, part.leg), add_marks(last.marks, part.marks))
        else:
            found.append(part)
    return tuple(found)


def add_marks(marks: Sequence[Mark], more: Sequence[Mark]) -> tuple[Mark, ...]:
    """All marks, those of the same place as one."""
    found = {_place(mark): mark for mark in marks}
    for mark in more:
        known = found.get(_place(mark))
        found[_place(mark)] = replace(mark, count=mark.count + (known.count if known else 0))
    return tuple(found.values())


def _place(mark: Mark) -> tuple[str, str, int, int]:
    return (mark.limit, mark.scope, mark.since, mark.max)


def _places(marks: Sequence[Mark]) -> set[tuple[str, str, int, int]]:
    return {_place(mark) for mark in marks}


def _together(leg: Leg, more: Leg) -> Leg:
    lots = list(leg.lots)
    for lot, amount in more.lots:
        if lots and lots[-1][0] == lot:
            lots[-1] = (lot, lots[-1][1] + amount)
        else:
            lots.append((lot, amount))
    return replace(leg, units=leg.units + more.units, amount=leg.amount + more.amount, lots=tuple(lots))


def give_back_ceilings(
    rule: Rule, hold: Hold, units: int, price: int | None, usage: Mapping[str, int], returns: Returns
) -> None:
    """What ceilings counted too much, from the last mark to the first; requests and subjects are never given back."""
    limits = {limit.cell: limit for limit in rule.ceilings}
    surplus: dict[tuple[str, str], int] = {}
    for mark in hold.ceilings:
        place = (mark.limit, mark.scope)
        surplus.setdefault(place, -_counts(limits[mark.limit], units, price or 0, usage, mark))
        surplus[place] += mark.count
    for mark in reversed(hold.ceilings):
        place = (mark.limit, mark.scope)
        back = min(max(surplus[place], 0), mark.count)
        surplus[place] -= back
        returns.add(mark, back)


def _counts(limit: Limit, units: int, price: int, usage: Mapping[str, int], mark: Mark) -> int:
    """What the ceiling counts in the end."""
    if limit.of == "units":
        return units
    if limit.of == "credits":
        return units * price
    if limit.of == "usage":
        return usage.get(limit.counts, 0)
    return 0 if limit.of == "open_holds" else mark.count
