"""`spillover settle --follow`: a settler in the foreground, and how it says what it does."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from spillover.bootstrap.following import Following

FOUND = 1


def follow_streams(db: str, *, tend: bool, as_json: bool) -> int:
    """Settle until a signal comes, then finish what is under way. Status 1 if an event was quarantined."""
    from spillover.bootstrap.following import follow
    from spillover.cli.database import require_there
    from spillover.cli.output import write, write_json_line

    require_there(db)
    with stopped_by_signals() as stop:
        last = follow(db, stop, teller(as_json=as_json), tend=tend)
    if as_json:
        write_json_line(_document(last) | {"stopped": True})
    else:
        write(f"Stopped: {_line(last)}; its shards are left to others.")
    return FOUND if last.quarantined else 0


def teller(*, as_json: bool) -> Callable[[Following], None]:
    """Says how a settler stands: to programs each time, to people what has changed."""
    from spillover.cli.output import write, write_json_line

    said: list[str] = []

    def tell(now: Following) -> None:
        if as_json:
            write_json_line(_document(now))
        elif (line := _line(now)) not in said[-1:]:
            said[:] = [line]
            write(line)

    return tell


@contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """An event that Ctrl-C or SIGTERM sets; the second one interrupts."""
    stop, told = Event(), list[int]()

    def hear(number: int, _frame: FrameType | None) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(number)
        # By another thread: this one may stand inside the event's own lock, and would wait for itself.
        Thread(target=stop.set, name="spillover-stop").start()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _document(now: Following) -> dict[str, object]:
    return {
        "shards": now.shards, "settled": now.settled, "waiting": now.waiting, "lag_ms": now.lag, "parked": now.parked,
        "quarantined": now.quarantined, "trouble": now.trouble or None,
    }  # fmt: skip


def _line(now: Following) -> str:
    from spillover.pictures.wording import counted

    if now.trouble:
        return f"trouble, tried again: {now.trouble}"
    parts = [
        counted(now.shards, "shard"),
        f"{counted(now.settled, 'event')} settled",
        f"{now.waiting} waiting" + (f", the oldest for {now.lag / 1000:.1f} s" if now.waiting else ""),
    ]
    if now.parked:
        parts.append(f"{now.parked} parked behind a gap")
    if now.quarantined:
        parts.append(f"{now.quarantined} in quarantine (see `spillover audit`)")
    return "; ".join(parts)
