"""Laws 2 to 5: the layers in the plan's order, each gives as many whole units as it has room for."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from spillover.model.account import Lot
from spillover.model.decision import Blocker
from spillover.model.leg import Leg
from spillover.model.policy import Layer, Limit, Rule
from tests.oracle.history import Part
from tests.oracle.meters import Asker, Meter, fits, scope_of
from tests.oracle.periods import half_up

Taken = list[tuple[Meter, int]]
"""How much each limit would count."""


class Constraint(NamedTuple):
    """One thing that bounds a layer: so many units, and what to say if it is the one that blocks."""

    units: int
    blocker: Blocker


class Drawn(NamedTuple):
    """A leg that would be drawn, and what would be counted for it."""

    leg: Leg
    taken: Taken


def applying(limits: tuple[Limit, ...], asker: Asker) -> list[Meter]:
    """Those that hold for this request: not one that is only for others, nor one whose attribute it lacks."""
    found = [limit for limit in limits if fits(limit.only, asker.attributes)]
    return [Meter(limit, asker) for limit in found if scope_of(limit, asker) is not None]


class Waterfall:
    """The layers poured one after the other, on what is known of the account. Changes nothing."""

    def __init__(
        self, asker: Asker, rule: Rule, feature: str, price: int | None, known: frozenset[str] = frozenset()
    ) -> None:
        """`known`: the windows of requests in which the request that goes on here has been counted."""
        self.asker, self.rule, self.feature, self.price, self.known = asker, rule, feature, price, known
        self.profile = asker.account.profile
        self.spending = applying(rule.spending, asker)
        self.spent = 0  # micro-credits that layers of this request have taken so far
        self.drawn: list[Drawn] = []
        self.blockers: list[Blocker] = []

    def pour(self, left: int) -> int:
        """How many units nobody pays."""
        for layer in self.rule.waterfall:
            if left == 0:
                break
            given, blocker = self.give(layer, left)
            left -= given
            if left:
                assert blocker is not None
                self.blockers.append(blocker)
        return left

    def give(self, layer: Layer, left: int) -> tuple[int, Blocker | None]:
        """How many of the units that are left the layer gives, and what stopped it if these are not all."""
        if layer.source == "allowance":
            return self.give_allowance(layer, left)
        if layer.source == "units":
            return self.give_units(left)
        if layer.consent and not self.profile.consent:  # law 5
            return 0, Blocker("consent", layer.source)
        if self.price is None:
            return 0, Blocker("credits", "price")
        owed = sum(self.asker.account.owed)
        if owed and self.price:  # law 7: closed until new credits have paid it
            return 0, Blocker("owed", "owed", 0, owed)
        if layer.source == "credits":
            return self.give_credits(self.price, left)
        return self.give_overage(layer, self.price, left)

    def give_allowance(self, layer: Layer, left: int) -> tuple[int, Blocker | None]:
        """Law 4: the room of the tightest window; what it gives counts in all its windows."""
        windows = applying(layer.windows, self.asker)
        price = self.price or 0

        def counted(window: Meter, units: int) -> int:
            if window.limit.of == "requests":  # a request is one, however often its hold is extended
                return 0 if window.limit.cell in self.known else min(1, units)
            return units * (price if window.limit.of == "credits" else 1)

        constraints = []
        for window in windows:
            units = most(partial(counted, window), window.room, left)
            constraints.append(Constraint(units, window.blocker("window", counted(window, left))))
        given, blocker = tightest(constraints, left)
        if given:
            taken = [(window, counted(window, given)) for window in windows]
            self.drawn.append(Drawn(Leg("allowance", given), taken))
        return given, blocker

    def give_units(self, left: int) -> tuple[int, Blocker | None]:
        """Gifted units: lots in the feature's own measure."""
        total = sum(remains for _, remains in self.purse(self.feature))
        given, blocker = tightest([Constraint(total, Blocker("units", self.feature, total, left - total))], left)
        if given:
            self.drawn.append(Drawn(Leg("units", given, lots=self.draw(self.feature, given)), []))
        return given, blocker

    def give_credits(self, price: int, left: int) -> tuple[int, Blocker | None]:
        """Prepaid credits, so many for a unit, as far as lots and spending limits go."""

        def amount(units: int) -> int:
            return units * price

        total = sum(remains for _, remains in self.purse("credits"))
        constraints = self.spending_constraints(amount, left)
        constraints.append(
            Constraint(most(amount, total, left), Blocker("credits", "credits", total, amount(left) - total))
        )
        given, blocker = tightest(constraints, left)
        if given:
            self.pay(Leg("credits", given, price, amount(given), self.draw("credits", amount(given))), [])
        return given, blocker

    def give_overage(self, layer: Layer, price: int, left: int) -> tuple[int, Blocker | None]:
        """Billed later, at a factor on the price, rounded once for the leg, as far as cap and spending limits go."""
        factor = Fraction(*layer.factor)

        def amount(units: int) -> int:
            return half_up(units * price * factor)

        constraints = self.spending_constraints(amount, left)
        caps = applying((layer.cap,), self.asker) if layer.cap else []
        for cap in caps:
            constraints.append(Constraint(most(amount, cap.room, left), cap.blocker("cap", amount(left))))
        given, blocker = tightest(constraints, left)
        if given:
            leg = Leg("overage", given, half_up(price * factor), amount(given))
            self.pay(leg, [(cap, amount(given)) for cap in caps])
        return given, blocker

    def spending_constraints(self, amount: Callable[[int], int], left: int) -> list[Constraint]:
        """What each spending limit leaves after what this request has already been charged. Its blocker tells of the
        request as a whole: the room that there was before it, and how much more it needs altogether."""
        constraints = []
        for limit in self.spending:
            blocker = limit.blocker("spending", self.spent + amount(left))
            constraints.append(Constraint(most(amount, limit.room - self.spent, left), blocker))
        return constraints

    def pay(self, leg: Leg, caps: Taken) -> None:
        """What a paid layer gave: it counts in all spending limits."""
        self.spent += leg.amount
        self.drawn.append(Drawn(leg, [*((limit, leg.amount) for limit in self.spending), *caps]))

    def purse(self, measure: str) -> list[tuple[int, int]]:
        """Law 3: the eligible lots of a measure in the order in which they burn, with what remains of each."""

        def order(lot: Lot) -> tuple[int, int, int, int, int]:
            return lot.priority, lot.expires, 0 if lot.promotional else 1, lot.effective, lot.id

        now = self.asker.now
        who = {**self.asker.attributes, "feature": self.feature, "subject": self.asker.subject}
        lots = [
            lot
            for lot in self.profile.lots
            if lot.measure == measure and lot.effective <= now < lot.expires and fits(lot.scope, who)
        ]
        return [(lot.id, self.asker.account.left(lot.id)) for lot in sorted(lots, key=order)]

    def draw(self, measure: str, amount: int) -> tuple[tuple[int, int], ...]:
        """Which lot gives how much."""
        parts = []
        for lot, remains in self.purse(measure):
            part = min(amount, remains)
            amount -= part
            if part:
                parts.append((lot, part))
        assert amount == 0
        return tuple(parts)

    def entries(self) -> int:
        """Law 14: a leg counts once for each lot that it draws from."""
        return sum(max(1, len(drawn.leg.lots)) for drawn in self.drawn)

    def happen(self) -> list[Part]:
        """It is granted: limits count it, lots give it, the overage line advances it."""
        account, parts = self.asker.account, []
        for leg, taken in self.drawn:
            counted = [meter.count(amount) for meter, amount in taken]
            for lot, part in leg.lots:
                account.lots[lot].append(-part)
            if leg.layer == "overage":
                account.advanced.append(leg.amount)
            parts.append(Part(leg, [one for one in counted if one is not None]))
        return parts


def tightest(constraints: list[Constraint], left: int) -> tuple[int, Blocker | None]:
    """What the constraints leave of `left`, and the first of those that leave least, if it is not all."""
    if not constraints:
        return left, None
    least = min(constraints, key=lambda constraint: constraint.units)  # min takes the first of equals
    return (least.units, least.blocker) if least.units < left else (left, None)


def most(amount: Callable[[int], int], room: int, left: int) -> int:
    """The largest number of units, at most `left`, whose amount fits into the room. Amounts never fall with units."""
    fits, fails = 0, left + 1
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if amount(middle) <= room:
            fits = middle
        else:
            fails = middle
    return fits
