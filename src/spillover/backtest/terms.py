"""New terms in a world of its own: what an event of kind `terms` did to the live account, done to another standing.

The live account may have had more or less left than this standing has. So what was raised is raised by as much, and
what was lowered is lowered by as much as is there.
"""

from __future__ import annotations

from spillover.compare.lane import Standing
from spillover.core.lots import lot_cell
from spillover.core.scopes import SCOPES
from spillover.core.waterfall import DEBT, OWED
from spillover.model.event import Event, Move

LOT = lot_cell(0)[:-1]
"""How the cells of lots begin."""
ADVANCED = f"{OWED.cell}:used"
"""The cell that holds what the overage line has advanced."""
KEPT = ("t", "holds", DEBT, ADVANCED, SCOPES)
"""Cells that no reset of a limit concerns."""


def apply_terms(standing: Standing, event: Event) -> None:
    """Bring the event's terms into force here: profile, lots raised and lowered, limits reset, debts paid."""
    if event.terms is not None:
        standing.profile = event.terms
    raised = {name: add for name, _, add in event.changes if name.startswith(LOT)}
    for move in event.moves:  # what came in before it went out again
        if not move.held:
            raised[lot_cell(move.lot)] = raised.get(lot_cell(move.lot), 0) + move.amount
            if move.to:
                raised[lot_cell(move.to)] = raised.get(lot_cell(move.to), 0) - move.amount
    for name, amount in raised.items():
        if amount > 0:
            _raise(standing, name, amount)
    for move in event.moves:
        if not move.held and move.kind != "owed":
            _lower(standing, move)
    reset = any(entry.kind == "window_reset" for entry in event.entries)
    for name, _, add in event.changes:
        if name in (ADVANCED, SCOPES) and add < 0:
            standing.put(name, max(0, standing.cells.get(name, 0) + add))
        elif reset and not name.startswith(LOT) and name not in KEPT:
            standing.put(name, 0)


def _raise(standing: Standing, name: str, amount: int) -> None:
    """New credits pay first what this standing owes of overshoot (law 7)."""
    lot = next((lot for lot in standing.profile.lots if lot_cell(lot.id) == name), None)
    if lot is not None and lot.measure == "credits":
        paid = min(amount, standing.cells.get(DEBT, 0))
        standing.put(DEBT, standing.cells.get(DEBT, 0) - paid)
        amount -= paid
    standing.put(name, standing.cells.get(name, 0) + amount)


def _lower(standing: Standing, move: Move) -> None:
    """As much as is there, at most what went then; a lot that expired loses all."""
    name = lot_cell(move.lot)
    there = standing.cells.get(name, 0)
    gone = there if move.kind == "expire" else min(there, move.amount)
    standing.put(name, there - gone)
    if move.to:
        standing.put(lot_cell(move.to), standing.cells.get(lot_cell(move.to), 0) + gone)
