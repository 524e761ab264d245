"""An open hold goes on or ends: extended, committed, released, expired, or committed too late (design, law 9).

Price, plan, policy and rules are those of the opening; lots, overrides and consent are the account's own of now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from spillover.core.ceilings import Ceilings
from spillover.core.decide import (
    HOLDS,
    LEGS_MAX,
    NO_RULE,
    TOLERANCE,
    Decided,
    cells_for,
    denial,
    expiries,
    hold_cell,
    open_scopes,
    parts_lots,
    time_operation,
)  # fmt: skip
from spillover.core.gauges import gauge_cells
from spillover.core.giving_back import Returns
from spillover.core.lots import lot_cell
from spillover.core.overshoot import overshoot, write_debt
from spillover.core.price import fitting_row, measure
from spillover.core.scopes import SCOPES
from spillover.core.trimming import Trimmed, add_marks, give_back_ceilings, joined, trim
from spillover.core.waterfall import OWED, Pour
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.decision import Blocker, Overshoot, Verdict
from spillover.model.event import Move
from spillover.model.hold import Hold, Part
from spillover.model.leg import Leg
from spillover.model.policy import Policy, Rule
from spillover.model.request import Request

HowEnded = Literal["commit", "release", "expire", "late"]

GROWING = ("units", "credits", "usage")
"""Ceilings that count more when there is more; requests, subjects and open holds were counted at the opening."""


class Ended(Struct, frozen=True, gc=False):
    """How a hold ended: what was granted in the end, its final legs, and what fell back to lots that are gone.

    `refused` says why it cannot end so; then nothing changes.
    """

    units: int
    granted: int
    legs: tuple[Leg, ...] = ()
    overshoot: Overshoot | None = None
    moves: tuple[Move, ...] = ()
    refused: Blocker | None = None


End = tuple[Ended, tuple[Operation, ...]]


def cells_for_hold(policy: Policy, profile: Profile, hold: Hold) -> tuple[str, ...]:
    """The names of all cells that `extend` and `end` may read for this hold."""
    terms = replace(profile, plan=hold.plan, next_plan="")
    names = dict.fromkeys(cells_for(policy, terms, _request(hold)))
    names.update(dict.fromkeys((hold_cell(hold.id), SCOPES, *gauge_cells(OWED, ""))))
    late = policy.late > TOLERANCE
    limits = {limit.cell: limit for limit in _rule(policy, hold).limits()}
    for mark in (*hold.ceilings, *(mark for part in hold.parts for mark in part.marks)):
        if mark.limit in limits:
            names.update(dict.fromkeys(gauge_cells(limits[mark.limit], mark.scope, hold.subject, late)))
    names.update(dict.fromkeys(lot_cell(lot) for lot in hold.lots))
    return tuple(names)


def extend(
    policy: Policy, profile: Profile, cells: Mapping[str, int], hold: Hold, usage: Mapping[str, int], due: int, now: int
) -> Decided:  # fmt: skip
    """The hold with a new estimate in all, `usage`, and a later `due`: what is more is drawn now, exactly.

    The verdict's `units` are those more, its `hold` the new record; a denial leaves the hold as it was.
    """
    most = {name: max(usage.get(name, 0), hold.usage.get(name, 0)) for name in (*hold.usage, *usage)}
    units, price = _metered(policy, hold, most)
    more = max(units - hold.units, 0)
    pour = _pour(policy, profile, cells, hold, now, more, price)
    blocker = Blocker("state", profile.state) if profile.state != "active" else _bound(units)
    ceilings = Ceilings(pour, more, _further(hold, usage))
    blocker = blocker or ceilings.exact()
    if blocker is None:
        pour.down()
        passed = write_debt(pour, 0)
        if pour.left:
            return denial(more, tuple(pour.blockers), pour.operations, pour)
        blocker = passed or open_scopes(pour) or _legs_bound(joined(hold.parts, pour.parts))
    if blocker is not None:
        return denial(more, (blocker,), pour.operations, pour)
    known, drawn = dict(hold.expires), parts_lots(tuple(pour.parts))
    known.update(expiries(profile, drawn))
    record = replace(
        hold, due=max(due, hold.due + 1), usage=most, units=hold.units + more, expires=tuple(known.items()),
        parts=joined(hold.parts, pour.parts), ceilings=add_marks(hold.ceilings, ceilings.marks), steps=hold.steps + 1,
    )  # fmt: skip
    pour.operations.append((hold_cell(hold.id), hold.due, hold.due, None, record.due - hold.due))
    return Verdict(True, more, more, tuple(pour.legs), hold=record), tuple(pour.operations)


def end(
    policy: Policy, profile: Profile, cells: Mapping[str, int], hold: Hold, kind: HowEnded, usage: Mapping[str, int],
    now: int,
) -> End:  # fmt: skip
    """The hold's end. `usage` is the true one of a commit, and not looked at otherwise."""
    if kind == "expire" and now < hold.due + TOLERANCE:
        return Ended(0, 0, refused=Blocker("state", "open", 0, hold.due + TOLERANCE - now)), ()
    if kind == "late":
        return _late(policy, profile, cells, hold, usage, now)
    final = dict(usage) if kind == "commit" else {}
    units, price = _metered(policy, hold, final) if final else (0, 0)
    if bound := _bound(units):
        return Ended(units, 0, refused=bound), ()
    pour = _pour(policy, profile, cells, hold, now, max(units - hold.units, 0), price)
    further = Ceilings(pour, pour.left, _further(hold, final))
    if passed := further.record():
        return Ended(units, 0, refused=passed), ()
    if profile.state == "active":
        pour.down()
    beyond = overshoot(pour)
    returns = Returns(_rule(policy, hold).limits(), cells, now, policy.late > TOLERANCE)
    trimmed = trim(_rule(policy, hold), profile, hold, min(units, hold.units), _price(policy, hold), returns, now)
    give_back_ceilings(_rule(policy, hold), hold, units, _price(policy, hold), final, returns)
    refused = beyond if isinstance(beyond, Blocker) else _written(pour, returns, trimmed, beyond)
    if refused:
        return Ended(units, 0, refused=refused), ()
    pour.operations.append((HOLDS, 1, AMOUNT_MAX, None, -1))
    pour.operations.append((hold_cell(hold.id), hold.due, hold.due, None, -hold.due))
    assert not isinstance(beyond, Blocker)
    return Ended(units, units, (*trimmed.legs, *pour.legs), beyond, trimmed.moves), tuple(pour.operations)


def _written(pour: Pour, returns: Returns, trimmed: Trimmed, beyond: Overshoot | None) -> Blocker | None:
    """What is given back, what is owed and which scope values live, into the box; a blocker where law 14 forbids it."""
    for lot, amount in trimmed.back:
        pour.operations.append((lot_cell(lot), 0, AMOUNT_MAX - amount, None, amount))
    freed = returns.write(pour.operations)
    net, pour.opened = pour.opened - freed, max(pour.opened - freed, 0)
    if net < 0:
        pour.operations.append((SCOPES, 0, AMOUNT_MAX, -net, net))  # those of rules 1 were never counted
    return write_debt(pour, beyond.owed if beyond else 0) or open_scopes(pour) or _legs_bound(tuple(pour.parts))


def _late(
    policy: Policy, profile: Profile, cells: Mapping[str, int], hold: Hold, usage: Mapping[str, int], now: int
) -> End:
    """A commit after expiry: all of the true usage is drawn now, as a record; what had been held was given back."""
    units, price = _metered(policy, hold, usage)
    if bound := _bound(units):
        return Ended(units, 0, refused=bound), ()
    pour = _pour(policy, profile, cells, hold, now, units, price)
    pour.already = frozenset()  # what the opening had counted was given back
    if passed := Ceilings(pour, units, dict(usage)).record():
        return Ended(units, 0, refused=passed), ()
    if profile.state == "active":
        pour.down()
    beyond = overshoot(pour)
    if isinstance(beyond, Blocker):
        return Ended(units, 0, refused=beyond), ()
    refused = write_debt(pour, beyond.owed if beyond else 0) or open_scopes(pour) or _legs_bound(tuple(pour.parts))
    if refused:
        return Ended(units, 0, refused=refused), ()
    pour.operations.append((hold_cell(hold.id), 0, 0, None, 0))
    return Ended(units, units, tuple(pour.legs), beyond), tuple(pour.operations)


def _pour(
    policy: Policy, profile: Profile, cells: Mapping[str, int], hold: Hold, now: int, units: int, price: int | None
) -> Pour:
    """What is to be drawn for the hold from now on, under the rule of its opening."""
    rule = _rule(policy, hold)
    growing = replace(rule, ceilings=tuple(limit for limit in rule.ceilings if limit.of in GROWING))
    pour = Pour(growing, profile, cells, _request(hold), now, units, price, policy.late > TOLERANCE)
    pour.already = frozenset(mark.limit for part in hold.parts for mark in part.marks)
    pour.operations.append(time_operation(policy, now))
    return pour


def _rule(policy: Policy, hold: Hold) -> Rule:
    plan = policy.plans.get(hold.plan)
    return (plan.by_feature.get(hold.feature) if plan else None) or NO_RULE


def _request(hold: Hold) -> Request:
    lasts = max(hold.due - hold.opened, 1)
    return Request(
        hold.account, hold.feature, hold.usage, hold.key, hold.subject, hold.attributes, hold=lasts
    )  # fmt: skip


def _metered(policy: Policy, hold: Hold, usage: Mapping[str, int]) -> tuple[int, int | None]:
    """Units of a usage in all, and the price of one (law 8: never the difference)."""
    feature = policy.features[hold.feature]
    return measure(feature, usage, fitting_row(feature, hold.attributes)), _price(policy, hold)


def _price(policy: Policy, hold: Hold) -> int | None:
    feature = policy.features[hold.feature]
    row = fitting_row(feature, hold.attributes)
    return None if row is None else 1 if feature.count == "cost" else row.unit_price


def _further(hold: Hold, usage: Mapping[str, int]) -> dict[str, int]:
    """By how much each count is above what was estimated."""
    return {name: count - hold.usage.get(name, 0) for name, count in usage.items() if count > hold.usage.get(name, 0)}


def _bound(units: int) -> Blocker | None:
    return Blocker("bound", "units", AMOUNT_MAX, units - AMOUNT_MAX) if units > AMOUNT_MAX else None


def _legs_bound(parts: Sequence[Part]) -> Blocker | None:
    entries = sum(len(part.leg.lots) or 1 for part in parts)
    return Blocker("bound", "legs", LEGS_MAX, entries - LEGS_MAX) if entries > LEGS_MAX else None
