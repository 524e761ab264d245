"""Packs as JSON: what is sold, and for how much."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import Amount, amount_of, is_money, said
from spillover.model import policy as nouns
from spillover.model.policy import Policy


class Pack(Struct, frozen=True, gc=False):
    """What can be bought: credits, or units of a feature."""

    name: Annotated[str, said("What the policy calls it", "small")]
    measure: Annotated[str, said('"credits", or the feature whose units it holds', "credits")]
    amount: Annotated[Amount, said("What it gives")]
    price: Annotated[str, said("What it costs, exact, as a decimal number", "9.00")]
    currency: Annotated[str, said("Of the price, ISO 4217", "EUR")]
    lasts: Annotated[int | None, said("How long what was bought lives, in milliseconds; null for ever", 31536000000)]
    priority: Annotated[int, said("Of its lot: lower numbers burn first", 100)]
    promotional: Annotated[bool, said("Its lot is booked as given, not as bought")]

    @classmethod
    def of(cls, money: bool, pack: nouns.Pack) -> Self:
        """`money`: its amount is micro-credits."""
        return cls(
            pack.name, pack.measure, amount_of(money, pack.amount), pack.price, pack.currency, pack.lasts or None,
            pack.priority, pack.promotional,
        )  # fmt: skip

    @classmethod
    def in_policy(cls, policy: Policy, pack: nouns.Pack) -> Self:
        """A pack of that policy."""
        return cls.of(is_money(policy, pack.measure), pack)

    def noun(self) -> nouns.Pack:
        """The pack."""
        return nouns.Pack(
            self.name, self.measure, self.amount.value, self.price, self.currency, self.lasts or 0, self.priority,
            self.promotional,
        )  # fmt: skip


class Packs(Struct, frozen=True):
    """All that the policy in force sells, in the order of names."""

    packs: tuple[Pack, ...]

    @classmethod
    def of(cls, policy: Policy, packs: Iterable[nouns.Pack]) -> Self:
        """Packs of that policy."""
        return cls(tuple(Pack.in_policy(policy, pack) for pack in packs))

    def noun(self) -> tuple[nouns.Pack, ...]:
        """The packs."""
        return tuple(pack.noun() for pack in self.packs)
