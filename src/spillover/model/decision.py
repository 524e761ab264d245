"""The one definitive answer: granted legs, or a denial with its reason."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from spillover.model.policy import Source

Blocking = Literal[
    "state", "plan", "attribute", "late", "ceiling", "window", "units", "spending", "consent", "credits", "cap", "bound"
]


class Leg(Struct, frozen=True, omit_defaults=True, gc=False):
    """One draw: `units` from `layer` at `price` micro-credits a unit, `amount` in all (0 where nothing is charged);
    `lots` says which lot gave how much, in burn order, in micro-credits or units."""

    layer: Source
    units: int
    price: int = 0
    amount: int = 0
    lots: tuple[tuple[int, int], ...] = ()


class Blocker(Struct, frozen=True, gc=False):
    """Why one limit or layer gave no more. `room` is what it had, `short` what it lacked for this request, both in
    what it counts (units, requests or micro-credits); `scope` the subject or attribute value, "" for the account."""

    kind: Blocking
    name: str
    room: int = 0
    short: int = 0
    per: str = ""
    scope: str = ""


class Verdict(Struct, frozen=True, gc=False):
    """What `decide` answers: `granted` units in `legs`, or `blockers`: the ceiling that had no room, or what stopped
    each layer in the plan's order (the last is where the request came to a halt)."""

    allowed: bool
    units: int
    granted: int
    legs: tuple[Leg, ...] = ()
    blockers: tuple[Blocker, ...] = ()
