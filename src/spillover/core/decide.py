"""The decision: may this request pass, and who pays? One pure function for every store (design, sections 4 and 5).

cells_for(policy, profile, request) -> the names of the cells that the decision may read
decide(policy, profile, cells, request, now) -> the verdict, and the box of states in which it is the verdict
"""

from __future__ import annotations

from collections.abc import Mapping

from spillover.core.gauges import gauge_cells
from spillover.core.lots import lot_cell
from spillover.core.price import fitting_row, measure
from spillover.core.waterfall import OWED, Pour, blocked, scope_of
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.decision import Blocker, Verdict
from spillover.model.policy import Limit, Policy, Rule
from spillover.model.request import Request

RULES = 1
"""The version of the rules, kept in every event. A change of meaning raises it."""

TOLERANCE = 1000
"""Milliseconds by which clocks may differ; the shortest window and slot."""

LEGS_MAX = 32
"""Entries of a decision, counted as one for each lot drawn and for each layer without lots (law 14)."""

TIME = "t"
"""The cell of the newest instant that the account has seen."""

Decided = tuple[Verdict, tuple[Operation, ...]]


def cells_for(policy: Policy, profile: Profile, request: Request) -> tuple[str, ...]:
    """The names of all cells that `decide` may read for this request, whenever; bounded by the policy and the lots."""
    names = [TIME]
    rule = rule_for(policy, profile, request.feature)
    if rule is None:
        return tuple(names)
    for limit in rule.limits():
        scope = scope_of(limit, request)
        if scope is not None:
            names.extend(gauge_cells(limit, scope))
    if any(layer.source == "overage" for layer in rule.waterfall):
        names.extend(gauge_cells(OWED, ""))
    measures = ("credits", request.feature)
    names.extend(lot_cell(lot.id) for lot in profile.lots if lot.measure in measures)
    return tuple(names)


def rule_for(policy: Policy, profile: Profile, feature: str) -> Rule | None:
    """What the account's plan says of the feature."""
    plan = policy.plans.get(profile.plan)
    return plan.by_feature.get(feature) if plan else None


def decide(policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, now: int) -> Decided:
    """The verdict on a request at `now` (milliseconds since 1970), and its box with the changes to apply.

    A denial's box changes nothing. Mode `exact`: all units asked for are granted, or nothing is consumed.
    """
    rule = rule_for(policy, profile, request.feature)
    feature = policy.features[request.feature]
    row = fitting_row(feature, request.attributes)
    units = measure(feature, request.usage, row)
    refusal = refused(rule, profile, request.attributes)
    if row is None and feature.count == "cost":
        refusal = refusal or Blocker("plan", "price")
    if units > AMOUNT_MAX:
        refusal = refusal or Blocker("bound", "units", AMOUNT_MAX, units - AMOUNT_MAX)
    if refusal or rule is None:
        return _denied(units, (refusal or Blocker("plan", profile.plan),), [])
    seen = cells.get(TIME, 0)
    if seen > now + TOLERANCE:
        late: Operation = (TIME, now + TOLERANCE + 1, AMOUNT_MAX, None, 0)
        return _denied(units, (Blocker("late", "time", 0, seen - now),), [late])
    missing = next((name for name in rule.needs if name not in request.attributes), None)
    if missing:
        return _denied(units, (Blocker("attribute", missing),), [(TIME, 0, now + TOLERANCE, None, 0)])

    price = None if row is None else 1 if feature.count == "cost" else row.unit_price
    pour = Pour(rule, profile, cells, request, now, units, price)
    pour.operations.append((TIME, 0, now + TOLERANCE, now, 0))
    ceiling = _ceilings(pour, rule.ceilings, units)
    if ceiling:
        return _denied(units, (ceiling,), pour.operations)
    pour.down()
    if pour.left:
        return _denied(units, tuple(pour.blockers), pour.operations)
    entries = sum(len(leg.lots) or 1 for leg in pour.legs)
    if entries > LEGS_MAX:
        return _denied(units, (Blocker("bound", "legs", LEGS_MAX, entries - LEGS_MAX),), pour.operations)
    return Verdict(True, units, units, tuple(pour.legs)), tuple(pour.operations)


def refused(rule: Rule | None, profile: Profile, attributes: Mapping[str, str]) -> Blocker | None:
    """What needs no counting: the account's state, its plan, what the plan is only for. True by the profile alone."""
    if profile.state != "active":
        return Blocker("state", profile.state)
    if rule is None:
        return Blocker("plan", profile.plan)
    for name, values in rule.only:
        if attributes.get(name) not in values:
            return Blocker("plan", name)
    return None


def _ceilings(pour: Pour, ceilings: tuple[Limit, ...], units: int) -> Blocker | None:
    """Law 1: each must have room for the whole request, whoever could pay."""
    for limit in pour.gauges(ceilings):
        need = 1 if limit.limit.of == "requests" else units
        if limit.room < need:
            limit.write(0, 0, True, pour.operations)
            return blocked("ceiling", limit, need)
        limit.write(need, need, False, pour.operations)
    return None


def _denied(units: int, blockers: tuple[Blocker, ...], operations: list[Operation]) -> Decided:
    """A denial keeps the conditions and drops the changes."""
    box = tuple((name, low, high, None, 0) for name, low, high, _, _ in operations)
    return Verdict(False, units, 0, (), blockers), box
