"""A settler by itself: it follows the streams until it is told to stop, and says how it goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event

from msgspec import Struct

from spillover.access.clock import system_clock
from spillover.access.gather import DEADLINE_SECONDS
from spillover.access.plain import Access
from spillover.access.settler import BACKOFF_SECONDS_MAX, IDLE_SECONDS
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.connect import connect_as_set, milliseconds, read_document
from spillover.bootstrap.living import LivingWorking
from spillover.bootstrap.rungs import open_as_set, open_claims
from spillover.bootstrap.working import Each, Working
from spillover.engine.elsewhere import books_moved_to, moved_books
from spillover.engine.examining import lag_of
from spillover.engine.settlement import Progress
from spillover.model.commit import Backlog
from spillover.model.errors import InvalidInput, SpilloverError

TELL_SECONDS = 1.0
TIMEOUT_MS = 10_000
"""How long one call to a server may take: so soon trouble is told, and so soon it ends when a server is away."""


class Following(Struct, frozen=True):
    """How a settler stands: the shards that are its, what it did since it began, and what waits in them.

    `lag` is the age (ms) of the oldest event that waits, 0 for none; `trouble` is what the last step, or the last look
    at what falls due, failed with; it ends when the store was read again.
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

    `tell` is called about once a second, and at each failure. Raises InvalidInput, StoreError if it cannot begin; what
    fails later is tried again, at most BACKOFF_SECONDS_MAX apart, and stands in `trouble`. Books of which all accounts
    were moved away are refused so, at the beginning and later.
    """
    address = address_of(url)
    if address.kind == "memory":
        raise InvalidInput("address", repr(url), "sqlite:///FILE or a server; what is in memory ends with its program")
    with connect_as_set(url, settle=False) as access:
        if target := _moved_to(access):
            raise moved_books(target)
        working = LivingWorking(
            partial(open_as_set, address, TIMEOUT_MS), open_claims(address, milliseconds(DEADLINE_SECONDS)),
            lambda: access.policy, system_clock, read_document, tend=tend, live=True, moved=partial(_moved_to, access),
        )  # fmt: skip
        try:
            return _follow(working, stop, tell)
        finally:
            with suppress(SpilloverError):  # the server is away: the claims end by themselves
                working.finish()


def _moved_to(access: Access) -> str:
    return access.look(books_moved_to(access.desk.ledger))


def _follow(working: Working, stop: Event, tell: Callable[[Following], None]) -> Following:
    telling, total, pause, trouble = Each(TELL_SECONDS, at_once=True), Progress(0, 0, 0), IDLE_SECONDS, ""
    while not stop.is_set():
        try:
            moved = working.step()
            if trouble and not working.shards:
                working.look()  # without a shard the step has read nothing, and so ended no trouble
            total, pause, trouble = total.plus(moved), IDLE_SECONDS, str(working.untended or "")
            if telling():
                tell(_standing(working, total, trouble, asks=True))
        except SpilloverError as error:
            moved, pause, trouble = Progress(0, total.parked, 0), min(pause * 2, BACKOFF_SECONDS_MAX), str(error)
            tell(_standing(working, total, trouble))
        if not moved.done:
            stop.wait(pause)
    try:
        return _standing(working, total, trouble, asks=not trouble)
    except SpilloverError as error:
        return _standing(working, total, str(error))


def _standing(working: Working, total: Progress, trouble: str, *, asks: bool = False) -> Following:
    """With what waits, if it `asks`: not of a server that has just failed."""
    waits = working.backlog() if asks else Backlog(0, None)
    lag = lag_of(waits, system_clock())
    return Following(len(working.shards), total.done, total.parked, total.quarantined, waits.entries, lag, trouble)
