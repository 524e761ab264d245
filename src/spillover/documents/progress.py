"""What a settlement did, as JSON."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import said
from spillover.engine import settlement
from spillover.model.policy import Policy


class Progress(Struct, frozen=True, gc=False):
    """What settlement did with the events that waited."""

    settled: Annotated[int, said("Events that were booked")]
    parked: Annotated[int, said("Events that wait for an earlier one of their account")]
    quarantined: Annotated[int, said("Events that could not be booked")]

    @classmethod
    def of(cls, _: Policy, done: settlement.Progress) -> Self:
        """What was done."""
        return cls(done.done, done.parked, done.quarantined)

    def noun(self) -> settlement.Progress:
        """What was done."""
        return settlement.Progress(self.settled, self.parked, self.quarantined)
