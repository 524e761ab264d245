"""Answers as a line of a ledger says them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spillover.engine.answers import Decision, Ending
from spillover.model.amounts import format_credits
from tests.rules.house import told_legs


def credits_of(micro: int) -> str:
    """Micro-credits as people write them, with a sign."""
    return f"{'+' if micro > 0 else ''}{format_credits(micro)}"


def answered(decision: Decision) -> str:
    """A decision as a line of a ledger."""
    if decision.denial:
        return "denied: " + ", ".join(dict.fromkeys(f"{b.kind} {b.name}" for b in decision.denial.blockers))
    partly = f" of {decision.units}" if decision.granted < decision.units else ""
    return told_legs(decision.legs, decision.overshoot) + partly + (" again" if decision.replayed else "")


def ended(ending: Ending) -> str:
    """The end of a hold as a line of a ledger."""
    if ending.kind == "commit":
        text = ("late: " if ending.late else "") + told_legs(ending.legs, ending.overshoot)
    else:
        text = {"release": "released", "expire": "expired"}[ending.kind]
    text += "".join(f"; {move.kind} {format_credits(move.amount)} of {move.lot}" for move in ending.moves)
    return text + (" estimated" if ending.estimated else "") + (" again" if ending.replayed else "")


def entries(found: Sequence[Any]) -> str:
    """The allowance entries that an order made: "f/w: 3 -> 5"."""
    return (
        "; ".join(f"{entry.what}: {entry.before or 'none'} -> {entry.after or 'none'}" for entry in found) or "nothing"
    )


def lowered(found: Sequence[tuple[int, int]]) -> str:
    """What an order took from lots."""
    return ", ".join(f"{credits_of(-amount)} from {lot}" for lot, amount in found) or "done"


def row_of(row: Any) -> str:
    """A row of the statement: what, how much, from which book to which."""
    if row.measure not in ("credits", "f", "g"):
        return f"{row.kind} {row.measure}: {row.source} -> {row.target}"
    amount = credits_of(row.delta) if row.measure == "credits" else f"{row.delta:+}"
    return f"{row.kind} {amount} {row.source} > {row.target}"
