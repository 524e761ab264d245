"""An overview as JSON: all that a customer's page tells of an account."""

from __future__ import annotations

from typing import Annotated, Any, Self

from msgspec import Struct

from spillover.documents.amounts import (
    Amount,
    Credits,
    Instant,
    amount_in,
    amount_of,
    credits_of,
    fields_of,
    instant_in,
    instant_of,
    is_money,
    maybe_instant,
    said,
    text_of,
)
from spillover.documents.balances import Standing
from spillover.documents.usage import UsageRow
from spillover.engine import limits as standings
from spillover.engine import overview
from spillover.model.account import AccountState
from spillover.model.policy import Policy

Counted = Annotated[Amount | int, said("Credits, units of the feature, or a plain count, by what the limit counts")]


class LimitStanding(Struct, frozen=True, gc=False):
    """One limit as it stands: so much used of its maximum, and the room that is left."""

    kind: standings.LimitKind
    name: str
    of: Annotated[str, said("What it counts: units, requests, credits, open_holds, subjects, a usage count", "units")]
    counts: Annotated[str | None, said("The usage count that it counts, if it is one", "input")]
    per: Annotated[str | None, said('"subject" or the attribute that it counts per', "team")]
    scope: Annotated[str | None, said("For whom or what it is told; null for the whole account", "blue")]
    only: Annotated[dict[str, tuple[str, ...]], said("Only requests with these attributes count", {"model": ["large"]})]
    max: Counted
    used: Counted
    room: Counted
    resets_at: Annotated[Instant | None, said("When more room comes; null if none does, or nothing was used yet")]

    @classmethod
    def of_limit(cls, policy: Policy, feature: str, limit: standings.LimitStanding) -> Self:
        """A limit of a feature."""

        def count(value: int) -> Amount | int:
            if limit.of == "credits":
                return amount_of(True, value)
            return amount_in(policy, feature, value) if limit.of == "units" else value

        return cls(
            limit.kind, limit.name, limit.counts or limit.of, limit.counts or None, limit.per or None,
            limit.scope or None, {name: tuple(values) for name, values in limit.only}, count(limit.max),
            count(limit.used), count(limit.room), instant_of(limit.resets_at),
        )  # fmt: skip

    def noun(self) -> standings.LimitStanding:
        """The limit."""
        most, used, room = (one if isinstance(one, int) else one.value for one in (self.max, self.used, self.room))
        of: Any = "usage" if self.counts else self.of
        return standings.LimitStanding(
            self.kind, self.name, of, self.counts or "", self.scope or "", most, used, room,
            maybe_instant(self.resets_at), tuple(self.only.items()), self.per or "",
        )  # fmt: skip


class FeatureStanding(Struct, frozen=True, gc=False):
    """A feature of the plan: who pays in which order, and its limits."""

    feature: str
    unit: Annotated[str, said("What its unit is called", "second")]
    layers: Annotated[tuple[str, ...], said("Who pays, in order", ["allowance", "credits"])]
    limits: Annotated[tuple[LimitStanding, ...], said("Features of one rule share theirs")]

    @classmethod
    def of(cls, policy: Policy, one: standings.FeatureStanding) -> Self:
        """A feature."""
        told = tuple(LimitStanding.of_limit(policy, one.feature, limit) for limit in one.limits)
        return cls(one.feature, one.unit, one.layers, told)

    def noun(self) -> standings.FeatureStanding:
        """The feature."""
        told = tuple(limit.noun() for limit in self.limits)
        return standings.FeatureStanding(self.feature, self.unit, self.layers, told)


class HeldLot(Struct, frozen=True, gc=False):
    """What a hold keeps of a lot."""

    lot: int
    amount: Annotated[int, said("Micro-credits or units, as the lot is measured", 2_000_000)]


class HoldStanding(Struct, frozen=True, gc=False):
    """An open hold: what it is on, when it is due, and what it keeps."""

    key: str
    feature: str
    subject: Annotated[str | None, said("Who uses, by name")]
    opened: Instant
    due: Annotated[Instant, said("When it expires, if nothing ends it before")]
    estimate: Annotated[dict[str, int], said("What it was opened or extended on", {"seconds": 20})]
    held: Amount
    amount: Annotated[Credits, said("What that costs")]
    lots: tuple[HeldLot, ...]

    @classmethod
    def of(cls, policy: Policy, hold: overview.HoldStanding) -> Self:
        """An open hold."""
        return cls(
            hold.key, hold.feature, hold.subject or None, text_of(hold.opened), text_of(hold.due), hold.usage,
            amount_in(policy, hold.feature, hold.units), credits_of(hold.amount),
            tuple(HeldLot(lot, amount) for lot, amount in hold.lots),
        )  # fmt: skip

    def noun(self) -> overview.HoldStanding:
        """The open hold."""
        return overview.HoldStanding(
            self.key, self.feature, self.subject or "", instant_in(self.opened), instant_in(self.due), self.estimate,
            self.held.value, self.amount.micro_credits, tuple((one.lot, one.amount) for one in self.lots),
        )  # fmt: skip


class MeasureAmount(Amount, frozen=True, gc=False):
    """An amount and what it is of."""

    measure: Annotated[str, said('"credits", or a feature', "credits")]


class Next(Struct, frozen=True, gc=False):
    """Something that falls due."""

    at: Instant
    kind: overview.NextKind
    name: Annotated[str, said("The plan, PLAN/GIFT, the lot's number, the hold's key or the limit's title", "team")]
    amount: Annotated[MeasureAmount | None, said("What the gift brings, the lot has, or the hold keeps")]
    max: Annotated[int | None, said("Of a limit's own maximum that ends: that, in what the limit counts")]

    @classmethod
    def of(cls, policy: Policy, one: overview.Next) -> Self:
        """Something that falls due."""
        amount = MeasureAmount(one.measure, **fields_of(is_money(policy, one.measure), one.amount))
        most = one.amount if one.kind == "limit ends" else None
        return cls(text_of(one.at), one.kind, one.name, amount if one.measure else None, most)

    def noun(self) -> overview.Next:
        """The same."""
        measure, amount = ("", self.max or 0) if self.amount is None else (self.amount.measure, self.amount.value)
        return overview.Next(instant_in(self.at), self.kind, self.name, measure, amount)


class Today(Struct, frozen=True, gc=False):
    """What was used since midnight of the account's own zone, as booked so far."""

    since: Instant
    until: Instant
    charged: Credits
    features: tuple[UsageRow, ...]
    attributes: Annotated[dict[str, tuple[UsageRow, ...]], said("By attribute: its values, the dearest first")]

    @classmethod
    def of(cls, policy: Policy, today: overview.Today) -> Self:
        """A day."""
        return cls(
            text_of(today.since), text_of(today.until), credits_of(today.charged),
            tuple(UsageRow.of(policy, ("feature",), row) for row in today.features),
            {name: tuple(UsageRow.of(policy, (name,), row) for row in rows) for name, rows in today.attributes},
        )  # fmt: skip

    def noun(self) -> overview.Today:
        """The day."""
        return overview.Today(
            instant_in(self.since), instant_in(self.until), self.charged.micro_credits,
            tuple(row.noun(("feature",)) for row in self.features),
            tuple((name, tuple(row.noun((name,)) for row in rows)) for name, rows in self.attributes.items()),
        )  # fmt: skip


class Overview(Struct, frozen=True):
    """An account on one page: terms, what it has, its limits, open holds, today, and what is next."""

    account: str
    at: Instant
    plan: str
    next_plan: Annotated[str | None, said("The plan from `next_at` on; null where no change is scheduled")]
    next_at: Instant | None
    state: AccountState
    consent: Annotated[bool, said("Whether the customer lets credits pay where the plan asks for it")]
    zone: Annotated[str, said("The time zone of the account's days", "Europe/Paris")]
    billing_day: Annotated[Instant, said("Where windows with `starting: billing_day` start from")]
    policy: Annotated[str, said("The hash of the policy that decides")]
    measures: Annotated[tuple[Standing, ...], said("What it has, credits first")]
    features: tuple[FeatureStanding, ...]
    holds: tuple[HoldStanding, ...]
    next: Annotated[tuple[Next, ...], said("What falls due, the earliest first, at most 32")]
    today: Today

    @classmethod
    def of(cls, policy: Policy, told: overview.Overview) -> Self:
        """An overview."""
        return cls(
            told.account, text_of(told.at), told.plan, told.next_plan or None, instant_of(told.next_at), told.state,
            told.consent, told.zone, text_of(told.billing_day), told.policy,
            tuple(Standing.of(policy, at) for at in told.measures),
            tuple(FeatureStanding.of(policy, one) for one in told.features),
            tuple(HoldStanding.of(policy, hold) for hold in told.holds),
            tuple(Next.of(policy, one) for one in told.next), Today.of(policy, told.today),
        )  # fmt: skip

    def noun(self) -> overview.Overview:
        """The overview."""
        return overview.Overview(
            self.account, instant_in(self.at), self.plan, self.next_plan or "", maybe_instant(self.next_at), self.state,
            self.consent, self.zone, instant_in(self.billing_day), self.policy,
            tuple(at.noun() for at in self.measures), tuple(one.noun() for one in self.features),
            tuple(hold.noun() for hold in self.holds), tuple(one.noun() for one in self.next), self.today.noun(),
        )  # fmt: skip
