"""Keys that came again after the hot state had forgotten them (decision record 0006).

The event is booked under `spillover:again:EPOCH.SEQUENCE`, its own place. If the request was the same, all that its
legs paid is refunded under that key, and what its overshoot left to be paid is given as credits under `KEY:owed`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import MsgspecError, Struct, json

from spillover.audit.journal import Journal
from spillover.audit.orders import Orders
from spillover.audit.report import Report
from spillover.audit.tables import Row
from spillover.model.event import Event

AGAIN = "spillover:again:"
Place = tuple[int, int]
Find = Callable[[str], Row | None]
"""The event that is booked under a key of the account: epoch, sequence, payload."""


class _Mark(Struct):
    fingerprint: str


_mark = json.Decoder(_Mark).decode


def again_key(place: Place) -> str:
    """The key under which an event of this place stands if its own was booked before."""
    return f"{AGAIN}{place[0]}.{place[1]}"


def check_again(
    events: dict[Place, Event], refunded: list[Row], find: Find, journal: Journal, orders: Orders, report: Report
) -> None:
    """Each such event follows one that has its key, and is given back if it was the same request."""
    given = {(row[1], row[2]): row[3] for row in refunded}
    for place, event in sorted(events.items()):
        row, first = f"{place[0]}.{place[1]} key {again_key(place)!r}", find(event.key)
        if first is None or (first[0], first[1]) >= place:
            report("once", "usage_events", row, f"key {event.key!r} again", "an earlier event of that key")
            continue
        if event.kind not in ("usage", "commit") or _fingerprint(first[2]) != event.fingerprint:
            continue  # usage of its own
        whole, back = sum(leg.units for leg in event.legs), given.get(place, 0)
        if back != whole or (whole and again_key(place) not in orders.keys):
            report("refunds", "refunded", f"event {place[0]}.{place[1]}", f"{back} units", f"{whole}: it came twice")
        owed, key = event.overshoot.owed if event.overshoot is not None else 0, f"{again_key(place)}:owed"
        granted = sum(one[5] for one in journal.orders.get(key, []))
        if granted != owed:
            report("refunds", "orders", f"key {key!r}", f"{granted} given", f"{owed}: what was owed of it")


def _fingerprint(payload: bytes) -> str | None:
    try:
        return _mark(payload).fingerprint
    except (MsgspecError, UnicodeError):
        return None
