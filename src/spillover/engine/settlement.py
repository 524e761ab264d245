"""The stream processor: read, book, acknowledge. Each step may be repeated, so a crash anywhere is a replay."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from spillover.engine.parts import readable
from spillover.model.event import StreamEntry
from spillover.ports import HotStore, Ledger

BATCH_MAX = 512
"""Events booked in one transaction."""
HELD_MAX = 50_000
"""Events behind a gap that are read again and passed over; with more of them others wait for the gap to be mended."""
ACCOUNT_STEPS_MAX = 10_000
"""Batches of one account's events that are booked in one go: five million events."""


class Progress(Struct, frozen=True):
    """What one step of settlement did: events booked (or found booked), parked behind a gap, and quarantined."""

    done: int
    parked: int
    quarantined: int

    def plus(self, step: Progress) -> Progress:
        """With a further step: what it left parked is what is parked now."""
        return Progress(self.done + step.done, step.parked, self.quarantined + step.quarantined)


class Settling:
    """Settlement of one stream, step by step.

    It remembers what its last step booked: a stream that does not forget what was acknowledged must not keep it busy.
    """

    def __init__(self, store: HotStore, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger
        self._booked: set[tuple[int, int, int]] = set()
        self._last: StreamEntry | None = None
        self._held = 0

    async def step(self, *, batch: int = BATCH_MAX, shards: Sequence[int] | None = None) -> Progress:
        """Book one batch of these shards, or of all; `done` counts what the step before had not booked already.

        Where some of several servers cannot be reached it books what the others have; their error is raised by the step
        that booked nothing, so never is all called booked.
        """
        entries, failure = await readable(self._store.read, batch + self._held, shards, self._store.shards)
        if not entries:
            self._held = 0
            return Progress(0, 0, 0)
        settled = await self._ledger.settle(entries)
        await self._store.acknowledge(settled.done)
        booked = {(entry.account, entry.epoch, entry.sequence) for entry in settled.done}
        moved, self._booked, self._last = len(booked - self._booked), booked, entries[-1]
        self._held = min(len(settled.parked), HELD_MAX)  # they come first again, beside as many others
        if failure is not None and not moved:
            raise failure
        return Progress(moved, len(settled.parked), settled.quarantined)

    def is_past(self, instant: int) -> bool:
        """Whether the last step came to an event of after that instant: what waited then is behind it."""
        if self._last is None:
            return False
        try:
            return _when(self._last.payload).at > instant
        except msgspec.MsgspecError:  # nothing that can be read, so no end either
            return False


class _When(Struct):
    at: int


_when = msgspec.json.Decoder(_When).decode


async def settle_step(store: HotStore, ledger: Ledger, *, batch: int = BATCH_MAX) -> Progress:
    """Book one batch of the stream."""
    return await Settling(store, ledger).step(batch=batch)


async def settle_account(store: HotStore, ledger: Ledger, account: int) -> Progress:
    """Book one account's events to their present end; those of others are left to their settler.

    Ends when a step moves nothing forward, or when more was booked than an account can have had waiting.
    """
    total = Progress(0, 0, 0)
    for _ in range(ACCOUNT_STEPS_MAX):
        entries = await store.entries(account, BATCH_MAX)
        if not entries:
            break
        settled = await ledger.settle(entries)
        await store.acknowledge(settled.done)
        total = total.plus(Progress(len(settled.done), len(settled.parked), settled.quarantined))
        if not settled.done:
            break
    return total


async def settle_all(store: HotStore, ledger: Ledger) -> Progress:
    """Book the stream to its present end. Ends when a step moves nothing forward."""
    settling, total = Settling(store, ledger), Progress(0, 0, 0)
    while (step := await settling.step()).done:
        total = total.plus(step)
    return total.plus(step)
