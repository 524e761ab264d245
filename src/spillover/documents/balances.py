"""What an account has, as JSON: now, and at a past instant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import Amount, Instant, amount_in, instant_in, said, text_of
from spillover.documents.lots import Lot, terms_of
from spillover.engine import reading as nouns
from spillover.model import reports
from spillover.model.account import AccountState
from spillover.model.policy import Policy

Available = Annotated[Amount, said("What can be spent now")]
Held = Annotated[Amount, said("What open holds keep")]
Settled = Annotated[Amount, said("What the books have")]
Owed = Annotated[Amount, said("Overshoot that new credits pay first")]
Receivable = Annotated[Amount, said("Advanced by the overage line")]


class LotStanding(Lot, frozen=True, gc=False):
    """A live lot with what is left of it."""

    available: Available
    held: Held
    settled: Settled
    granted: Annotated[Amount, said("What it began with")]
    paid: Annotated[str | None, said("As it was given", "45.00")]
    currency: Annotated[str | None, said("As it was given", "EUR")]
    reference: Annotated[str | None, said("Of the payment, as it was given", "ch_123")]

    @classmethod
    def of_standing(cls, policy: Policy, lot: nouns.LotStanding) -> Self:
        """A live lot."""
        available, held, settled, granted = (
            amount_in(policy, lot.lot.measure, amount) for amount in (lot.available, lot.held, lot.settled, lot.granted)
        )
        return cls(
            *terms_of(lot.lot), available, held, settled, granted, lot.paid or None, lot.currency or None,
            lot.reference or None,
        )  # fmt: skip

    def standing(self) -> nouns.LotStanding:
        """The live lot; `noun` gives its terms alone."""
        return nouns.LotStanding(
            self.noun(), self.available.value, self.held.value, self.settled.value, self.granted.value,
            self.paid or "", self.currency or "", self.reference or "",
        )  # fmt: skip


class Standing(Struct, frozen=True, gc=False):
    """What an account has in one measure: credits, or gifted units of a feature."""

    measure: Annotated[str, said('"credits", or a feature', "credits")]
    available: Available
    held: Held
    settled: Settled
    owed: Owed
    receivable: Receivable
    lots: Annotated[tuple[LotStanding, ...], said("In the order in which they burn")]

    @classmethod
    def of(cls, policy: Policy, at: nouns.Standing) -> Self:
        """What there is of a measure."""
        available, held, settled, owed, receivable = (
            amount_in(policy, at.measure, amount)
            for amount in (at.available, at.held, at.settled, at.owed, at.receivable)
        )
        lots = tuple(LotStanding.of_standing(policy, lot) for lot in at.lots)
        return cls(at.measure, available, held, settled, owed, receivable, lots)

    def noun(self) -> nouns.Standing:
        """What there is."""
        return nouns.Standing(
            self.measure, self.available.value, self.held.value, self.settled.value, self.receivable.value,
            self.owed.value, tuple(lot.standing() for lot in self.lots),
        )  # fmt: skip


class Balance(Struct, frozen=True):
    """What an account has now."""

    account: str
    at: Annotated[Instant, said("The instant of reading")]
    plan: str
    state: AccountState
    measures: Annotated[tuple[Standing, ...], said("Credits first")]

    @classmethod
    def of(cls, policy: Policy, balance: nouns.Balance) -> Self:
        """A balance."""
        measures = tuple(Standing.of(policy, at) for at in balance.measures)
        return cls(balance.account, text_of(balance.at), balance.plan, balance.state, measures)

    def noun(self) -> nouns.Balance:
        """The balance."""
        measures = tuple(at.noun() for at in self.measures)
        return nouns.Balance(self.account, instant_in(self.at), self.plan, self.state, measures)


class PastMeasure(Struct, frozen=True, gc=False):
    """What the books say of one measure as of a past instant."""

    measure: Annotated[str, said('"credits", or a feature', "credits")]
    settled: Settled
    owed: Owed
    receivable: Receivable


class PastBalance(Struct, frozen=True):
    """What the books say an account had at the end of a past instant."""

    account: str
    at: Instant
    measures: tuple[PastMeasure, ...]

    @classmethod
    def of(cls, policy: Policy, found: Iterable[reports.PastBalance], *, account: str, at: int) -> Self:
        """What an account had at the instant `at` (ms)."""
        measures = tuple(
            PastMeasure(
                past.measure,
                *(amount_in(policy, past.measure, each) for each in (past.balance, past.owed, past.receivable)),
            )
            for past in found
        )
        return cls(account, text_of(at), measures)

    def noun(self) -> tuple[reports.PastBalance, ...]:
        """What there was in each measure."""
        return tuple(
            reports.PastBalance(past.measure, past.settled.value, past.receivable.value, past.owed.value)
            for past in self.measures
        )
