"""New terms come into force: a new profile, lots raised and lowered, limits reset, what is owed paid first."""

from __future__ import annotations

from typing import NamedTuple

from spillover.model.amounts import AMOUNT_MAX
from spillover.model.event import Move
from spillover.model.policy import Limit
from spillover.ports import Push
from tests.oracle.history import Account


class Forgotten(NamedTuple):
    """A limit, for one value (None: of the whole account), that is reset."""

    limit: Limit
    scope: str | None


def come_into_force(account: Account, push: Push, resets: list[Forgotten], now: int) -> list[Move]:
    """What was moved: of new credits what pays the debt, of lots that are lowered what they had left, at most so much.

    Credits pay only as new ones: what rolls over from lot to lot pays nothing.
    """
    account.profile = push.profile
    account.newest = max(account.newest, now)
    measures = {lot.id: lot.measure for lot in push.profile.lots}
    moves = []
    for lot, amount in push.raised:
        account.lots[lot].append(amount)
        paid = min(amount, sum(account.owed)) if measures[lot] == "credits" else 0
        if paid:
            account.owed.append(-paid)
            account.lots[lot].append(-paid)
            moves.append(Move("owed", lot, paid))
    if push.relieved:
        account.advanced.append(-push.relieved)
    for lower in push.lowers:
        amount = min(lower.most, account.left(lower.lot))
        if not amount:
            ends = lower.kind in {"expire", "rollover"} or (lower.kind == "revoke" and lower.most == AMOUNT_MAX)
            if ends:  # though holds keep all of it
                moves.append(Move(lower.kind, lower.lot, 0, lower.to))
            continue
        account.lots[lower.lot].append(-amount)
        if lower.to:
            account.lots[lower.to].append(amount)
        moves.append(Move(lower.kind, lower.lot, amount, lower.to))
    for limit, scope in resets:
        account.uses[limit.cell, scope].forget()
    return moves
