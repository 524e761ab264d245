"""A decision as JSON: what it did, or its denial with both ways out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Self

from msgspec import UNSET, Struct, UnsetType

from spillover.documents.amounts import (
    Amount,
    Credits,
    Instant,
    amount_of,
    credits_of,
    instant_in,
    instant_of,
    maybe_instant,
    read_instant,
    said,
    text_of,
)
from spillover.documents.legs import Blocker, Leg, Overshoot, Unlock, legs_of
from spillover.documents.packs import Pack
from spillover.documents.told import ToldDecision, ToldDenial
from spillover.engine import answers
from spillover.model.errors import InvalidInput
from spillover.model.policy import Feature, Policy


class Denial(Struct, frozen=True, gc=False):
    """Why a request does not pass, and the ways out: when it would (`opens_at`), and what would let it (`unlock`)."""

    blocked_by: Annotated[str, said("The kind and name of what brought it to a halt", "window five_hour")]
    opens_at: Annotated[Instant | None, said("When it passes if nothing else happens; null for never")]
    unlock: Annotated[str, said("What would let it pass now, in words", "3 more credits unlock it")]
    remedy: Annotated[Unlock | None, said("The same in numbers; null if nothing would")]
    status: Annotated[int, said("The HTTP status for an end user: 429 if waiting helps, else 402", 429, 402)]
    zone: Annotated[str, said("The account's time zone, in which the sentence tells the time", "Europe/Paris")]
    blockers: Annotated[tuple[Blocker, ...], said("The one ceiling, or what stopped each layer, in the plan's order")]
    pack: Annotated[Pack | None, said("The cheapest pack that is enough; null where none is sold that is")] = None
    checkout: Annotated[
        str | UnsetType, said("Where that pack can be bought; only where the service was told how", "https://shop/buy")
    ] = UNSET
    closes_at: Annotated[
        Instant | UnsetType | None,
        said("When it would stop passing after that; null for never. Only `check` and `explain` tell it"),
    ] = UNSET

    @classmethod
    def of(cls, policy: Policy, counted: Feature, denial: answers.Denial, *, closes: bool) -> Self:
        """`closes`: work out when it would stop passing, too; that takes as long as to find when it opens."""
        remedy, pack, money = denial.remedy, denial.pack, counted.count == "cost"
        return cls(
            denial.blocked_by, instant_of(denial.opens_at), denial.unlock,
            None if remedy is None else Unlock.of(money, remedy), denial.status, denial.zone,
            tuple(Blocker.of(policy, counted, blocker, denial.rule) for blocker in denial.blockers),
            None if pack is None else Pack.of(money or pack.measure == "credits", pack), denial.checkout or UNSET,
            instant_of(denial.closes_at) if closes else UNSET,
        )  # fmt: skip

    def noun(self, counted: Feature, sentence: str, closing: Callable[[], int | None]) -> ToldDenial:
        """The denial; `closing` is asked when it would stop passing, where this does not tell."""
        told = self.closes_at
        return ToldDenial(
            tuple(blocker.noun() for blocker in self.blockers), counted, self.zone, maybe_instant(self.opens_at),
            None if self.remedy is None else self.remedy.noun(),
            closing if told is UNSET else lambda: maybe_instant(told), self.unlock, sentence,
            None if self.pack is None else self.pack.noun(), "" if self.checkout is UNSET else self.checkout,
        )  # fmt: skip


def untold() -> int | None:
    """When a denial closes that does not tell."""
    raise InvalidInput(
        "closes_at", "a denial that does not tell it", "the answer of `check` or `explain` to the same request"
    )


class Answer(Struct, frozen=True, gc=False):
    """What is told of a decision."""

    account: Annotated[str, said("Who pays", "acme")]
    feature: Annotated[str, said("What is used", "video.seconds")]
    at: Annotated[Instant, said("The request's own time")]
    allowed: bool
    sentence: Annotated[str, said("The answer in one sentence", "5 seconds included, 3 seconds for 30 credits")]
    unit: Annotated[str, said("What the feature's unit is called", "second")]
    count: Annotated[str, said('What the feature is counted in: "requests", "cost", or a usage count', "seconds")]
    asked: Annotated[Amount, said("What was asked for")]
    granted: Annotated[Amount, said("What was granted: less than asked for in mode `partial` only")]
    charged: Annotated[Credits, said("What it cost in all, with what is owed of overshoot")]
    journaled: Annotated[
        bool, said("Admitted while the store could not be reached: who pays is told later, under the same key")
    ]
    legs: Annotated[tuple[Leg, ...], said("Which layers gave how much, in order; of an extension, what is drawn more")]
    denial: Denial | None
    key: Annotated[str, said("The key under which the answer is known; of a hold, the hold's")]
    replayed: Annotated[bool, said("The same request was answered before under this key, with this answer")]
    sequence: Annotated[int | None, said("The place in the account's order; null of what changed nothing", 17)]
    overshoot: Annotated[Overshoot | None, said("What no layer could pay of what had happened already")]
    limited_by: Annotated[tuple[Blocker, ...], said("Why less was granted than was asked for")]
    due: Annotated[Instant | None, said("Of a hold: when it expires")]
    held: Annotated[tuple[Leg, ...], said("Of an extension: all that the hold keeps now")]

    def decision(self, closing: Callable[[], int | None] = untold) -> answers.Decision:
        """The decision. Of its feature it knows the name, the unit, and what it is counted in, no prices.

        `closing` is asked for `denial.closes_at` where this does not tell it; if left out, that raises InvalidInput.
        """
        counted = Feature(self.feature, self.unit, self.count)
        return ToldDecision(
            self.allowed, self.account, self.feature, self.key, instant_in(self.at), self.asked.value,
            self.granted.value, tuple(leg.noun() for leg in self.legs), self.sequence or 0, self.replayed, counted,
            None if self.denial is None else self.denial.noun(counted, self.sentence, closing),
            None if self.overshoot is None else self.overshoot.noun(),
            tuple(blocker.noun() for blocker in self.limited_by), read_instant(self.due, 0),
            tuple(leg.noun() for leg in self.held), self.journaled, told=self.sentence,
        )  # fmt: skip


class Decision(Answer, frozen=True, gc=False):
    """The one definitive answer to a request: it passes, and who pays; or it does not, and why."""

    @classmethod
    def of(cls, policy: Policy, decision: answers.Decision, *, closes: bool = False) -> Self:
        """A decision. `closes`: of a denial also when it would stop passing after it has opened."""
        return cls(*parts_of(policy, decision, closes=closes))

    def noun(self, closing: Callable[[], int | None] = untold) -> answers.Decision:
        """The decision; see `decision`."""
        return self.decision(closing)


def parts_of(policy: Policy, decision: answers.Decision, *, closes: bool) -> tuple[Any, ...]:
    """The fields of a decision's document, in order."""
    counted, denial, beyond, limited = decision.counted, decision.denial, decision.overshoot, decision.blockers
    money = counted.count == "cost"
    return (
        decision.account, decision.feature, text_of(decision.at), decision.allowed, decision.sentence, counted.unit,
        counted.count, amount_of(money, decision.units), amount_of(money, decision.granted),
        credits_of(decision.charged), decision.journaled, legs_of(money, decision.legs),
        None if denial is None else Denial.of(policy, counted, denial, closes=closes), decision.key,
        decision.replayed, decision.sequence or None, None if beyond is None else Overshoot.of(money, beyond),
        tuple(Blocker.of(policy, counted, one) for one in limited) if limited else (),
        text_of(decision.due) if decision.due else None, legs_of(money, decision.held),
    )  # fmt: skip
