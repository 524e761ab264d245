"""The parts of an answer: legs, overshoot, blockers."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Struct

from spillover.core import unlocking
from spillover.core.words import is_money, limit_of
from spillover.documents.amounts import (
    Amount,
    Credits,
    Quantity,
    amount_of,
    credits_of,
    fields_of,
    said,
)
from spillover.model import decision as nouns
from spillover.model import leg as leg_nouns
from spillover.model.policy import Feature, Policy, Rule, Source


class LotAmount(Amount, frozen=True, gc=False):
    """So much of one lot."""

    lot: Annotated[int, said("The lot's number, as `lots/list` tells it", 3)]

    def noun(self) -> tuple[int, int]:
        """(lot, amount)."""
        return self.lot, self.value


class Leg(Amount, frozen=True, gc=False):
    """One draw: so many units (or credits, of a feature counted by its cost) from one layer."""

    layer: Annotated[Source, said("Who paid: included, gifted units, credits, or the overage line", "credits")]
    unit_price: Annotated[Credits, said("Of one unit; 0 where nothing is charged")]
    amount: Annotated[Credits, said("What it cost in all")]
    lots: Annotated[tuple[LotAmount, ...], said("Which lot gave how much, in the order in which they burn")]

    @classmethod
    def of(cls, money: bool, leg: leg_nouns.Leg) -> Self:
        """`money`: the feature is counted by its cost."""
        lots = lots_of(money or leg.layer == "credits", leg.lots) if leg.lots else ()
        return cls(leg.layer, credits_of(leg.price), credits_of(leg.amount), lots, **fields_of(money, leg.units))

    def noun(self) -> leg_nouns.Leg:
        """The leg."""
        lots = tuple(one.noun() for one in self.lots)
        return leg_nouns.Leg(self.layer, self.value, self.unit_price.micro_credits, self.amount.micro_credits, lots)


def lots_of(money: bool, lots: tuple[tuple[int, int], ...]) -> tuple[LotAmount, ...]:
    """(lot, amount) each."""
    return tuple([LotAmount(lot, **fields_of(money, amount)) for lot, amount in lots])


def legs_of(money: bool, legs: tuple[leg_nouns.Leg, ...]) -> tuple[Leg, ...]:
    """Which layers gave how much, for how much, and from which lots."""
    return tuple([Leg.of(money, leg) for leg in legs]) if legs else ()


class Overshoot(Amount, frozen=True, gc=False):
    """What no layer could pay of something that had happened already: so many units, forgiven or owed."""

    unit_price: Credits
    amount: Annotated[Credits, said("What it costs in all: forgiven and owed")]
    forgiven: Annotated[Credits, said("Refunded at once")]
    owed: Annotated[Credits, said("What new credits have to pay first")]

    @classmethod
    def of(cls, money: bool, beyond: nouns.Overshoot) -> Self:
        """`money`: the feature is counted by its cost."""
        sums = map(credits_of, (beyond.price, beyond.amount, beyond.forgiven, beyond.owed))
        return cls(*sums, **fields_of(money, beyond.units))

    def noun(self) -> nouns.Overshoot:
        """The overshoot."""
        sums = (one.micro_credits for one in (self.unit_price, self.amount, self.forgiven))
        return nouns.Overshoot(self.value, *sums)


class Blocker(Struct, frozen=True, gc=False):
    """Why one limit or layer gave no more: the room that it had, and what it lacked for this request."""

    kind: nouns.Blocking
    name: Annotated[str, said("The limit or layer, or what else stood in the way", "five_hour")]
    per: Annotated[str | None, said('"subject" or the attribute that the limit counts per', "team")]
    scope: Annotated[str | None, said("Whose limit: the value it counts per, a token where that may name a person")]
    room: Quantity
    short: Quantity

    @classmethod
    def of(cls, policy: Policy, feature: Feature, blocker: nouns.Blocker, rule: Rule | None = None) -> Self:
        """Where `rule` does not tell, the first plan that has a limit of that name says what it counts."""
        rules = [rule, *(plan.by_feature.get(feature.name) for plan in policy.plans.values())]
        limit = next((found for one in rules if (found := limit_of(blocker, one))), None)
        money = is_money(feature, blocker, limit)

        def quantity(value: int) -> Quantity:
            if blocker.kind == "late":
                return Quantity(milliseconds=value)
            if money:
                return Quantity(**fields_of(True, value))
            return Quantity(count=value) if limit and limit.of != "units" else Quantity(units=value)

        room, short = quantity(blocker.room), quantity(blocker.short)
        return cls(blocker.kind, blocker.name, blocker.per or None, blocker.scope or None, room, short)

    def noun(self) -> nouns.Blocker:
        """The blocker."""
        room, short = self.room.value, self.short.value
        return nouns.Blocker(self.kind, self.name, room, short, self.per or "", self.scope or "")


class Unlock(Struct, frozen=True, gc=False):
    """What would let a denied request pass now, all of it."""

    consent: Annotated[str | None, said("The paid layer that the customer has to consent to", "credits")]
    credits: Annotated[Credits, said("How many more")]
    units: Annotated[Amount, said("How many units of the feature more, as a gift")]

    @classmethod
    def of(cls, money: bool, remedy: unlocking.Unlock) -> Self:
        """`money`: the feature is counted by its cost."""
        return cls(remedy.consent or None, credits_of(remedy.credits), amount_of(money, remedy.units))

    def noun(self) -> unlocking.Unlock:
        """The remedy."""
        return unlocking.Unlock(self.consent or "", self.credits.micro_credits, self.units.value)
