"""What orders did, as JSON: corrections, revocations, other limits, chargebacks, refunds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

from msgspec import Struct

from spillover.documents.amounts import Amount, Credits, credits_of, fields_of, is_money, said
from spillover.documents.legs import LotAmount, lots_of
from spillover.engine import orders as nouns
from spillover.model import event as events
from spillover.model.account import Lot
from spillover.model.policy import Policy
from spillover.ports import Refunded as RefundedNoun


class Entry(Struct, frozen=True, gc=False):
    """A change of an allowance or of terms."""

    kind: events.EntryKind
    what: Annotated[str, said("What it concerns: a limit's title, with @ and the value it counts for, or a term")]
    before: str
    after: str

    def noun(self) -> events.Entry:
        """The entry."""
        return events.Entry(self.kind, self.what, self.before, self.after)


class Ordered(Struct, frozen=True):
    """What an order did."""

    account: str
    key: Annotated[str, said("The order's own: the same again does nothing more")]
    version: Annotated[int, said("Of the account's terms, which it made")]
    lowered: Annotated[tuple[LotAmount, ...], said("What was taken from which lot")]
    entries: Annotated[tuple[Entry, ...], said("What was reset or set")]

    @classmethod
    def of(cls, policy: Policy, done: nouns.Ordered, *, account: str, key: str, measures: Mapping[int, str]) -> Self:
        """`measures`: lot -> what it is measured in, of those that were lowered."""
        return cls(
            account, key, done.version,
            tuple(
                LotAmount(lot, **fields_of(is_money(policy, measures[lot]), amount)) for lot, amount in done.lowered
            ),
            tuple(Entry(one.kind, one.what, one.before, one.after) for one in done.entries),
        )  # fmt: skip

    def noun(self) -> nouns.Ordered:
        """What the order did."""
        lowered = tuple(one.noun() for one in self.lowered)
        return nouns.Ordered(self.version, lowered, tuple(entry.noun() for entry in self.entries))


class Reversed(Struct, frozen=True):
    """What a chargeback took back; lots with a reference are of credits."""

    account: str
    reference: Annotated[str, said("Of the payment", "ch_123")]
    key: str
    granted: Annotated[Credits, said("In lots with this reference")]
    taken: Annotated[Credits, said("Of that, what was left")]
    shortfall: Annotated[Credits, said("Of that, what was spent or is held")]
    lots: tuple[LotAmount, ...]

    @classmethod
    def of(cls, _: Policy, done: nouns.Reversed, *, account: str, reference: str, key: str) -> Self:
        """A chargeback."""
        granted, taken, shortfall = map(credits_of, (done.granted, done.taken, done.shortfall))
        return cls(account, reference, key, granted, taken, shortfall, lots_of(True, done.lots))

    def noun(self) -> nouns.Reversed:
        """The chargeback."""
        granted, taken, shortfall = (one.micro_credits for one in (self.granted, self.taken, self.shortfall))
        return nouns.Reversed(granted, taken, shortfall, tuple(lot.noun() for lot in self.lots))


Fate = Literal["revoked", "expired"]


class RefundedLot(LotAmount, frozen=True, gc=False):
    """What a refund gave back to a lot in all."""

    posted_as: Annotated[Fate | None, said("Nobody can spend it again: the lot was gone; null where it can be spent")]


class Refunded(Amount, frozen=True):
    """What a refund gave back: so many units, to the lots that had paid for them."""

    account: str
    refunded: Annotated[str, said("The key of the event that was refunded", "clip-9")]
    key: str
    feature: str
    lots: Annotated[tuple[RefundedLot, ...], said("Each lot once, and what became of it")]
    parts: Annotated[tuple[LotAmount, ...], said("The same in the order in which it was given back")]
    relieved: Annotated[Credits, said("Taken off what the overage line had advanced")]
    expired: Annotated[int, said("Micro-credits or units of it, posted as expired at once")]
    revoked: Annotated[int, said("Micro-credits or units of it, posted as revoked at once")]

    @classmethod
    def of(
        cls, policy: Policy, done: RefundedNoun, *, account: str, refunded: str, key: str, feature: str,
        lots: Mapping[int, Lot],
    ) -> Self:  # fmt: skip
        """The refund of an event (`refunded` is its key), of a feature; `lots` are the account's, by number."""

        def amount(lot: int, value: int) -> dict[str, Any]:
            return fields_of(is_money(policy, lots[lot].measure), value)

        return cls(
            account, refunded, key, feature,
            tuple(RefundedLot(back.lot, back.fate, **amount(back.lot, back.amount)) for back in returned(done, lots)),
            tuple(LotAmount(lot, **amount(lot, value)) for lot, value in done.lots),
            credits_of(done.relieved), done.expired, sum(value for _, value in done.revoked),
            **fields_of(is_money(policy, feature), done.units),
        )  # fmt: skip

    def noun(self) -> RefundedNoun:
        """The refund."""
        parts = tuple(part.noun() for part in self.parts)
        revoked = {lot.lot for lot in self.lots if lot.posted_as == "revoked"}
        gone = tuple(part for part in parts if part[0] in revoked)
        return RefundedNoun(self.value, parts, self.relieved.micro_credits, self.expired, gone)


class Returned(NamedTuple):
    """What a refund gave back to a lot; `fate`: None can be spent again, else posted as that."""

    lot: int
    amount: int
    fate: Fate | None


def returned(done: RefundedNoun, lots: Mapping[int, Lot]) -> Iterable[Returned]:
    """What went to each lot, in order, and what became of it."""
    revoked = dict(done.revoked)
    sums: dict[int, int] = {}
    for lot, amount in done.lots:
        sums[lot] = sums.get(lot, 0) + amount
    # What expired by then is all of the lots that expire first.
    expired, left = set[int](), done.expired
    for lot in sorted(sums.keys() - revoked.keys(), key=lambda lot: lots[lot].expires):
        if left <= 0:
            break
        expired.add(lot)
        left -= sums[lot]
    return [
        Returned(lot, amount, "revoked" if lot in revoked else "expired" if lot in expired else None)
        for lot, amount in sums.items()
    ]
