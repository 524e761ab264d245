"""Settlement: a batch of the stream into the books, in one transaction whose locks are held for writing only.

Decoding, rules, rows and hashes are done on a snapshot. Under the locks it is checked that the accounts still stand
where they stood; if not (another settler, a grant), all of it is done again there, once, where nothing can move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import astuple

from spillover.ledgers.books.again import give_back
from spillover.ledgers.books.batch import Item, prepare, record_of
from spillover.ledgers.books.booking import Booking
from spillover.ledgers.books.snapshot import Snapshot
from spillover.ledgers.books.tables import Desk, Tables
from spillover.model.event import StreamEntry
from spillover.ports import Settled


def settle(desk: Desk, entries: Sequence[StreamEntry]) -> Settled:
    """Book what can be booked. Repeating it, in any order and any cut, ends in the same books.

    Only what is given back of a request that came again follows its batch, so its place among the updates is the cut's.
    """
    batch = prepare(entries)
    booking = desk.read(lambda tables: _book(tables, batch))
    if booking.moved or booking.quarantine:
        before = booking
        booking = desk.write(lambda tables: _settle(tables, batch, before))
    left = booking.parked
    parked = [entry for entry in entries if left and (entry.account, entry.epoch, entry.sequence) in left]
    done = [entry for entry in entries if not left or (entry.account, entry.epoch, entry.sequence) not in left]
    return Settled(tuple(done), tuple(parked), len(booking.quarantine))


def _book(tables: Tables, batch: Mapping[int, Sequence[Item]]) -> Booking:
    booking = Booking(Snapshot(tables, batch))
    for account, items in batch.items():
        booking.account(account, items)
    return booking


def _settle(tables: Tables, batch: Mapping[int, Sequence[Item]], before: Booking) -> Booking:
    tables.lock(batch)
    booking = before if before.snapshot.stands(tables) else _book(tables, batch)
    _write(tables, booking)
    for found in booking.twice:
        give_back(tables, found)
    return booking


def _write(tables: Tables, booking: Booking) -> None:
    run, snapshot = tables.many, booking.snapshot
    run("settling.add_usage", booking.usage)
    run("settling.add_charge", booking.charges)
    run("settling.add_update", booking.updates)
    run("settling.add_quarantine", booking.quarantine)
    run("settling.set_lot", [(*astuple(snapshot.lots[lot])[1:], *lot) for lot in booking.lots])
    run("settling.put_balance", [(*measure, *astuple(snapshot.sums[measure])) for measure in booking.measures])
    kept = [(*key, hold.due, record_of(hold)) for key, hold in booking.holds.items() if hold is not None]
    run("settling.put_hold", kept)
    run("settling.drop_hold", [key for key, hold in booking.holds.items() if hold is None])
    run("settling.put_cell", [(*cell, value) for cell, value in booking.cells.items() if value])
    run("settling.drop_cell", [cell for cell, value in booking.cells.items() if not value])
    run("outbox.settled", [(id_, snapshot.places[id_].settled_version) for id_ in booking.terms])
    run(
        "settling.set_place",
        [
            (
                place.sequence, place.settled_version, place.usage_count, place.usage_head, place.charge_count,
                place.charge_head, place.update_count, place.update_head, place.id,
            )
            for place in booking.moved
        ],
    )  # fmt: skip
