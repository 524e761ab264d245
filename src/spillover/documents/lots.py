"""Lots as JSON: their terms, and what the books have of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from msgspec import Struct

from spillover.documents.amounts import (
    NO_NAMES,
    Amount,
    Instant,
    amount_in,
    instant_in,
    instant_of,
    read_instant,
    said,
    text_of,
)
from spillover.model import account as nouns
from spillover.model import reports
from spillover.model.policy import Policy

Begins = Annotated[Instant | None, said("When it can first be spent; null for at once")]
Expires = Annotated[Instant | None, said("When it ends; null for never")]
Scope = Annotated[
    dict[str, tuple[str, ...]],
    said("What alone it may be spent on, by attribute, feature or subject: a token where that may name a person",
         {"team": ["blue"]}),
]  # fmt: skip
Terms = tuple[int, str, int, bool, str | None, str | None, dict[str, tuple[str, ...]]]
LotState = Literal["to come", "live", "used up", "expired"]


class Lot(Struct, frozen=True, gc=False):
    """The terms of a block of credits, or of a feature's own units."""

    lot: Annotated[int, said("Its number in the account", 3)]
    measure: Annotated[str, said('"credits", or the feature whose units it holds', "credits")]
    priority: Annotated[int, said("Lower numbers burn first", 100)]
    promotional: Annotated[bool, said("Given, not bought")]
    effective: Begins
    expires: Expires
    scope: Scope

    @classmethod
    def of(cls, _: Policy, lot: nouns.Lot, *, names: Mapping[str, str] = NO_NAMES) -> Self:
        """A lot. `names`: token -> name."""
        return cls(*terms_of(lot, names))

    def noun(self) -> nouns.Lot:
        """The lot."""
        return nouns.Lot(
            self.lot, self.measure, self.priority, read_instant(self.effective, 0), read_instant(self.expires),
            self.promotional, tuple(self.scope.items()),
        )  # fmt: skip


def terms_of(lot: nouns.Lot, names: Mapping[str, str] = NO_NAMES) -> Terms:
    """The fields of a lot's terms, in order. `names`: token -> name."""
    scope = {what: tuple(names.get(value, value) for value in values) for what, values in lot.scope}
    effective = text_of(lot.effective) if lot.effective else None
    return lot.id, lot.measure, lot.priority, lot.promotional, effective, instant_of(lot.expires), scope


class LotBalance(Lot, frozen=True, gc=False):
    """A lot with what the books have of it, and what was paid for it."""

    state: LotState
    granted: Annotated[Amount, said("What it began with")]
    spent: Amount
    gone: Annotated[Amount, said("Expired, revoked or corrected")]
    settled: Annotated[Amount, said("What is left in the books")]
    paid: Annotated[str | None, said("As it was given", "45.00")]
    currency: Annotated[str | None, said("As it was given", "EUR")]
    tax: Annotated[str | None, said("As it was given")]
    reference: Annotated[str | None, said("Of the payment, as it was given", "ch_123")]
    granted_at: Instant

    @classmethod
    def of_balance(
        cls, policy: Policy, found: reports.LotBalance, *, now: int, names: Mapping[str, str] = NO_NAMES
    ) -> Self:
        """A lot as it stands at the instant `now` (ms). `names`: token -> name."""
        gone = found.granted - found.balance - found.spent

        def amount(value: int) -> Amount:
            return amount_in(policy, found.lot.measure, value)

        return cls(
            *terms_of(found.lot, names), state_of(found, now), amount(found.granted), amount(found.spent),
            amount(gone), amount(found.balance), found.paid or None, found.currency or None, found.tax or None,
            found.reference or None, text_of(found.granted_at),
        )  # fmt: skip

    def balance(self) -> reports.LotBalance:
        """The lot with what the books have of it; `noun` gives its terms alone."""
        return reports.LotBalance(
            self.noun(), self.granted.value, self.settled.value, self.spent.value, self.paid or "",
            self.currency or "", self.tax or "", self.reference or "", instant_in(self.granted_at),
        )  # fmt: skip


def state_of(found: reports.LotBalance, now: int) -> LotState:
    """Whether a lot can be spent at an instant (ms), or why not."""
    if now >= found.lot.expires:
        return "expired"
    if now < found.lot.effective:
        return "to come"
    return "live" if found.balance else "used up"


class Lots(Struct, frozen=True):
    """All lots that an account ever had."""

    account: str
    lots: tuple[LotBalance, ...]

    @classmethod
    def of(
        cls, policy: Policy, found: Iterable[reports.LotBalance], *, account: str, now: int,
        names: Mapping[str, str] = NO_NAMES,
    ) -> Self:  # fmt: skip
        """As they stand at the instant `now` (ms). `names`: token -> name."""
        return cls(account, tuple(LotBalance.of_balance(policy, one, now=now, names=names) for one in found))

    def noun(self) -> tuple[reports.LotBalance, ...]:
        """The lots."""
        return tuple(one.balance() for one in self.lots)
