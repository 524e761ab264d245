"""Overshoot (law 7): what no layer could pay of something that happened already, charged, and forgiven or owed."""

from __future__ import annotations

from spillover.core.price import charged
from spillover.core.waterfall import DEBT, Pour
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.decision import Blocker, Overshoot


def overshoot_price(pour: Pour) -> int:
    """Micro-credits a unit: the price of `credits`, else of `overage`, else 0."""
    factors = {layer.source: layer.factor for layer in pour.rule.waterfall}
    factor = factors.get("credits") or factors.get("overage")
    return charged(1, pour.price, factor) if factor and pour.price else 0


def overshoot(pour: Pour) -> Overshoot | Blocker | None:
    """What is left of a recorded request, as overshoot in the box; a blocker if it is more than can be held."""
    if not pour.left:
        return None
    price = overshoot_price(pour)
    amount = forgiven = pour.left * price
    if amount > AMOUNT_MAX:
        return Blocker("bound", "credits", AMOUNT_MAX, amount - AMOUNT_MAX)
    limits = pour.gauges((pour.rule.overshoot,)) if pour.rule.overshoot and amount else []
    for at in limits:
        forgiven = min(forgiven, at.room)
        at.write(forgiven, forgiven, forgiven < amount, pour.operations)
        pour.opened += at.opens if forgiven else 0
    return Overshoot(pour.left, price, amount, forgiven)


def write_debt(pour: Pour, owed: int) -> Blocker | None:
    """The cell of what is owed: what a paid layer saw of it, and what this adds."""
    debt = pour.cells.get(DEBT, 0)
    if owed and debt + owed > AMOUNT_MAX:
        pour.operations.append((DEBT, AMOUNT_MAX - owed + 1, AMOUNT_MAX, None, 0))
        return Blocker("bound", "owed", AMOUNT_MAX - debt, debt + owed - AMOUNT_MAX)
    if pour.debt_read:
        low, high = (1, AMOUNT_MAX - owed) if debt else (0, 0)
        pour.operations.append((DEBT, low, high, None, owed))
    elif owed:
        pour.operations.append((DEBT, 0, AMOUNT_MAX - owed, None, owed))
    return None
