"""The windows and ceilings that a decision met, as they stand after it: read from what the engine remembers.

Nothing is loaded for this, and nothing decided: where the engine remembers no more, a limit is not told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    one_unit = dict.fromkeys(policy.features[decision.feature].usage_names, 1)
    view = View(policy, rule, state.cells, profile, Request(named[0], decision.feature, one_unit, "", *named[1:]), now)
    limits = [view.told("ceiling", limit) for limit in rule.ceilings]
    layers = [[view.told("window", limit) for limit in layer.windows] for layer in rule.waterfall]
    told = [one for row in (limits, *layers) for one in row if one is not None]
    if any(not one.room and one.kind == "window" for one in told) and view.is_paid_for(layers):
        told = [replace(one, passed_on=True) if not one.room and one.kind == "window" else one for one in told]
    return Standing(tuple(told), _credits(state, profile, now) if credits else None)


class View:
    """What is remembered, as one request sees it: `request` asks for one unit."""

    __slots__ = ("cells", "late", "now", "policy", "profile", "request", "rule")

    def __init__(
        self, policy: Policy, rule: Rule, cells: Mapping[str, int], profile: Profile, request: Request, now: int
    ) -> None:
        self.policy, self.rule, self.cells, self.profile, self.request = policy, rule, cells, profile, request
        self.now, self.late = now, policy.late > TOLERANCE

    def told(self, kind: str, limit: Limit) -> Told | None:
        """A limit as it stands; None where it does not apply, or is not remembered."""
        scope, cells = scope_of(limit, self.request), self.cells
        if scope is None or limit.of in ("open_holds", "subjects"):
            return None
        for name in gauge_cells(limit, scope, "", self.late):
            if name not in cells:
                return None
        found = gauge(limit, scope, self.profile, cells, self.now, "", self.late)
        window, resets = _times(found, limit, self.now)
        return Told(kind, limit.name, limit.of, found.limit.max, found.room, window, resets)

    def is_paid_for(self, layers: Sequence[Sequence[Told | None]]) -> bool:
        """Whether the unit would be paid by a later layer, whatever ceilings say. `layers`: their windows, as told."""
        request = self.request
        feature = self.policy.features[request.feature]
        row = fitting_row(feature, request.attributes)
        price = None if row is None else 1 if feature.count == "cost" else row.unit_price
        pour = Pour(self.rule, self.profile, self.cells, request, self.now, 1, price, self.late)
        for layer, windows in zip(self.rule.waterfall, layers, strict=True):
            if not any(one and not one.room and one.of in ("units", "requests") for one in windows):
                pour.step(layer)  # with such a window it gives nothing
        return not pour.left


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


def _credits(state: State, profile: Profile, now: int) -> int | None:
    lots = [lot for lot in profile.lots if lot.measure == "credits" and lot.effective <= now < lot.expires]
    if any(lot_cell(lot.id) not in state.cells for lot in lots):
        return None
    return sum(state.cells[lot_cell(lot.id)] for lot in lots)
