"""New terms come into force: what they raise, lower and reset, on the cells as they are then (decision record 0005).

New credits pay what is owed first (law 7). What a lot is lowered by is known only here, so the hot state alone lowers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from spillover.core.lots import lot_cell
from spillover.core.scopes import SCOPES, TICKS_FROM
from spillover.core.waterfall import DEBT, OWED
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.event import Entry, Move
from spillover.model.terms import Lower, Reset

OWED_CELL = OWED.cell + ":used"
"""What the overage line has advanced."""


class Orders(NamedTuple):
    """What new terms order: (lot, amount) to raise, what to take off the overage line, what to lower and to reset."""

    raised: tuple[tuple[int, int], ...] = ()
    relieved: int = 0
    lowers: tuple[Lower, ...] = ()
    resets: tuple[Reset, ...] = ()


class Effect(NamedTuple):
    """The box and changes, and what the event says of them."""

    operations: tuple[Operation, ...]
    moves: tuple[Move, ...]
    entries: tuple[Entry, ...]


def cells_for_orders(orders: Orders) -> tuple[str, ...]:
    """The names of all cells that `carry_out` may read."""
    names = [DEBT, SCOPES, OWED_CELL]
    names += [lot_cell(lot) for lot, _ in orders.raised]
    names += [lot_cell(lot) for lower in orders.lowers for lot in (lower.lot, lower.to) if lot]
    names += [cell for reset in orders.resets for cell in reset.cells]
    return tuple(dict.fromkeys(names))


def carry_out(profile: Profile, cells: Mapping[str, int], orders: Orders, now: int) -> Effect:
    """What the orders do to these cells, under the profile that comes into force with them."""
    operations: list[Operation] = []
    moves = _raise(profile, cells, orders.raised, operations) + _lower(cells, orders.lowers, operations)
    if orders.relieved:
        operations.append((OWED_CELL, orders.relieved, AMOUNT_MAX, None, -orders.relieved))
    entries = _reset(cells, orders.resets, now, operations)
    return Effect(tuple(operations), tuple(moves), tuple(entries))


def _raise(
    profile: Profile, cells: Mapping[str, int], raised: Sequence[tuple[int, int]], operations: list[Operation]
) -> list[Move]:
    credits = {lot.id for lot in profile.lots if lot.measure == "credits"}
    owed = debt = cells.get(DEBT, 0)
    moves = []
    sums: dict[int, int] = {}
    for lot, amount in raised:
        sums[lot] = sums.get(lot, 0) + amount
    for lot, amount in sums.items():
        paid = min(debt, amount) if lot in credits else 0
        debt -= paid
        if paid:
            moves.append(Move("owed", lot, paid))
        operations.append((lot_cell(lot), 0, AMOUNT_MAX - amount, None, amount - paid))
    if any(lot in credits for lot, _ in raised):
        operations.append((DEBT, owed, owed, None, debt - owed))
    return moves


def _lower(cells: Mapping[str, int], lowers: Sequence[Lower], operations: list[Operation]) -> list[Move]:
    taken: dict[int, int] = {}
    given: dict[int, int] = {}
    moves = []
    for lower in lowers:
        left = cells.get(lot_cell(lower.lot), 0) - taken.setdefault(lower.lot, 0)
        amount = min(left, lower.most)
        taken[lower.lot] += amount
        if amount and lower.to:
            given[lower.to] = given.get(lower.to, 0) + amount
        # A lot that ends here, though holds keep all that was left of it, is told with a 0.
        if amount or lower.kind in ("expire", "rollover") or (lower.kind == "revoke" and lower.most == AMOUNT_MAX):
            moves.append(Move(lower.kind, lower.lot, amount, lower.to))
    for lot, amount in taken.items():
        value = cells.get(lot_cell(lot), 0)
        operations.append((lot_cell(lot), value, value, None, -amount))
    for lot, amount in given.items():
        operations.append((lot_cell(lot), 0, AMOUNT_MAX - amount, None, amount))
    return moves


def _reset(cells: Mapping[str, int], resets: Sequence[Reset], now: int, operations: list[Operation]) -> list[Entry]:
    entries, freed = [], 0
    for reset in resets:
        used = 0
        for name in reset.cells:
            value = cells.get(name, 0)
            operations.append((name, value, value, None, -value))
            used += _units(value, reset, now)
        if used:
            entries.append(Entry("window_reset", reset.what, str(used), "0"))
            freed += reset.scoped
    if freed:
        operations.append((SCOPES, 0, AMOUNT_MAX, freed, -freed))
    return entries


def _units(value: int, reset: Reset, now: int) -> int:
    """What a cell has counted; of a bucket, the units that have not come back."""
    if not reset.spacing:
        return value
    return max(-(((now - TICKS_FROM) * reset.ticks - value) // reset.spacing), 0)
