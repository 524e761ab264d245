"""One use at one instant, read against the history: what it amounts to, what forbids it, who pays, what is left."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from spillover.model.decision import Blocker, Overshoot
from spillover.model.policy import Feature, Limit, Policy, PriceRow, Rule
from tests.oracle.history import Account, Counted, Part
from tests.oracle.meters import Asker, Meter, fits, limits_of, scope_of
from tests.oracle.periods import half_up
from tests.oracle.waterfall import Waterfall, applying


class Bounds(NamedTuple):
    """Law 14: how many legs in a decision, live values of scopes and open holds of an account there may be."""

    legs: int = 32
    scopes: int = 10_000
    holds: int = 10_000


class Price(NamedTuple):
    """What a usage of a feature amounts to, and what a unit costs. Law 8: exact, rounded once, half up."""

    feature: Feature
    row: PriceRow | None

    @classmethod
    def of(cls, feature: Feature, attributes: Mapping[str, str]) -> Price:
        """By the first row whose conditions the attributes all meet; a row without conditions always fits."""
        for row in feature.prices:
            if all(attributes.get(name) == value for name, value in row.when):
                return cls(feature, row)
        return cls(feature, None)

    def units(self, usage: Mapping[str, int]) -> int:
        """Requests, one of the counts, or the exact cost."""
        if self.feature.count == "requests":
            return usage.get("requests", 1)
        if self.feature.count != "cost":
            return usage.get(self.feature.count, 0)
        rates = self.row.rates if self.row else ()
        return half_up(sum((usage.get(name, 0) * Fraction(n, d) for name, n, d in rates), Fraction(0)))

    @property
    def unit(self) -> int | None:
        """Micro-credits for one unit; what is counted by its cost is priced at one micro-credit each."""
        if self.row is None:
            return None
        return 1 if self.feature.count == "cost" else self.row.unit_price


class Use(NamedTuple):
    """What is to be counted in ceilings: units, raw usage; whether it is a request of its own, and a hold."""

    units: int
    usage: Mapping[str, int]
    request: bool = True
    hold: bool = False


Forgiven = tuple[Meter, int] | None
"""The limit that counts what is forgiven of overshoot, and how much that is."""


class Granted(NamedTuple):
    """What has happened."""

    parts: list[Part]
    ceilings: list[Counted]
    overshoot: Overshoot | None


class Attempt:
    """See the head of this file. Until `happen` nothing is changed."""

    def __init__(self, policy: Policy, account: Account, plan: str, asker: Asker, price: Price, bounds: Bounds) -> None:
        self.account, self.profile, self.plan, self.asker = account, account.profile, plan, asker
        self.price, self.bounds = price, bounds
        self.known: frozenset[str] = frozenset()  # windows that count requests and have counted this one
        found = policy.plans.get(plan)
        self.rule: Rule | None = found.by_feature.get(price.feature.name) if found else None

    # What forbids

    def refusal(self) -> Blocker | None:
        """State, plan, `only`: nothing to be counted."""
        if self.profile.state != "active":
            return Blocker("state", self.profile.state)
        if self.rule is None:
            return Blocker("plan", self.plan)
        for name, values in self.rule.only:
            if self.asker.attributes.get(name) not in values:
                return Blocker("plan", name)
        if self.price.row is None and self.price.feature.count == "cost":
            return Blocker("plan", "price")
        return None

    def late(self) -> Blocker | None:
        """Law 13: older than the horizon before the newest instant that the account has seen."""
        behind = self.account.newest - self.asker.now
        return Blocker("late", "time", short=behind) if behind > self.asker.late else None

    def missing(self) -> Blocker | None:
        """A limit that concerns this request counts per an attribute that it lacks."""
        for limit in limits_of(self.rule) if self.rule else ():
            concerned = fits(limit.only, self.asker.attributes)
            if concerned and scope_of(limit, self.asker) is None and limit.when_missing == "deny":
                return Blocker("attribute", limit.per)
        return None

    # Ceilings (law 1)

    def ceilings(self) -> list[Meter]:
        return applying(self.rule.ceilings, self.asker) if self.rule else []

    def asked(self, ceiling: Meter, use: Use) -> int:
        """What a use is in the ceiling's own count."""
        limit: Limit = ceiling.limit
        if limit.of == "units":
            return use.units
        if limit.of == "credits":
            return use.units * (self.price.unit or 0)
        if limit.of == "usage":
            return use.usage.get(limit.counts, 0)
        if limit.of == "open_holds":
            return int(use.hold)
        if limit.of == "subjects":
            return int(use.request and not ceiling.is_member)
        return int(use.request)

    def blocking_ceiling(self, use: Use) -> Blocker | None:
        """The first without room for the whole."""
        for ceiling in self.ceilings():
            need = self.asked(ceiling, use)
            if need > ceiling.room:
                return ceiling.blocker("ceiling", need)
        return None

    def reduced(self, use: Use) -> tuple[int, Blocker | None]:
        """In `partial`: how many units the ceilings leave, and the first of those that leave least. Those on requests,
        usage, open holds and subjects pass or deny."""
        left, said = use.units, None
        for ceiling in self.ceilings():
            need, room = self.asked(ceiling, use), ceiling.room
            if need <= room:
                continue
            units = 0
            if ceiling.limit.of == "units":
                units = room
            elif ceiling.limit.of == "credits":
                units = room // (self.price.unit or 1)
            if said is None or units < left:
                left, said = units, ceiling.blocker("ceiling", need)
        return left, said

    # Who pays

    def waterfall(self) -> Waterfall:
        assert self.rule is not None
        return Waterfall(self.asker, self.rule, self.price.feature.name, self.price.unit, self.known)

    def overshoot(self, units: int) -> tuple[Overshoot | None, Forgiven]:
        """Law 7: at the price of credits, else of overage, else 0; forgiven as far as the rule's limit has room."""
        if not units:
            return None, None
        price = Fraction(0)
        layers = self.rule.waterfall if self.rule else ()
        for source in ("overage", "credits"):
            for layer in layers:
                if layer.source == source:
                    price = (self.price.unit or 0) * (Fraction(*layer.factor) if source == "overage" else Fraction(1))
        amount = half_up(units * price)
        meters = applying((self.rule.overshoot,), self.asker) if self.rule and self.rule.overshoot else []
        forgiven = min([amount, *(meter.room for meter in meters)])
        over = Overshoot(units, half_up(price), amount, forgiven)
        return over, (meters[0], forgiven) if meters else None

    # Law 14, and then it is so

    def bound(self, pour: Waterfall | None, use: Use, forgiven: Forgiven, before: int = 0) -> Blocker | None:
        """What would be too much of: legs (`before`: those that there are), live values of scopes, open holds."""
        entries = before + (pour.entries() if pour else 0)
        if entries > self.bounds.legs:
            return Blocker("bound", "legs", self.bounds.legs, entries - self.bounds.legs)
        taken = [(ceiling, self.asked(ceiling, use)) for ceiling in self.ceilings()]
        taken += [one for drawn in pour.drawn for one in drawn.taken] if pour else []
        taken += [forgiven] if forgiven else []
        born = {(id(meter.uses), value) for meter, amount in taken if amount for value in meter.would_live()}
        room = max(0, self.bounds.scopes - self.account.live_scopes())
        if len(born) > room:
            return Blocker("bound", "scope values", room, len(born) - room)
        if use.hold and len(self.account.holds) >= self.bounds.holds:
            return Blocker("bound", "open holds", 0, 1)
        return None

    def happen(self, pour: Waterfall | None, use: Use, over: Overshoot | None, forgiven: Forgiven) -> Granted:
        """Everything counts it."""
        self.account.newest = max(self.account.newest, self.asker.now)
        counted = [ceiling.count(self.asked(ceiling, use)) for ceiling in self.ceilings()]
        parts = pour.happen() if pour else []
        if forgiven:
            forgiven[0].count(forgiven[1])
        if over is not None and over.owed:
            self.account.owed.append(over.owed)
        return Granted(parts, [one for one in counted if one is not None], over)
