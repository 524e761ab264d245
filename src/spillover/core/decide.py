"""The decision: may this request pass, and who pays? One pure function for every store (design, sections 4 and 5).

cells_for(policy, profile, request) -> the names of the cells that the decision may read
decide(policy, profile, cells, request, now) -> the verdict, and the box of states in which it is the verdict
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec.structs import replace

from spillover.core.ceilings import Ceilings
from spillover.core.gauges import gauge_cells
from spillover.core.intake import HOLD_DEFAULT
from spillover.core.lots import lot_cell
from spillover.core.overshoot import overshoot, write_debt
from spillover.core.price import fitting_row, measure
from spillover.core.scopes import SCOPES, SCOPES_MAX, fits, missing_attribute, scope_of
from spillover.core.waterfall import DEBT, OWED, Pour
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.decision import Blocker, Overshoot, Verdict
from spillover.model.hold import Hold, Part
from spillover.model.policy import Policy, Rule
from spillover.model.request import Request

RULES = 2
"""The version of the rules, kept in every event. A change of meaning raises it."""

TOLERANCE = 1000
"""Milliseconds by which clocks may differ; the shortest window and slot."""

LEGS_MAX = 32
"""Entries of a decision, counted as one for each lot drawn and for each layer without lots (law 14)."""

HOLDS_MAX = 10_000
"""Open holds of an account (law 14)."""

TIME = "t"
"""The cell of the newest instant that the account has seen."""

HOLDS = "holds"
"""The cell that counts the open holds of the account."""

NO_RULE = Rule("", (), ())
"""What records usage that the plan says nothing of."""

Decided = tuple[Verdict, tuple[Operation, ...]]


def cells_for(policy: Policy, profile: Profile, request: Request) -> tuple[str, ...]:
    """The names of all cells that `decide` may read for this request, whenever; bounded by the policy and the lots."""
    names = dict.fromkeys((TIME, HOLDS, DEBT))
    late = policy.late > TOLERANCE
    for plan in {profile.plan, profile.next_plan}:
        rule = policy.plans[plan].by_feature.get(request.feature) if plan in policy.plans else None
        if rule is None:
            continue
        for limit in rule.limits():
            scope = scope_of(limit, request)
            if scope is not None:
                names.update(dict.fromkeys(gauge_cells(limit, scope, request.subject, late)))
                if limit.per or limit.of == "subjects":
                    names[SCOPES] = None
        if any(layer.source == "overage" for layer in rule.waterfall):
            names.update(dict.fromkeys(gauge_cells(OWED, "")))
    measures = ("credits", request.feature)
    for lot in profile.lots:
        if lot.measure in measures and (not lot.scope or fits(lot.scope, request)):
            names[lot_cell(lot.id)] = None
    if request.hold:
        names[hold_cell(hold_id(request.key))] = None
    return tuple(names)


def hold_id(key: str) -> str:
    """The short form of a hold's key: 64 bits in hexadecimal."""
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


def hold_cell(id_: str) -> str:
    """The name of the cell that holds when an open hold is due."""
    return f"hold:{id_}"


def plan_of(profile: Profile, now: int) -> str:
    """The plan in force: the scheduled one from its instant on."""
    return profile.next_plan if profile.next_plan and now >= profile.next_at else profile.plan


def rule_for(policy: Policy, profile: Profile, feature: str, now: int) -> Rule | None:
    """What the account's plan says of the feature."""
    plan = policy.plans.get(plan_of(profile, now))
    return plan.by_feature.get(feature) if plan else None


def estimate(rule: Rule, usage: Mapping[str, int]) -> dict[str, int]:
    """The usage that a hold is opened on: what the caller gave, else the rule's default, each at least its minimum."""
    found = dict(usage) or dict(rule.hold.default)
    for name, least in rule.hold.at_least:
        found[name] = max(found.get(name, 0), least)
    return found


def decide(policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, now: int) -> Decided:
    """The verdict on a request at `now` (milliseconds since 1970), and its box with the changes to apply.

    A denial's box changes nothing. Mode `exact`: all units asked for are granted, or nothing is consumed; `partial`: as
    many as there are; `record`: all, and what no layer can pay is overshoot.
    """
    rule = rule_for(policy, profile, request.feature, now)
    feature = policy.features[request.feature]
    row = fitting_row(feature, request.attributes)
    usage = estimate(rule, request.usage) if request.hold and rule else request.usage
    units = measure(feature, usage, row)
    refusal = refused(rule, profile, request, now)
    if row is None and feature.count == "cost":
        refusal = refusal or Blocker("plan", "price")
    if units > AMOUNT_MAX:
        return denial(units, (Blocker("bound", "units", AMOUNT_MAX, units - AMOUNT_MAX),), [])
    recorded = request.mode == "record"
    if refusal and not recorded:
        return denial(units, (refusal,), [])
    seen = cells.get(TIME, 0)
    if seen > now + policy.late:
        late: Operation = (TIME, now + policy.late + 1, AMOUNT_MAX, None, 0)
        return denial(units, (Blocker("late", "time", 0, seen - now),), [late])
    rule = rule or NO_RULE
    missing = missing_attribute(rule, request) if rule.needs or rule.at_times else None
    if missing and not recorded:
        return denial(units, (Blocker("attribute", missing),), [(TIME, 0, now + policy.late, None, 0)])

    price = None if row is None else 1 if feature.count == "cost" else row.unit_price
    pour = Pour(rule, profile, cells, request, now, units, price, policy.late > TOLERANCE)
    pour.operations.append(time_operation(policy, now))
    ceilings = Ceilings(pour, units, usage)
    if recorded:
        return _record(pour, ceilings, units, closed=bool(refusal or missing))
    decided = _partial(pour, ceilings, units) if request.mode == "partial" else _exact(pour, ceilings, units)
    return _held(policy, pour, ceilings, usage, decided) if request.hold and decided[0].allowed else decided


def time_operation(policy: Policy, now: int) -> Operation:
    """The account has seen nothing that is newer than the horizon allows; now it has seen this instant."""
    return (TIME, 0, now + policy.late, now, 0)


def refused(rule: Rule | None, profile: Profile, request: Request, now: int) -> Blocker | None:
    """What needs no counting: the account's state, its plan, what the plan is only for. True by the profile alone."""
    if profile.state != "active":
        return Blocker("state", profile.state)
    if rule is None:
        return Blocker("plan", plan_of(profile, now))
    for name, values in rule.only:
        if request.attributes.get(name) not in values:
            return Blocker("plan", name)
    return None


def _exact(pour: Pour, ceilings: Ceilings, units: int) -> Decided:
    ceiling = ceilings.exact() if ceilings.gauges else None
    if ceiling:
        return denial(units, (ceiling,), pour.operations, pour)
    pour.down()
    if pour.left:
        write_debt(pour, 0)
        return denial(units, tuple(pour.blockers), pour.operations, pour)
    return _granted(pour, units, units, ())


def _partial(pour: Pour, ceilings: Ceilings, units: int) -> Decided:
    asked = pour.left = ceilings.reduce()
    if asked:
        pour.down()
    granted = asked - pour.left
    ceiling = ceilings.partial(asked, granted, pour.left)
    blockers = (*((ceiling,) if ceiling else ()), *pour.blockers)
    if not granted and (units or ceiling):
        write_debt(pour, 0)
        return denial(units, blockers, pour.operations, pour)
    return _granted(pour, units, granted, blockers)


def _record(pour: Pour, ceilings: Ceilings, units: int, *, closed: bool) -> Decided:
    passed = ceilings.record()
    if not (closed or passed):
        pour.down()
    beyond = passed or overshoot(pour)
    if isinstance(beyond, Blocker):
        return denial(units, (beyond,), pour.operations, pour)
    return _granted(pour, units, units, (), beyond)


def _granted(
    pour: Pour, units: int, granted: int, blockers: tuple[Blocker, ...], beyond: Overshoot | None = None
) -> Decided:
    passed = write_debt(pour, beyond.owed if beyond else 0) if pour.debt_read or beyond else None
    entries = 0
    for leg in pour.legs:
        entries += len(leg.lots) or 1
    if entries > LEGS_MAX:
        passed = passed or Blocker("bound", "legs", LEGS_MAX, entries - LEGS_MAX)
    if pour.opened:
        passed = passed or open_scopes(pour)
    if passed:
        return denial(units, (passed,), pour.operations, pour)
    return Verdict(True, units, granted, tuple(pour.legs), blockers, beyond), tuple(pour.operations)


def open_scopes(pour: Pour) -> Blocker | None:
    """Count the scope values that this brings to life; a blocker if the account has too many (law 14)."""
    if not pour.opened:
        return None
    room = SCOPES_MAX - pour.cells.get(SCOPES, 0)
    if room < pour.opened:
        pour.operations.append((SCOPES, SCOPES_MAX - pour.opened + 1, AMOUNT_MAX, None, 0))
        return Blocker("bound", "scope values", max(room, 0), pour.opened - room)
    pour.operations.append((SCOPES, 0, SCOPES_MAX - pour.opened, None, pour.opened))
    return None


def _held(policy: Policy, pour: Pour, ceilings: Ceilings, usage: dict[str, int], decided: Decided) -> Decided:
    """The grant as a hold: counted, due, and with the record that its end needs."""
    verdict, operations = decided
    request, now, rule = pour.request, pour.now, pour.rule
    count = pour.cells.get(HOLDS, 0)
    if count >= HOLDS_MAX:
        bound = Blocker("bound", "open holds", 0, 1)
        return denial(verdict.units, (bound,), [*operations, (HOLDS, HOLDS_MAX, AMOUNT_MAX, None, 0)], pour)
    id_ = hold_id(request.key)
    due = now + (rule.hold.lasts if request.hold == HOLD_DEFAULT else request.hold)
    parts = tuple(pour.parts)
    record = Hold(
        id_, request.key, request.account, request.feature, now, due, policy.hash, plan_of(pour.profile, now), RULES,
        usage, verdict.granted, parts, tuple(ceilings.marks), request.subject, request.attributes,
        expiries(pour.profile, parts_lots(parts)),
    )  # fmt: skip
    box = (*operations, (HOLDS, 0, HOLDS_MAX - 1, None, 1), (hold_cell(id_), 0, 0, None, due))
    return replace(verdict, hold=record), box


def parts_lots(parts: tuple[Part, ...]) -> dict[int, int]:
    """Lot -> what these parts drew of it."""
    drawn: dict[int, int] = {}
    for part in parts:
        for lot, amount in part.leg.lots:
            drawn[lot] = drawn.get(lot, 0) + amount
    return drawn


def expiries(profile: Profile, drawn: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """When the lots that were drawn on expire."""
    return tuple((lot.id, lot.expires) for lot in profile.lots if lot.id in drawn)


def denial(units: int, blockers: tuple[Blocker, ...], operations: list[Operation], pour: Pour | None = None) -> Decided:
    """A denial keeps the conditions and drops the changes. Where no hold is open, the box says so (law 9)."""
    box = [(name, low, high, None, 0) for name, low, high, _, _ in operations]
    if pour is not None and not pour.cells.get(HOLDS, 0):
        box.append((HOLDS, 0, 0, None, 0))
    return Verdict(False, units, 0, (), blockers), tuple(box)
