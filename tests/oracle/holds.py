"""Law 9: a hold draws at once and ends once. Price, plan and policy stay those of the opening."""

from __future__ import annotations

from copy import deepcopy
from fractions import Fraction
from typing import NamedTuple

from msgspec.structs import replace

from spillover.model.decision import Blocker, Overshoot, Verdict
from spillover.model.event import Move
from spillover.model.leg import Leg
from tests.oracle.attempt import Attempt, Bounds, Granted, Price, Use
from tests.oracle.history import Account, Counted, Kept, Part
from tests.oracle.meters import Asker, give_back
from tests.oracle.modes import exact, recorded
from tests.oracle.periods import half_up


class Ended(NamedTuple):
    """How a hold ended: what it came to, the final legs in full, and what fell back to lots that are gone; or what
    forbids it (law 14)."""

    units: int
    granted: int
    legs: tuple[Leg, ...] = ()
    overshoot: Overshoot | None = None
    moves: tuple[Move, ...] = ()
    refused: Blocker | None = None


def keep(account: Account, kept: Kept, granted: Granted, usage: dict[str, int], due: int) -> None:
    """What was granted is kept by the hold, beside what it kept before."""
    account.holds[kept.key] = kept
    kept.usage, kept.due = dict(usage), due
    for part in granted.parts:
        kept.parts[-1:] = joined(kept.parts[-1:], part)
    kept.ceilings += granted.ceilings
    drawn = {lot for part in granted.parts for lot, _ in part.leg.lots}
    kept.expires.update({lot.id: lot.expires for lot in account.profile.lots if lot.id in drawn})


def joined(last: list[Part], part: Part) -> list[Part]:
    """What goes on in the same layer, counted in the same places, is one part of a hold with what came before."""
    if not last or last[0].leg.layer != part.leg.layer:
        return [*last, part]
    one, two = last[0], part
    if {counted.spot for counted in one.counted} != {counted.spot for counted in two.counted}:
        return [*last, part]
    lots = list(one.leg.lots)
    for lot, amount in two.leg.lots:
        if lots and lots[-1][0] == lot:
            lots[-1] = lot, lots[-1][1] + amount
        else:
            lots.append((lot, amount))
    leg = replace(one.leg, units=one.leg.units + two.leg.units, amount=one.leg.amount + two.leg.amount)
    more = {counted.spot: counted.amount for counted in two.counted}
    together = [counted._replace(amount=counted.amount + more[counted.spot]) for counted in one.counted]
    return [Part(replace(leg, lots=tuple(lots)), together)]


def attempt_of(account: Account, kept: Kept, now: int, bounds: Bounds) -> Attempt:
    """A further draw of a hold: by its own price, rule and plan, at this instant, on the present terms."""
    asker = Asker(account, kept.subject, kept.attributes, now, kept.policy.late)
    price = Price.of(kept.policy.features[kept.feature], kept.attributes)
    attempt = Attempt(kept.policy, account, kept.plan, asker, price, bounds)
    attempt.known = frozenset(one.place[0] for part in kept.parts for one in part.counted)
    return attempt


def further(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    """Of each count, how much more it is than before."""
    return {name: max(0, count - old.get(name, 0)) for name, count in new.items()}


def extend(account: Account, key: str, usage: dict[str, int], due: int, now: int, bounds: Bounds) -> Verdict:
    """The estimate grows to a new total, metered anew; the further units are drawn as `exact`, at this instant."""
    kept = account.holds[key]
    attempt = attempt_of(account, kept, now, bounds)
    use = Use(max(0, attempt.price.units(usage) - kept.units), further(kept.usage, usage), request=False)
    before = sum(max(1, len(part.leg.lots)) for part in kept.parts)
    verdict, granted = exact(attempt, use, before)
    if granted is not None:
        keep(account, kept, granted, usage, max(due, kept.due + 1))
    return verdict


def end(account: Account, key: str, kind: str, usage: dict[str, int], now: int, bounds: Bounds) -> Ended:
    """See law 9; `usage` is the true one, for commits. What brings too many scope values to life, less those that it
    frees, is refused (law 14): tried on a copy, where it could be."""
    free = bounds._replace(scopes=2**53)
    live = account.live_scopes()
    if live + AN_END_OPENS > bounds.scopes:
        trial = deepcopy(account)
        tried = end_it(trial, key, kind, usage, now, free._replace(legs=2**53))
        room, more = max(0, bounds.scopes - live), trial.live_scopes() - live
        if more > room:
            return Ended(tried.units, 0, refused=Blocker("bound", "scope values", room, more - room))
    return end_it(account, key, kind, usage, now, free)


AN_END_OPENS = 32
"""Scope values that one end brings to life at most, in the policies of these worlds."""


def end_it(account: Account, key: str, kind: str, usage: dict[str, int], now: int, bounds: Bounds) -> Ended:
    """What is more than was kept is drawn as `record`, now; what is less is given back."""
    late = kind == "late"
    kept = (account.expired if late else account.holds)[key]
    attempt = attempt_of(account, kept, now, bounds)
    if late:  # all of it was given back
        attempt.known = frozenset()
    billed = kind in {"commit", "late"}
    usage = usage if billed else {}
    units = attempt.price.units(usage) if billed else 0
    had, known = (0, {}) if late else (kept.units, kept.usage)
    rest = Use(max(0, units - had), further(known, usage), request=False)
    closed = bool(attempt.refusal() or attempt.missing())
    frees = [] if late else freed(kept, usage, units, attempt)
    blocker, done = recorded(attempt, rest, closed=closed)
    if done is None:
        return Ended(units, 0, refused=blocker)
    (account.expired if late else account.holds).pop(key)
    legs, moves = ([], {}) if late else give_back_units(account, kept, kept.units - units, attempt, now)
    for one, back in frees:
        give_back(one, back, now)
    if kind == "expire":
        account.expired[key] = kept
    legs += [part.leg for part in done.parts]
    return Ended(units, units, tuple(legs), done.overshoot, tuple(moves.values()))


def freed(kept: Kept, usage: dict[str, int], units: int, attempt: Attempt) -> list[tuple[Counted, int]]:
    """What ceilings counted too much, the last first: units, credits and usage; open holds always, others never."""
    backs = []
    final = {"units": units, "credits": units * (attempt.price.unit or 0), "open_holds": 0}
    for place in dict.fromkeys(one.place for one in kept.ceilings):
        counted = [one for one in kept.ceilings if one.place == place]
        of = counted[0].of
        if of in {"requests", "subjects"}:
            continue
        stays = usage.get(counted[0].counts, 0) if of == "usage" else final[of]
        surplus = max(0, sum(one.amount for one in counted) - stays)
        for one in reversed(counted):
            backs.append((one, min(surplus, one.amount)))
            surplus -= backs[-1][1]
    return backs


Moves = dict[int, Move]


def give_back_units(account: Account, kept: Kept, units: int, attempt: Attempt, now: int) -> tuple[list[Leg], Moves]:
    """So many units less, from the last part to the first; the legs that are left, and what fell back to no lot."""
    legs: list[Leg] = []
    moves: Moves = {}
    for leg, counted in reversed(kept.parts):
        back = min(leg.units, max(0, units))
        units -= back
        stays = leg
        if back:
            left = leg.units - back
            amount = price_of(attempt, leg, left)
            of_lots = amount if leg.layer == "credits" else left
            lots = give_back_to_lots(account, kept, leg, of_lots, now, moves)
            stays = Leg(leg.layer, left, leg.price, amount, lots)
            for one in counted:
                give_back(one, too_much(one, leg, stays, attempt.price.unit or 0), now)
            if leg.layer == "overage":
                account.advanced.append(amount - leg.amount)
        if stays.units:
            legs.insert(0, stays)
    return legs, moves


def price_of(attempt: Attempt, leg: Leg, units: int) -> int:
    """What so many units of a leg cost: rounded once; a leg that was joined of several may have cost less before."""
    if leg.layer not in {"credits", "overage"} or attempt.rule is None:
        return 0
    factor = next(Fraction(*layer.factor) for layer in attempt.rule.waterfall if layer.source == leg.layer)
    return min(half_up(units * (attempt.price.unit or 0) * factor), leg.amount)


def too_much(one: Counted, leg: Leg, stays: Leg, price: int) -> int:
    """Of what was counted for a leg, what is above what it is now."""
    if one.of == "requests":
        return 0 if stays.units else one.amount
    if leg.layer in {"credits", "overage"}:
        return leg.amount - stays.amount
    return (leg.units - stays.units) * (price if one.of == "credits" else 1)


def give_back_to_lots(
    account: Account, kept: Kept, leg: Leg, left: int, now: int, moves: Moves
) -> tuple[tuple[int, int], ...]:
    """From the last lot of the leg to the first, until `left` is what it still gives."""
    back = sum(part for _, part in leg.lots) - left
    stay: list[tuple[int, int]] = []
    here = {lot.id for lot in account.profile.lots if now < lot.expires}
    for lot, part in reversed(leg.lots):
        falls = min(part, back)
        back -= falls
        if part > falls:
            stay.insert(0, (lot, part - falls))
        if falls and lot in here:
            account.lots[lot].append(falls)
        elif falls:
            before = moves[lot].amount if lot in moves else 0
            moves[lot] = Move("expire" if now >= kept.expires[lot] else "revoke", lot, before + falls, held=True)
    return tuple(stay)
