"""The windows and ceilings that a decision met, as they stand after it: read from what the engine remembers.

Nothing is loaded for this, and nothing decided: where the engine remembers no more, a limit is not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from spillover.access.desk import Desk
from spillover.core.decide import TOLERANCE, rule_for
from spillover.core.gauges import Bucket, Counter, Ever, Gauge, gauge, gauge_cells
from spillover.core.intake import Ask
from spillover.core.lots import lot_cell
from spillover.core.price import fitting_row
from spillover.core.scopes import TICKS_FROM, scope_of
from spillover.core.sliding import Sliding, slot_length
from spillover.core.waterfall import Pour
from spillover.engine.answers import Decision
from spillover.model.account import Profile
from spillover.model.commit import State
from spillover.model.policy import Limit, Policy, Rule
from spillover.model.request import Request

SECOND = 1000
UNITS = {"hour": 3_600, "day": 86_400, "week": 604_800}


class Told(Struct, frozen=True):
    """One limit: its maximum, the room that is left, its window and when there is more room, in whole seconds.

    `kind`: "ceiling", or "window" of an allowance. `window` is 0 and `resets` None where nothing resets. `passed_on`:
    it is empty, but a later layer pays, so nobody has to wait for it.
    """

    kind: str
    name: str
    of: str
    max: int
    room: int
    window: int
    resets: int | None
    passed_on: bool = False


class Standing(Struct, frozen=True):
    """What is told beside a decision; `credits`: the micro-credits of all lots that are in effect, None if untold."""

    limits: tuple[Told, ...] = ()
    credits: int | None = None


def standing_after(
    desk: Desk, decision: Decision, subject: str | None, attributes: Mapping[str, str] | None, *, credits: bool = False
) -> Standing:
    """The limits of the decision's rule, for the account and for who asked. `credits`: tell these too."""
    policy = desk.policy
    ask = Ask(decision.account, decision.feature, {}, subject or "", dict(attributes or {}), decision.key)
    named = desk.known.at_hand(ask, policy)
    state = desk.known.remembered(named[0]) if named else None
    if named is None or state is None or state.profile is None:
        return Standing()
    profile = state.profile
    now = max(decision.at, desk.clock())
    rule = rule_for(policy, profile, decision.feature, now)
    if rule is None:
        return Standing()
    request = Request(named[0], decision.feature, {}, "", named[1], named[2])
    limits = tuple(_limits(policy, rule, state, profile, request, now))
    if any(one.kind == "window" and not one.room for one in limits) and _is_paid_for(
        policy, rule, state, profile, request, now
    ):
        limits = tuple(replace(one, passed_on=one.kind == "window" and not one.room) for one in limits)
    return Standing(limits, _credits(state, profile, now) if credits else None)


def _limits(policy: Policy, rule: Rule, state: State, profile: Profile, request: Request, now: int) -> Iterator[Told]:
    late = policy.late > TOLERANCE
    windows = [("window", limit) for layer in rule.waterfall for limit in layer.windows]
    for kind, limit in [*(("ceiling", limit) for limit in rule.ceilings), *windows]:
        scope = scope_of(limit, request)
        if scope is None or limit.of in ("open_holds", "subjects"):
            continue
        if any(name not in state.cells for name in gauge_cells(limit, scope, "", late)):
            continue
        found = gauge(limit, scope, profile, state.cells, now, "", late)
        window, resets = _times(found, limit, now)
        yield Told(kind, limit.name, limit.of, found.limit.max, found.room, window, resets)


def _times(found: Gauge, limit: Limit, now: int) -> tuple[int, int | None]:
    """The window's length, and how long until there is more room, both in whole seconds."""
    window = UNITS.get(limit.window.unit) or limit.window.length // SECOND
    match found:
        case Counter():
            start = found.start or now
            return window or _up(found.end - start), None if _is_untouched(found) else _up(found.end - now)
        case Bucket():
            full = TICKS_FROM - (-found.full // found.limit.ticks)
            return window, _up(full - now)
        case Sliding():
            length = slot_length(limit)
            return window, None if found.room >= found.limit.max else _up((now // length + 1) * length - now)
        case Ever():
            return 0, None
        case _:
            return window, None


def _is_untouched(found: Counter) -> bool:
    return found.fresh and found.limit.window.kind == "session"


def _up(milliseconds: int) -> int:
    return max(-(-milliseconds // SECOND), 0)


def _is_paid_for(policy: Policy, rule: Rule, state: State, profile: Profile, request: Request, now: int) -> bool:
    """Whether one unit more would be paid by a later layer, whatever ceilings say."""
    feature = policy.features[request.feature]
    row = fitting_row(feature, request.attributes)
    price = None if row is None else 1 if feature.count == "cost" else row.unit_price
    asked = replace(request, usage=dict.fromkeys(feature.usage_names, 1))
    pour = Pour(rule, profile, state.cells, asked, now, 1, price, policy.late > TOLERANCE)
    for layer in rule.waterfall:
        pour.step(layer)
    return not pour.left


def _credits(state: State, profile: Profile, now: int) -> int | None:
    lots = [lot for lot in profile.lots if lot.measure == "credits" and lot.effective <= now < lot.expires]
    if any(lot_cell(lot.id) not in state.cells for lot in lots):
        return None
    return sum(state.cells[lot_cell(lot.id)] for lot in lots)
