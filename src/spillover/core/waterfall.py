"""The waterfall: each layer gives as many whole units as it has room for, the rest falls to the next (design, 4).

Every layer writes the box of its part into `Pour.operations` as it gives. One rule makes the box right: what is left
over by a layer must be left over for the same reason in every state of the box. So what blocks is pinned exactly;
whatever stands before it in order must have room for what was taken and one unit more, what stands behind it for
what was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spillover.core.gauges import Gauge, gauge
from spillover.core.lots import Purse
from spillover.core.price import affordable, charged
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.decision import Blocker
from spillover.model.leg import Leg
from spillover.model.policy import Layer, Limit, Rule, Window
from spillover.model.request import Request

OWED = Limit("owed", AMOUNT_MAX, Window("ever"), "owed", "credits")
"""What an account can owe in all on its overage line: every sum stays below 2^53 (design, section 2)."""


def scope_of(limit: Limit, request: Request) -> str | None:
    """The value that the limit counts per: "" for the whole account, None where it does not apply to this request."""
    if not limit.per:
        return ""
    if limit.per == "subject":
        return request.subject
    return request.attributes.get(limit.per)


class Pour:
    """One request on its way down the staircase: what is left of it, who gave what, what stopped each layer."""

    __slots__ = (
        "blockers", "cells", "feature", "left", "legs", "now", "operations", "price", "profile", "request",
        "rule", "spending",
    )  # fmt: skip

    def __init__(
        self, rule: Rule, profile: Profile, cells: Mapping[str, int], request: Request, now: int, units: int,
        price: int | None,
    ) -> None:  # fmt: skip
        """`price` is micro-credits a unit; None where no price row fits."""
        self.rule, self.profile, self.cells, self.request, self.now = rule, profile, cells, request, now
        self.feature, self.left, self.price = request.feature, units, price
        self.legs: list[Leg] = []
        self.operations: list[Operation] = []
        self.blockers: list[Blocker] = []
        self.spending: Spending | None = None

    def gauges(self, limits: Sequence[Limit]) -> list[Gauge]:
        """The limits that apply to this request, as they stand."""
        found = []
        for limit in limits:
            scope = scope_of(limit, self.request)
            if scope is not None:
                found.append(gauge(limit, scope, self.profile, self.cells, self.now))
        return found

    def down(self) -> None:
        """Through the layers in the plan's order, until nothing is left."""
        for layer in self.rule.waterfall:
            if not self.left:
                break
            self.step(layer)
        if self.spending:
            self.spending.write(self.operations)

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
        room = window.room
        if window.limit.of == "requests":
            room = left if room else 0
        if room < given:
            given, blocking = room, index
    for index, window in enumerate(gauges):
        more = 1 if blocking < len(gauges) and index < blocking else 0
        if window.limit.of == "requests":
            once = 1 if given else 0
            window.write(once, max(once, more), index == blocking, pour.operations)
        else:
            window.write(given, given + more, index == blocking, pour.operations)
    if given:
        pour.legs.append(Leg("allowance", given))
    if given < left:
        window = gauges[blocking]
        pour.blockers.append(blocked("window", window, 1 if window.limit.of == "requests" else left))
    pour.left = left - given


def _units(pour: Pour) -> None:
    """Gifted units of the feature itself, one for one."""
    purse = Purse(pour.profile.lots, pour.feature, pour.cells, pour.now)
    left = pour.left
    given = min(left, purse.total)
    lots = purse.draw(given, given < left, pour.operations)
    if given:
        pour.legs.append(Leg("units", given, lots=lots))
    if given < left:
        pour.blockers.append(Blocker("units", pour.feature, purse.total, left - purse.total))
    pour.left = left - given


class Spending:
    """The spending limits of a request: how much its paid layers took, and what room the box must promise."""

    __slots__ = ("gauges", "least", "pinned", "taken")

    def __init__(self, gauges: list[Gauge]) -> None:
        self.gauges = gauges
        self.taken = 0
        self.least = [0] * len(gauges)
        self.pinned: set[int] = set()

    def promise(self, blocking: int, amount: int, more: int) -> None:
        """What a layer that takes `amount` needs of each limit: `more` (a unit's more) before the one that blocks."""
        for index in range(len(self.gauges)):
            if index == blocking:
                self.pinned.add(index)
            need = self.taken + (more if index < blocking else amount)
            self.least[index] = max(self.least[index], need)

    def write(self, operations: list[Operation]) -> None:
        """Each limit once, for all paid layers together."""
        for index, limit in enumerate(self.gauges):
            limit.write(self.taken, max(self.least[index], self.taken), index in self.pinned, operations)


def _paid(pour: Pour, layer: Layer) -> None:
    """Credits and overage: no more than lots or cap hold, and than spending limits and consent leave (law 5)."""
    price, left = pour.price, pour.left
    if layer.consent and not pour.profile.consent:
        pour.blockers.append(Blocker("consent", layer.source))
        return
    if price is None:
        pour.blockers.append(Blocker("credits", "price"))
        return
    if price == 0:
        pour.legs.append(Leg(layer.source, left))
        pour.left = 0
        return
    if pour.spending is None:
        pour.spending = Spending(pour.gauges(pour.rule.spending))
    spending, factor = pour.spending, layer.factor
    purse = Purse(pour.profile.lots, "credits", pour.cells, pour.now) if layer.source == "credits" else None
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
    spent, spending.taken = spending.taken, spending.taken + amount
    lots = purse.draw(amount, blocking == own, pour.operations) if purse else ()
    if given:
        pour.legs.append(Leg(layer.source, given, charged(1, price, factor), amount, lots))
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
