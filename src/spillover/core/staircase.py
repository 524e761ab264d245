"""The waterfall as a staircase: each step with its room before and after, reached or not (design, section 9).

The same rules tell the picture: a layer's room is what it would give to a request without end.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from spillover.core.ceilings import Ceilings
from spillover.core.decide import TOLERANCE, decide, estimate, refused, rule_for
from spillover.core.price import fitting_row, measure
from spillover.core.scopes import missing_attribute
from spillover.core.waterfall import Pour
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.decision import Blocker, Verdict
from spillover.model.leg import Leg
from spillover.model.policy import Layer, Policy
from spillover.model.request import Request


class Step(Struct, frozen=True):
    """One layer: the units it had room for (None: without bound) and gave, what that cost, and what stopped it.

    `reached` is False where nothing was left to give, or something else had denied the request before.
    """

    layer: str
    room: int | None
    given: int
    amount: int
    reached: bool
    blocker: Blocker | None = None

    @property
    def room_after(self) -> int | None:
        """Units of room that are left behind by this request."""
        return None if self.room is None else self.room - self.given


class Ceiling(Struct, frozen=True):
    """A ceiling: what it allows of what it counts (`of`), its room before this request, and whether it had enough."""

    name: str
    of: str
    max: int
    room: int
    passed: bool


_BEFORE_THE_LAYERS = ("state", "plan", "attribute", "late", "bound", "ceiling")
"""What denies a request whatever the layers have: then none of them is reached."""


class Staircase(Struct, frozen=True):
    """The whole waterfall for one request at one instant; a denied request shows what each layer would have given."""

    verdict: Verdict
    price: int | None
    ceilings: tuple[Ceiling, ...]
    steps: tuple[Step, ...]


def staircase(policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, now: int) -> Staircase:
    """Every layer of the account's plan for this request, in order."""
    verdict, _ = decide(policy, profile, cells, request, now)
    rule, feature = rule_for(policy, profile, request.feature, now), policy.features[request.feature]
    row = fitting_row(feature, request.attributes)
    price = None if row is None else 1 if feature.count == "cost" else row.unit_price
    if rule is None or missing_attribute(rule, request):
        return Staircase(verdict, price, (), ())

    def pour(left: int) -> Pour:
        return Pour(rule, profile, cells, request, now, left, price, policy.late > TOLERANCE)

    usage = estimate(rule, request.usage) if request.hold else request.usage
    units = measure(feature, usage, row)
    asked = Ceilings(pour(units), units, usage)
    ceilings = tuple(
        Ceiling(at.limit.name, at.limit.of, at.limit.max, at.room, at.room >= need) for at, need in asked.needs()
    )
    stopped = not verdict.allowed and verdict.blockers[-1].kind in _BEFORE_THE_LAYERS
    stopped = stopped or (request.mode == "record" and refused(rule, profile, request, now) is not None)
    flowing = pour(0 if stopped else asked.reduce() if request.mode == "partial" else units)
    steps = []
    for layer in rule.waterfall:
        steps.append(_step(flowing, pour(AMOUNT_MAX), layer))
    return Staircase(verdict, price, ceilings, tuple(steps))


def _step(flowing: Pour, endless: Pour, layer: Layer) -> Step:
    if flowing.spending:
        # A step further down has no more room than the spending limits leave after the steps above.
        endless.spending = type(flowing.spending)(flowing.spending.gauges)
        endless.spending.taken = flowing.spending.taken
    endless.step(layer)
    given = endless.legs[-1].units if endless.legs else 0
    room = None if given == AMOUNT_MAX else given
    if not flowing.left:
        return Step(layer.source, room, 0, 0, False)
    legs, blockers = len(flowing.legs), len(flowing.blockers)
    flowing.step(layer)
    leg = flowing.legs[-1] if len(flowing.legs) > legs else Leg(layer.source, 0)
    blocker = flowing.blockers[-1] if len(flowing.blockers) > blockers else None
    return Step(layer.source, room, leg.units, leg.amount, True, blocker)
