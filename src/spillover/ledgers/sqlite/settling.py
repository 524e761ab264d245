"""Settlement: a batch of the stream into the books, in one transaction whose lock is held for writing only.

Decoding, rules, rows and hashes are done on a snapshot. Under the lock it is checked that the accounts still stand
where they stood; if not (another settler, a grant), all of it is done again there, once, where nothing can move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw
from msgspec.structs import astuple

from spillover.ledgers.sqlite.batch import Item, prepare, record_of
from spillover.ledgers.sqlite.booking import Booking
from spillover.ledgers.sqlite.opening import Desk
from spillover.ledgers.sqlite.snapshot import SQL, Snapshot
from spillover.model.event import StreamEntry
from spillover.ports import Settled


def settle(desk: Desk, entries: Sequence[StreamEntry]) -> Settled:
    """Book what can be booked. Repeating it, in any order and any cut, ends in the same books."""
    batch = prepare(entries)
    with desk.read() as connection:
        booking = _book(connection, batch)
    if booking.moved or booking.quarantine:
        with desk.write() as connection:
            if not booking.snapshot.stands(connection):
                booking = _book(connection, batch)
            _write(connection, booking)
    left = booking.parked
    parked = [entry for entry in entries if left and (entry.account, entry.epoch, entry.sequence) in left]
    done = [entry for entry in entries if not left or (entry.account, entry.epoch, entry.sequence) not in left]
    return Settled(tuple(done), tuple(parked), len(booking.quarantine))


def _book(connection: apsw.Connection, batch: Mapping[int, Sequence[Item]]) -> Booking:
    booking = Booking(Snapshot(connection, batch))
    for account, items in batch.items():
        booking.account(account, items)
    return booking


def _write(connection: apsw.Connection, booking: Booking) -> None:
    run, snapshot = connection.executemany, booking.snapshot
    run(SQL["add_usage"], booking.usage)
    run(SQL["add_charge"], booking.charges)
    run(SQL["add_update"], booking.updates)
    run(SQL["add_quarantine"], booking.quarantine)
    run(SQL["set_lot"], [(*astuple(snapshot.lots[lot])[1:], *lot) for lot in booking.lots])
    run(SQL["put_balance"], [(*measure, *astuple(snapshot.sums[measure])) for measure in booking.measures])
    kept = [(*key, hold.due, record_of(hold)) for key, hold in booking.holds.items() if hold is not None]
    run(SQL["put_hold"], kept)
    run(SQL["drop_hold"], [key for key, hold in booking.holds.items() if hold is None])
    run(SQL["put_cell"], [(*cell, value) for cell, value in booking.cells.items() if value])
    run(SQL["drop_cell"], [cell for cell, value in booking.cells.items() if not value])
    run(
        SQL["set_place"],
        [
            (
                place.sequence, place.settled_version, place.usage_count, place.usage_head, place.charge_count,
                place.charge_head, place.update_count, place.update_head, place.id,
            )
            for place in booking.moved
        ],
    )  # fmt: skip
