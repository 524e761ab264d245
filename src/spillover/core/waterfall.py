"""The waterfall: each layer gives as many whole units as it has room for, the rest falls to the next (design, 4).

Every layer writes the box of its part into `Pour.operations` as it gives. One rule makes the box right: what is left
over by a layer must be left over for the same reason in every state of the box. So what blocks is pinned exactly;
whatever stands before it in order must have room for what was taken and one unit more, what stands behind it for
what was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spillover.core.gauges import Bucket, Gauge, gauge
from spillover.core.lots import Purse
from spillover.core.price import affordable, charged
from spillover.core.scopes import scope_of
from spillover.core.spending import Spending
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.decision import Blocker
from spillover.model.hold import Part
from spillover.model.leg import Leg
from spillover.model.policy import Layer, Limit, Rule, Window
from spillover.model.request import Request

OWED = Limit("owed", AMOUNT_MAX, Window("ever"), "owed", "credits")
"""What an account can owe in all on its overage line: every sum stays below 2^53 (design, section 2)."""

DEBT = "debt"
"""The cell of overshoot that is owed: paid layers are closed while it is above 0 (law 7)."""


class Pour:
    """One request on its way down the staircase: what is left of it, who gave what, what stopped each layer."""

    __slots__ = (
        "already", "blockers", "cells", "debt_read", "feature", "late", "left", "legs", "now", "opened", "operations",
        "parts", "price", "profile", "request", "rule", "spending",
    )  # fmt: skip

    def __init__(
        self, rule: Rule, profile: Profile, cells: Mapping[str, int], request: Request, now: int, units: int,
        price: int | None, late: bool = False,
    ) -> None:  # fmt: skip
        """`price` is micro-credits a unit; None where no price row fits. `late`: law 13 counts windows before."""
        self.rule, self.profile, self.cells, self.request, self.now = rule, profile, cells, request, now
        self.feature, self.left, self.price, self.late = request.feature, units, price, late
        self.legs: list[Leg] = []
        self.parts: list[Part] = []  # the same with where they were counted, for a hold
        self.operations: list[Operation] = []
        self.blockers: list[Blocker] = []
        self.spending: Spending | None = None
        self.debt_read = False
        self.already: frozenset[str] = frozenset()  # windows of requests in which the hold has been counted
        self.opened = 0

    def gauges(self, limits: Sequence[Limit]) -> list[Gauge]:
        """The limits that apply to this request, as they stand."""
        found = []
        request, profile, cells, now, late = self.request, self.profile, self.cells, self.now, self.late
        for limit in limits:
            scope = scope_of(limit, request) if limit.per or limit.only else ""
            if scope is not None:
                at = gauge(limit, scope, profile, cells, now, request.subject, late)
                if request.hold and isinstance(at, Bucket):
                    at.marked = True
                found.append(at)
        return found

    def give(self, leg: Leg, *counted: tuple[Sequence[Gauge], Sequence[int], int]) -> None:
        """A layer gives: `counted` are gauges with what each counts for it, and what they counted before."""
        self.legs.append(leg)
        if self.request.hold:
            marks = [
                at.mark(count, before)
                for gauges, counts, before in counted for at, count in zip(gauges, counts, strict=True) if count
            ]  # fmt: skip
            self.parts.append(Part(leg, tuple(marks)))

    def down(self) -> None:
        """Through the layers in the plan's order, until nothing is left."""
        for layer in self.rule.waterfall:
            if not self.left:
                break
            self.step(layer)
        if self.spending:
            self.opened += self.spending.write(self.operations)

    def step(self, layer: Layer) -> None:
        """What one layer gives of what is left."""
        if layer.source == "allowance":
            _allowance(self, layer)
        elif layer.source == "units":
            _units(self)
        else:
            _paid(self, layer)


def blocked(kind: str, at: Gauge, need: int) -> Blocker:
    """The blocker that a limit without room for `need` is."""
    limit = at.limit
    return Blocker(kind, limit.name, at.room, need - at.room, limit.per, at.scope)  # type: ignore[arg-type]


def _allowance(pour: Pour, layer: Layer) -> None:
    """Law 4: the room of the tightest window; what it gives counts in all of them (once in a window of requests)."""
    gauges = pour.gauges(layer.windows)
    left = given = pour.left
    blocking = len(gauges)
    for index, window in enumerate(gauges):
        room = window.room if window.limit.of == "units" else _units_of(pour, window, left)
        if room < given:
            given, blocking = room, index
    counts = []
    before = blocking if blocking < len(gauges) else 0  # those in front of what blocks need room for one unit more
    for index, window in enumerate(gauges):
        if window.limit.of == "units":
            add, least = given, given + 1 if index < before else given
        else:
            add = _counted(pour, window.limit, given)
            least = max(add, _counted(pour, window.limit, given + 1)) if index < before else add
        window.write(add, least, index == blocking, pour.operations)
        counts.append(add)
        if add and window.opens:
            pour.opened += window.opens
    if given:
        pour.give(Leg("allowance", given), (gauges, counts, 0))
    if given < left:
        window = gauges[blocking]
        pour.blockers.append(blocked("window", window, _counted(pour, window.limit, left)))
    pour.left = left - given


def _units_of(pour: Pour, window: Gauge, left: int) -> int:
    """How many of `left` units a window of requests or credits has room for."""
    if window.limit.of == "requests":
        return left if window.room or window.limit.cell in pour.already else 0
    return affordable(window.room, pour.price, (1, 1)) if pour.price else left


def _counted(pour: Pour, limit: Limit, units: int) -> int:
    """What units count in a window. A hold is one request, however often it draws."""
    if limit.of == "units":
        return units
    if limit.of == "credits":
        return units * (pour.price or 0)
    return 1 if units and limit.cell not in pour.already else 0


def _units(pour: Pour) -> None:
    """Gifted units of the feature itself, one for one."""
    purse = Purse(pour.profile.lots, pour.feature, pour.cells, pour.now, pour.request)
    left = pour.left
    given = min(left, purse.total)
    lots = purse.draw(given, given < left, pour.operations)
    if given:
        pour.give(Leg("units", given, lots=lots))
    if given < left:
        pour.blockers.append(Blocker("units", pour.feature, purse.total, left - purse.total))
    pour.left = left - given


def _is_closed(pour: Pour, layer: Layer) -> bool:
    """Whether a paid layer gives nothing before anything is counted; a price of 0 needs neither lots nor limits."""
    if layer.consent and not pour.profile.consent:
        pour.blockers.append(Blocker("consent", layer.source))
        return True
    if pour.price is None:
        pour.blockers.append(Blocker("credits", "price"))
        return True
    if pour.price == 0:
        pour.give(Leg(layer.source, pour.left))
        pour.left = 0
        return True
    pour.debt_read = True
    debt = pour.cells.get(DEBT, 0)
    if debt:
        pour.blockers.append(Blocker("owed", "owed", 0, debt))
    return debt > 0


def _paid(pour: Pour, layer: Layer) -> None:
    """Credits and overage: no more than lots or cap hold, and than spending limits and consent leave (law 5)."""
    if _is_closed(pour, layer):
        return
    price, left = pour.price or 0, pour.left
    if pour.spending is None:
        pour.spending = Spending(pour.gauges(pour.rule.spending))
    spending, factor = pour.spending, layer.factor
    lots, with_lots = pour.profile.lots, layer.source == "credits"
    purse = Purse(lots, "credits", pour.cells, pour.now, pour.request) if with_lots else None
    caps = [] if purse else pour.gauges((layer.cap, OWED) if layer.cap else (OWED,))

    # In order: the spending limits, then from `own` on the layer's own: the lots, or the caps.
    given, blocking, own = left, -1, len(spending.gauges)
    for index, limit in enumerate(spending.gauges):
        room = affordable(limit.room - spending.taken, price, factor)
        if room < given:
            given, blocking = room, index
    for index, held in enumerate([purse.total] if purse else [cap.room for cap in caps], own):
        room = affordable(held, price, factor)
        if room < given:
            given, blocking = room, index

    amount, more = charged(given, price, factor), charged(given + 1, price, factor)
    spending.promise(blocking, amount, more)
    for index, cap in enumerate(caps, own):
        cap.write(amount, more if index < blocking else amount, index == blocking, pour.operations)
        pour.opened += cap.opens if amount else 0
    spent, spending.taken = spending.taken, spending.taken + amount
    drawn = purse.draw(amount, blocking == own, pour.operations) if purse else ()
    if given:
        leg = Leg(layer.source, given, charged(1, price, factor), amount, drawn)
        pour.give(leg, (spending.gauges, [amount] * len(spending.gauges), spent), (caps, [amount] * len(caps), 0))
    if given < left:
        own_limit = None if purse or blocking < own else caps[blocking - own]
        pour.blockers.append(_paid_blocker(spending, spent, blocking, purse, own_limit, charged(left, price, factor)))
    pour.left = left - given


def _paid_blocker(
    spending: Spending, spent: int, blocking: int, purse: Purse | None, cap: Gauge | None, need: int
) -> Blocker:
    if cap is not None:
        return blocked("cap", cap, need)
    if purse is None or blocking < len(spending.gauges):
        return blocked("spending", spending.gauges[blocking], need + spent)
    return Blocker("credits", "credits", purse.total, need - purse.total)
