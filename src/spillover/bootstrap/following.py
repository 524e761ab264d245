"""A settler by itself: it follows the streams until it is told to stop, and says how it goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event

from msgspec import Struct

from spillover.access.clock import system_clock
from spillover.access.gather import DEADLINE_SECONDS
from spillover.access.settler import BACKOFF_SECONDS_MAX, IDLE_SECONDS
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.connect import connect, milliseconds, read_document
from spillover.bootstrap.rungs import open_claims, open_rung
from spillover.bootstrap.working import TIMEOUT_MS, Each, Working
from spillover.engine.examining import lag_of
from spillover.engine.settlement import Progress
from spillover.model.errors import InvalidInput, SpilloverError

TELL_SECONDS = 1.0


class Following(Struct, frozen=True):
    """How a settler stands: the shards that are its, what it did since it began, and what waits in them.

    `lag` is the age (ms) of the oldest event that waits, 0 for none; `trouble` is what the last step failed with.
    """

    shards: int
    settled: int
    parked: int
    quarantined: int
    waiting: int
    lag: int
    trouble: str = ""


def follow(url: str, stop: Event, tell: Callable[[Following], None], *, tend: bool = True) -> Following:
    """Settle what is behind an address until `stop` is set; then finish the batch and leave the shards to others.

    `tell` is called about once a second. Raises InvalidInput, StoreError if it cannot begin; what fails later is tried
    again, at most BACKOFF_SECONDS_MAX apart.
    """
    address = address_of(url)
    if address.kind == "memory":
        raise InvalidInput("address", repr(url), "sqlite:///FILE or a server; what is in memory ends with its program")
    timeout, telling = milliseconds(DEADLINE_SECONDS), Each(TELL_SECONDS, at_once=True)
    with connect(url, settle=False) as access:
        working = Working(
            partial(open_rung, address, "strict", TIMEOUT_MS), open_claims(address, timeout), lambda: access.policy,
            system_clock, read_document, tend=tend,
        )  # fmt: skip
        total, pause, trouble = Progress(0, 0, 0), IDLE_SECONDS, ""
        try:
            while not stop.is_set():
                try:
                    moved = working.step()
                    total, pause, trouble = total.plus(moved), IDLE_SECONDS, ""
                    if telling():
                        tell(_standing(working, total, ""))
                except SpilloverError as error:
                    moved, trouble = Progress(0, total.parked, 0), str(error)
                    pause = min(pause * 2, BACKOFF_SECONDS_MAX)
                    tell(Following(len(working.shards), total.done, total.parked, total.quarantined, 0, 0, trouble))
                if not moved.done:
                    stop.wait(pause)
            return _standing(working, total, trouble)
        finally:
            working.finish()


def _standing(working: Working, total: Progress, trouble: str) -> Following:
    waits = working.backlog()
    return Following(
        len(working.shards),
        total.done,
        total.parked,
        total.quarantined,
        waits.entries,
        lag_of(waits, system_clock()),
        trouble,
    )
