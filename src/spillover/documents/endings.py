"""The end of a hold as JSON."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import Amount, Credits, Instant, amount_of, credits_of, instant_in, said, text_of
from spillover.documents.legs import Leg, Overshoot, legs_of
from spillover.documents.told import ToldEnding
from spillover.engine import answers
from spillover.model import event as events
from spillover.model.policy import Feature, Policy


class Move(Struct, frozen=True, gc=False):
    """What fell back to a lot that was gone by then, and left it at once."""

    kind: events.MoveKind
    lot: int
    amount: Annotated[int, said("Micro-credits or units, as the lot is measured", 2_000_000)]
    to: Annotated[int | None, said("The lot that has it now, of a rollover")]
    held: Annotated[bool, said("It came out of what a hold kept")]

    @classmethod
    def of(cls, move: events.Move) -> Self:
        """A move."""
        return cls(move.kind, move.lot, move.amount, move.to or None, move.held)

    def noun(self) -> events.Move:
        """The move."""
        return events.Move(self.kind, self.lot, self.amount, self.to or 0, self.held)


class Ending(Struct, frozen=True, gc=False):
    """How a hold ended: committed with the true usage, released, or expired."""

    account: str
    feature: str
    key: Annotated[str, said("The key of the hold")]
    at: Instant
    kind: Annotated[str, said("commit, release or expire", "commit")]
    sentence: Annotated[str, said("How it ended and who paid", "committed: 13 seconds for 130 credits")]
    unit: Annotated[str, said("What the feature's unit is called", "second")]
    count: Annotated[str, said('What the feature is counted in: "requests", "cost", or a usage count', "seconds")]
    granted: Annotated[Amount, said("The true usage that was granted")]
    charged: Credits
    legs: tuple[Leg, ...]
    overshoot: Overshoot | None
    moves: tuple[Move, ...]
    late: Annotated[bool, said("The hold had expired before, and all was drawn anew")]
    estimated: Annotated[bool, said("Nobody knew the true usage")]
    sequence: Annotated[int | None, said("The place in the account's order", 18)]
    replayed: Annotated[bool, said("It had ended so before")]

    @classmethod
    def of(cls, _: Policy, ending: answers.Ending) -> Self:
        """The end of a hold."""
        money, beyond = ending.counted.count == "cost", ending.overshoot
        return cls(
            ending.account, ending.feature, ending.key, text_of(ending.at), ending.kind, ending.sentence,
            ending.counted.unit, ending.counted.count, amount_of(money, ending.granted), credits_of(ending.charged),
            legs_of(money, ending.legs), None if beyond is None else Overshoot.of(money, beyond),
            tuple(Move.of(move) for move in ending.moves), ending.late, ending.estimated, ending.sequence or None,
            ending.replayed,
        )  # fmt: skip

    def noun(self) -> answers.Ending:
        """The ending. Of its feature it knows the name, the unit, and what it is counted in, no prices."""
        return ToldEnding(
            self.kind, self.account, self.feature, self.key, instant_in(self.at), self.granted.value,
            tuple(leg.noun() for leg in self.legs), None if self.overshoot is None else self.overshoot.noun(),
            tuple(move.noun() for move in self.moves), self.late, self.estimated, self.sequence or 0, self.replayed,
            Feature(self.feature, self.unit, self.count), told=self.sentence,
        )  # fmt: skip
