"""The operators' switch: for at most a day all requests are admitted and journaled, without asking the service.

It is set by a call (`open_until`) or by a file: an instant, then the reason. The file is looked at once a second.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import datetime

from spillover.core.instants import to_instant, to_moment
from spillover.core.intake import TIME_MAX, TIME_MIN
from spillover.engine.accounts import check_text
from spillover.http_client.notes import Notes, Switched
from spillover.model.errors import InvalidInput, SpilloverError, shown

LOG = logging.getLogger("spillover")
DAY_MS = 86_400_000
LOOK_SECONDS = 1.0
TEXT_BYTES_MAX = 2_000
CALLED = "open_until"
EXPECTED = 'milliseconds since 1970, or a moment with its zone such as "2026-01-01T18:00:00Z"'


def instant_given(value: object) -> int:
    """An instant as operators write it, in ms. Raises InvalidInput."""
    found: int | None = value if type(value) is int else None
    if isinstance(value, str) and len(value) < 100:
        try:
            moment = datetime.fromisoformat(value)
            found = int(value) if value.isdigit() else to_instant(moment) if moment.utcoffset() is not None else None
        except (ValueError, OverflowError):
            found = int(value) if value.isascii() and value.isdigit() else None
    if found is None or not TIME_MIN <= found < TIME_MAX:
        raise InvalidInput("until", shown(value), EXPECTED)
    return found


class Switch:
    """What operators set. For one thread at a time."""

    def __init__(self, notes: Notes, file: str | None, clock: Callable[[], int]) -> None:
        """One that was set before the process was started again goes on."""
        self._notes, self._file, self._clock = notes, file, clock
        self._looked, self._seen = 0.0, ""
        self._set: dict[str, Switched] = {}
        now = clock()
        for one in reversed(notes.switches(100)):
            if one.origin == CALLED and one.ended is None and one.until > now:
                self._set[CALLED] = one

    @property
    def may_be_set(self) -> bool:
        """Whether `state` has to be asked. For any thread."""
        return bool(self._set) or (self._file is not None and time.monotonic() - self._looked >= LOOK_SECONDS)

    def set(self, until: object, reason: object, actor: object) -> None:
        """Open until then, or close (None). Raises InvalidInput, and StoreError where that cannot be written down."""
        now = self._clock()
        if until is None:
            self._close(CALLED, now)
            return
        instant, why, who = instant_given(until), check_text("reason", reason), check_text("actor", actor)
        if not now < instant <= now + DAY_MS:
            raise InvalidInput("until", shown(until), "an instant in the future, at most 24 hours from now")
        if not why:
            raise InvalidInput("reason", "nothing", "why all is to be admitted; it is kept in the journal")
        self._close(CALLED, now)
        self._open(Switched(now, instant, why, who, CALLED))

    def state(self) -> Switched | None:
        """What is set now; None where the service is asked as usual."""
        self._look()
        if not self._set:
            return None
        now = self._clock()
        for origin, one in list(self._set.items()):
            if one.until <= now:
                del self._set[origin]
                LOG.warning("the service is asked again: the time that was set is over (%s)", one.reason)
        return next(iter(self._set.values()), None)

    def _look(self) -> None:
        """At the file, if a second has passed."""
        now = time.monotonic()
        if self._file is None or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            with open(self._file, "rb") as file:
                said, made = file.read(TEXT_BYTES_MAX), int(os.fstat(file.fileno()).st_mtime * 1000)
        except FileNotFoundError:
            said, made = b"", 0
        except OSError as error:
            said, made = f"unreadable: {error}".encode(), 0
        text = f"{made} {said.decode(errors='replace')}" if said else ""
        if text == self._seen:
            return
        self._seen = text
        self._heed(said.decode(errors="replace"), made)

    def _heed(self, said: str, made: int) -> None:
        assert self._file is not None
        now = self._clock()
        try:
            self._close(self._file, now)
            words = said.split(maxsplit=1)
            if words:
                last = min(made, now) + DAY_MS  # a file may say that it is of tomorrow
                until, why = min(instant_given(words[0]), last), " ".join("".join(words[1:]).split())
                if until > now:
                    reason = "".join(sign for sign in why if sign.isprintable())[:200]
                    self._open(Switched(now, until, reason, "", self._file))
        except SpilloverError as error:  # what it says is not to be followed; the service is asked
            LOG.error("the switch %s is not followed: %s", self._file, " ".join(str(error).split()))

    def _open(self, one: Switched) -> None:
        self._notes.switch(one)
        self._set[one.origin] = one
        who = f" by {one.actor}" if one.actor else ""
        LOG.warning("all is admitted until %s UTC%s: %s", f"{to_moment(one.until):%Y-%m-%d %H:%M:%S}", who, one.reason)

    def _close(self, origin: str, now: int) -> None:
        if origin in self._set:
            self._notes.close_switch(origin, now)
            del self._set[origin]
            LOG.warning("the service is asked again: what was set is taken back")
