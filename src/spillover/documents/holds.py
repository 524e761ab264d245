"""Open holds as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from msgspec import Struct

from spillover.access import desk
from spillover.documents.amounts import (
    NO_NAMES,
    Amount,
    Instant,
    amount_in,
    credits_of,
    fields_of,
    instant_in,
    instant_of,
    is_money,
    read_instant,
    said,
    text_of,
)
from spillover.documents.legs import Leg, lots_of
from spillover.model import hold as nouns
from spillover.model.policy import Policy


class Mark(Struct, frozen=True, gc=False):
    """Where a draw was counted, so that it can be given back there."""

    limit: str
    count: Annotated[int, said("Of what the limit counts")]
    scope: Annotated[str | None, said("The value that it was counted for, a token where that may name a person")]
    since: Annotated[int, said("Which window: its start (ms), slot or tick; 0 for one that never resets")]
    max: Annotated[int, said("Of a bucket: the maximum it was drawn under")]

    @classmethod
    def of(cls, mark: nouns.Mark) -> Self:
        """A mark."""
        return cls(mark.limit, mark.count, mark.scope or None, mark.since, mark.max)

    def noun(self) -> nouns.Mark:
        """The mark."""
        return nouns.Mark(self.limit, self.count, self.scope or "", self.since, self.max)


class HeldLeg(Leg, frozen=True, gc=False):
    """A leg as a hold keeps it, and where it was counted."""

    marks: tuple[Mark, ...]

    @classmethod
    def of_part(cls, money: bool, part: nouns.Part) -> Self:
        """`money`: the feature is counted by its cost."""
        leg = part.leg
        lots = lots_of(money or leg.layer == "credits", leg.lots)
        marks = tuple(Mark.of(mark) for mark in part.marks)
        return cls(leg.layer, credits_of(leg.price), credits_of(leg.amount), lots, marks, **fields_of(money, leg.units))

    def part(self) -> nouns.Part:
        """The leg with its marks; `noun` gives the leg alone."""
        return nouns.Part(self.noun(), tuple(mark.noun() for mark in self.marks))


class LotEnd(Struct, frozen=True, gc=False):
    """When a lot that a hold drew on expires."""

    lot: int
    expires: Instant | None


class Hold(Struct, frozen=True):
    """The record of an open hold. Price, plan and policy stay those of its opening."""

    key: Annotated[str, said("The caller's own, by which it is committed, extended or released", "job-7")]
    id: Annotated[str, said("The short form of the key, in the books")]
    account_id: Annotated[int, said("The number under which the books know the account", 17)]
    feature: str
    subject: Annotated[str | None, said("Who uses: a token")]
    attributes: Annotated[dict[str, str], said("Tokens in the place of values that no price reads")]
    opened: Instant
    due: Annotated[Instant, said("When it expires, if nothing ends it before")]
    estimate: Annotated[dict[str, int], said("What it was opened or extended on", {"seconds": 20})]
    held: Amount
    legs: tuple[HeldLeg, ...]
    ceilings: Annotated[tuple[Mark, ...], said("Where the request itself was counted")]
    lot_ends: tuple[LotEnd, ...]
    extended: Annotated[int, said("How often it was extended")]
    policy: Annotated[str, said("The hash of the policy that it was opened under")]
    plan: str
    rules: Annotated[int, said("The version of the rules")]

    @classmethod
    def of(cls, policy: Policy, hold: nouns.Hold, *, names: Mapping[str, str] = NO_NAMES) -> Self:
        """An open hold. `names`: token -> name, where names are to be told."""
        money = is_money(policy, hold.feature)
        return cls(
            hold.key, hold.id, hold.account, hold.feature, names.get(hold.subject, hold.subject) or None,
            {name: names.get(value, value) for name, value in hold.attributes.items()}, text_of(hold.opened),
            text_of(hold.due), hold.usage, amount_in(policy, hold.feature, hold.units),
            tuple(HeldLeg.of_part(money, part) for part in hold.parts), tuple(Mark.of(mark) for mark in hold.ceilings),
            tuple(LotEnd(lot, instant_of(expires)) for lot, expires in hold.expires), hold.steps, hold.policy,
            hold.plan, hold.rules,
        )  # fmt: skip

    def noun(self) -> nouns.Hold:
        """The hold."""
        return nouns.Hold(
            self.id, self.key, self.account_id, self.feature, instant_in(self.opened), instant_in(self.due),
            self.policy, self.plan, self.rules, self.estimate, self.held.value,
            tuple(leg.part() for leg in self.legs), tuple(mark.noun() for mark in self.ceilings), self.subject or "",
            self.attributes, tuple((one.lot, read_instant(one.expires)) for one in self.lot_ends), self.extended,
        )  # fmt: skip


class Holds(Struct, frozen=True):
    """The open holds of an account, the earliest due first."""

    account: str
    holds: tuple[Hold, ...]

    @classmethod
    def of(
        cls, policy: Policy, found: Iterable[nouns.Hold], *, account: str, names: Mapping[str, str] = NO_NAMES
    ) -> Self:
        """`names`: token -> name, where names are to be told."""
        return cls(account, tuple(Hold.of(policy, hold, names=names) for hold in found))

    def noun(self) -> tuple[nouns.Hold, ...]:
        """The holds."""
        return tuple(hold.noun() for hold in self.holds)


class OpenedHold(Struct, frozen=True):
    """A hold as work begins under it."""

    estimate: Annotated[dict[str, int], said("What it is open on", {"seconds": 20})]
    feature: str
    counts: Annotated[tuple[str, ...], said("The names of the feature's usage counts", ["seconds"])]
    due: Instant
    stops: Annotated[bool, said("Whether work is to stop when the hold cannot be extended")]

    @classmethod
    def of(cls, _: Policy, opened: desk.OpenedHold) -> Self:
        """A hold."""
        return cls(opened.usage, opened.feature, opened.names, text_of(opened.due), opened.stops)

    def noun(self) -> desk.OpenedHold:
        """The hold."""
        return desk.OpenedHold(self.estimate, self.feature, self.counts, instant_in(self.due), self.stops)
