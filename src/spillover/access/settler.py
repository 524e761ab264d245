"""Settlement in the background of an open engine: a thread that books the stream as it grows."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

from spillover.engine.settlement import Progress

IDLE_SECONDS = 0.05
"""How long the thread rests when there is little to book, so that the next step books more at once."""
WORTHWHILE = 256
"""Events for which a step goes on at once: one by one an event costs several times what it does among so many."""
BACKOFF_SECONDS_MAX = 5.0
"""How long it rests, at most, after a step failed; it tries for as long as the engine is open."""


class Settler:
    """Runs `step` until it is stopped, then `finish`. `trouble` is what the last step failed with, None if nothing.

    Each change of trouble is logged once, under "spillover".
    """

    def __init__(self, step: Callable[[], Progress], finish: Callable[[], None]) -> None:
        self._step, self._finish = step, finish
        self._stop = Event()
        self._thread = Thread(target=self._run, name="spillover-settler", daemon=True)
        self.trouble: Exception | None = None

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the step under way, book a last batch, and end. Safe to repeat.

        The last batch is for short programs, whose books would else say nothing of them until the next one is opened.
        """
        first = not self._stop.is_set()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if first:
            try:
                self._step()
            except Exception as trouble:  # it waits in the stream, where it is safe
                self._note(trouble)
        self._finish()

    def _run(self) -> None:
        pause = IDLE_SECONDS
        while not self._stop.is_set():
            try:
                moved = self._step().done
                pause = IDLE_SECONDS
                self._note(None)
            except Exception as trouble:  # whatever it is: a thread that ended would be missed only by the books
                moved = 0
                pause = min(pause * 2, BACKOFF_SECONDS_MAX)
                self._note(trouble)
            if moved < WORTHWHILE:
                self._stop.wait(pause)

    def _note(self, trouble: Exception | None) -> None:
        before, self.trouble = self.trouble, trouble
        if (type(before), str(before)) == (type(trouble), str(trouble)):
            return
        import logging

        log = logging.getLogger("spillover")
        if trouble is None:
            log.info("settlement goes on")
        else:
            log.warning("settlement failed and is tried again: %s: %s", type(trouble).__name__, trouble)
