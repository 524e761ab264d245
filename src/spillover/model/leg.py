"""One draw of a decision: so many units from one layer, and which lots gave how much."""

from __future__ import annotations

from msgspec import Struct

from spillover.model.policy import Source


class Leg(Struct, frozen=True, omit_defaults=True, gc=False):
    """One draw: `units` from `layer` at `price` micro-credits a unit, `amount` in all (0 where nothing is charged);
    `lots` says which lot gave how much, in burn order, in micro-credits or units."""

    layer: Source
    units: int
    price: int = 0
    amount: int = 0
    lots: tuple[tuple[int, int], ...] = ()
