"""Which pack a denied request is told of: the cheapest one that is enough (decision 0007, "Selling")."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from spillover.core.unlocking import Unlock
from spillover.model.policy import Pack


def pack_for(packs: Mapping[str, Pack], feature: str, remedy: Unlock | None) -> Pack | None:
    """The pack that gives what is missing; None where nothing is to be bought, or no pack is enough.

    By price where all that are enough are of one currency, else the smallest; then by name.
    """
    if not packs or remedy is None or not (remedy.credits or remedy.units):
        return None
    measure, amount = ("credits", remedy.credits) if remedy.credits else (feature, remedy.units)
    enough = [pack for pack in packs.values() if pack.measure == measure and pack.amount >= amount]
    if len({pack.currency for pack in enough}) > 1:
        return min(enough, key=lambda pack: (pack.amount, pack.name))
    return min(enough, key=lambda pack: (Decimal(pack.price), pack.name), default=None)
