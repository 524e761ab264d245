"""What would be decided, with the whole waterfall behind it, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Self

from msgspec import Struct

from spillover.access.desk import Explanation as ExplanationNoun
from spillover.core import staircase as nouns
from spillover.documents.amounts import Amount, Credits, amount_of, credits_of, said
from spillover.documents.decision import Answer, parts_of, untold
from spillover.documents.legs import Blocker
from spillover.model.decision import Verdict
from spillover.model.policy import Feature, Policy, Rule


class Ceiling(Struct, frozen=True, gc=False):
    """A limit that must have room whoever pays."""

    name: str
    of: Annotated[str, said("What it counts: units, requests, credits, open_holds, subjects or usage", "requests")]
    max: Annotated[int, said("In what it counts; credits in micro-credits")]
    room: Annotated[int, said("What it had before this request")]
    passed: bool

    def noun(self) -> nouns.Ceiling:
        """The ceiling."""
        return nouns.Ceiling(self.name, self.of, self.max, self.room, self.passed)


class Step(Struct, frozen=True, gc=False):
    """One layer of the waterfall for this request."""

    layer: Annotated[str, said("allowance, units, credits or overage", "allowance")]
    reached: Annotated[bool, said("False where nothing was left to give, or something else had denied the request")]
    room: Annotated[Amount | None, said("What it had to give; null for without bound")]
    given: Amount
    room_after: Amount | None
    amount: Annotated[Credits, said("What that cost")]
    stopped_by: Annotated[Blocker | None, said("Why it gave no more")]

    @classmethod
    def of(cls, policy: Policy, counted: Feature, step: nouns.Step, rule: Rule | None) -> Self:
        """`rule` says what a limit counts, where it is known."""

        def units(count: int | None) -> Amount | None:
            return None if count is None else amount_of(counted.count == "cost", count)

        return cls(
            step.layer, step.reached, units(step.room), amount_of(counted.count == "cost", step.given),
            units(step.room_after), credits_of(step.amount),
            None if step.blocker is None else Blocker.of(policy, counted, step.blocker, rule),
        )  # fmt: skip

    def noun(self) -> nouns.Step:
        """The step."""
        room = None if self.room is None else self.room.value
        blocker = None if self.stopped_by is None else self.stopped_by.noun()
        return nouns.Step(self.layer, room, self.given.value, self.amount.micro_credits, self.reached, blocker)


class Staircase(Struct, frozen=True, gc=False):
    """The ceilings and steps of a waterfall for one request."""

    unit_price: Annotated[Credits | None, said("Of one unit; null where no price covers this use")]
    ceilings: tuple[Ceiling, ...]
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, policy: Policy, feature: Feature, staircase: nouns.Staircase, rule: Rule | None = None) -> Self:
        """Under a rule, where that is known."""
        return cls(
            None if staircase.price is None else credits_of(staircase.price),
            tuple(Ceiling(one.name, one.of, one.max, one.room, one.passed) for one in staircase.ceilings),
            tuple(Step.of(policy, feature, step, rule) for step in staircase.steps),
        )


class Explanation(Answer, frozen=True, gc=False):
    """What a request would be answered now, with the room of every layer. Nothing was changed."""

    unit_price: Annotated[Credits | None, said("Of one unit; null where no price covers this use")]
    ceilings: tuple[Ceiling, ...]
    steps: Annotated[tuple[Step, ...], said("The layers of the waterfall, in order")]
    ignored: Annotated[tuple[str, ...], said("Attributes that were sent and that the policy does not declare")]

    @classmethod
    def of(cls, policy: Policy, explained: ExplanationNoun) -> Self:
        """An explanation; of a denial also when it would stop passing after it has opened."""
        decision = explained.decision
        rule = decision.denial.rule if decision.denial else None
        stairs = Staircase.of(policy, decision.counted, explained.staircase, rule)
        told: tuple[Any, ...] = (
            *parts_of(policy, decision, closes=True), stairs.unit_price, stairs.ceilings, stairs.steps,
            explained.ignored,
        )  # fmt: skip
        return cls(*told)

    def noun(self, closing: Callable[[], int | None] = untold) -> ExplanationNoun:
        """The explanation; `closing` as for a decision."""
        decision = self.decision(closing)
        blockers = decision.blockers if decision.denial is None else decision.denial.blockers
        verdict = Verdict(
            decision.allowed, decision.units, decision.granted, decision.legs, blockers, decision.overshoot
        )
        price = None if self.unit_price is None else self.unit_price.micro_credits
        ceilings, steps = tuple(one.noun() for one in self.ceilings), tuple(one.noun() for one in self.steps)
        return ExplanationNoun(decision, nouns.Staircase(verdict, price, ceilings, steps), self.ignored)
