"""The one definitive answer: granted legs, or a denial with its reason."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from spillover.model.hold import Hold
from spillover.model.leg import Leg

Blocking = Literal[
    "state", "plan", "attribute", "late", "ceiling", "window", "units", "spending", "consent", "owed", "credits", "cap",
    "bound",
]  # fmt: skip


class Blocker(Struct, frozen=True, gc=False):
    """Why one limit or layer gave no more. `room` is what it had, `short` what it lacked for this request, both in
    what it counts (units, requests or micro-credits); `scope` the subject or attribute value, "" for the account."""

    kind: Blocking
    name: str
    room: int = 0
    short: int = 0
    per: str = ""
    scope: str = ""


class Overshoot(Struct, frozen=True, gc=False):
    """What no layer could pay of something that happened already (law 7): `units` at `price`, `amount` in all.

    `forgiven` of it is refunded at once; the rest is owed.
    """

    units: int
    price: int
    amount: int
    forgiven: int

    @property
    def owed(self) -> int:
        """Micro-credits that new credits have to pay before paid layers open again."""
        return self.amount - self.forgiven


class Verdict(Struct, frozen=True, gc=False):
    """What `decide` answers: `granted` units in `legs`, or `blockers`: the ceiling that had no room, or what stopped
    each layer in the plan's order (the last is where the request came to a halt).

    In mode `partial` both may be there. `granted` includes the units of `overshoot`. `hold` is the record of a hold.
    """

    allowed: bool
    units: int
    granted: int
    legs: tuple[Leg, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    overshoot: Overshoot | None = None
    hold: Hold | None = None
