"""What the books must say of an event, row by row and in this order (decision record 0005)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spillover.model.event import Event, Move

Booking = tuple[str, str, int, int, str, str, str, str]
"""kind, measure, lot, delta, source, target, reason, actor"""

_GONE = {"expire": "expired", "revoke": "revoked", "adjust": "adjustments", "owed": "owed"}


def bookings(event: Event, measure: Callable[[int], str]) -> Iterator[Booking]:
    """The rows of an event. `measure` tells that of a lot. What a hold keeps is not booked before its end."""
    if event.kind in ("hold", "extend"):
        return
    actor, reason = event.actor, event.reason
    if event.kind != "terms":
        actor, reason = event.subject or "account", "hold ended"
        yield from _draws(event, actor)
    for move in event.moves:
        yield from _moved(move, measure, reason, actor)
    for entry in event.entries:
        if entry.before != entry.after:
            yield (entry.kind, entry.what, 0, 0, entry.before, entry.after, reason, actor)


def paid_legs(event: Event) -> list[tuple[str, int, int, int]]:
    """What is charged: (layer, units, price, amount), overshoot and its forgiveness last."""
    legs: list[tuple[str, int, int, int]] = []
    for leg in event.legs:
        if leg.amount:
            legs.append((leg.layer, leg.units, leg.price, leg.amount))
    over = event.overshoot
    if over is not None and over.amount:
        legs.append(("overshoot", over.units, over.price, over.amount))
        if over.forgiven:
            legs.append(("forgiven", 0, 0, -over.forgiven))
    return legs


def _draws(event: Event, actor: str) -> Iterator[Booking]:
    revenue, because = f"revenue/{event.feature}", ("usage", actor)
    for leg in event.legs:
        measure = event.feature if leg.layer == "units" else "credits"
        for lot, amount in leg.lots:
            yield ("debit", measure, lot, -amount, f"lot/{lot}", revenue, *because)
        if leg.layer == "overage" and leg.amount:
            yield ("overage", "credits", 0, leg.amount, "receivable", revenue, *because)
    over = event.overshoot
    if over is None or not over.amount:
        return
    yield ("debit", "credits", 0, over.amount, "overshoot", revenue, *because)
    if over.forgiven:
        yield ("overshoot_refund", "credits", 0, -over.forgiven, "forgiven", "overshoot", *because)
    if over.owed:
        yield ("owed", "credits", 0, over.owed, "owed", "overshoot", *because)


def _moved(move: Move, measure: Callable[[int], str], reason: str, actor: str) -> Iterator[Booking]:
    if not move.amount:
        return
    of, book, because = measure(move.lot), f"lot/{move.lot}", (reason, actor)
    if move.kind == "rollover":
        yield ("rollover", of, move.lot, -move.amount, book, "rollover", *because)
        yield ("rollover", of, move.to, move.amount, "rollover", f"lot/{move.to}", *because)
    else:
        yield (move.kind, of, move.lot, -move.amount, book, _GONE.get(move.kind, "?"), *because)
