"""In which order lots burn, and how an amount is drawn from them (design, law 3).

Lower priority number first, then earlier expiry (never comes last), promotional before paid, earlier effective time,
lower id. Whole units are counted over the layer's lots together, so a unit may be paid by two lots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spillover.core.scopes import fits
from spillover.model.account import Lot
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Operation
from spillover.model.request import Request


def burn_key(lot: Lot) -> tuple[int, int, bool, int, int]:
    """The one sort key of lots: what burns first compares lowest."""
    return (lot.priority, lot.expires, not lot.promotional, lot.effective, lot.id)


def burn_order(lots: Iterable[Lot]) -> tuple[Lot, ...]:
    """The lots in the order in which they burn."""
    return tuple(sorted(lots, key=burn_key))


def lot_cell(lot: int) -> str:
    """The name of the cell that holds what remains of a lot."""
    return f"lot:{lot}"


class Purse:
    """The eligible lots of one measure at one instant, in burn order, with what remains of each."""

    __slots__ = ("lots", "total")

    def __init__(self, lots: Iterable[Lot], measure: str, cells: Mapping[str, int], now: int, request: Request) -> None:
        """Eligible: effective <= now < expiry, and its scope fits the request. `lots` come in burn order."""
        found = []
        total = 0
        for lot in lots:
            if lot.measure == measure and lot.effective <= now < lot.expires:
                if lot.scope and not fits(lot.scope, request):
                    continue
                remains = cells.get(f"lot:{lot.id}", 0)
                found.append((lot.id, remains))
                total += remains
        self.lots: list[tuple[int, int]] = found
        self.total: int = total

    def draw(self, amount: int, exhausted: bool, operations: list[Operation]) -> tuple[tuple[int, int], ...]:
        """Take `amount` <= total, first lot first, and append the conditions under which just this is right.

        A lot that is emptied is pinned; the last one needs only enough. An `exhausted` purse is pinned whole: one
        more unit in any lot would have been given.
        """
        drawn = []
        for lot, remains in self.lots:
            if not amount and not exhausted:
                break
            part = min(amount, remains)
            amount -= part
            if exhausted or amount:
                operations.append((f"lot:{lot}", remains, remains, None, -part))
            else:
                operations.append((f"lot:{lot}", part, AMOUNT_MAX, None, -part))
            if part:
                drawn.append((lot, part))
        return tuple(drawn)
