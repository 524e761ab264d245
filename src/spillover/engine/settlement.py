"""The stream processor: read, book, acknowledge. Each step may be repeated, so a crash anywhere is a replay."""

from __future__ import annotations

from msgspec import Struct

from spillover.ports import HotStore, Ledger

BATCH_MAX = 512
"""Events booked in one transaction."""


class Progress(Struct, frozen=True):
    """What one step of settlement did: events booked (or found booked), parked behind a gap, and quarantined."""

    done: int
    parked: int
    quarantined: int


async def settle_step(store: HotStore, ledger: Ledger, *, batch: int = BATCH_MAX) -> Progress:
    """Book one batch of the stream."""
    entries = await store.read(batch)
    if not entries:
        return Progress(0, 0, 0)
    settled = await ledger.settle(entries)
    await store.acknowledge(settled.done)
    return Progress(len(settled.done), len(settled.parked), settled.quarantined)


async def settle_all(store: HotStore, ledger: Ledger) -> Progress:
    """Book the stream to its present end. Ends when a step books nothing more."""
    done = parked = quarantined = 0
    while (step := await settle_step(store, ledger)).done:
        done, parked, quarantined = done + step.done, step.parked, quarantined + step.quarantined
    return Progress(done, parked, quarantined)
