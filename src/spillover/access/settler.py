"""The background of an open engine: a thread that books the stream as it grows, or only looks after the engine."""

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
    """Runs `step` until it is stopped, then `last` and `finish`. `trouble` is what the last step failed with,
    or what lasts; None if nothing.

    Each change of trouble is logged once, under "spillover".
    """

    def __init__(
        self, step: Callable[[], Progress], finish: Callable[[], None],
        lasting: Callable[[], Exception | None] = lambda: None, *, last: Callable[[], Progress] | None = None,
        work: str = "settlement", rest: float = IDLE_SECONDS,
    ) -> None:  # fmt: skip
        """`lasting`: trouble that a step which came through has not ended. `last`: the last step, `step` if left out.
        `work`: what it is called in logs. `rest`: seconds between two steps when there is little to do."""
        self._step, self._finish, self._lasting = step, finish, lasting
        self._last, self._work, self._rest = last or step, work, rest
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"spillover {work}", daemon=True)
        self.trouble: Exception | None = None

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the step under way, take the last one, and end. Safe to repeat.

        A settler's last batch is for short programs, whose books would else say nothing of them until the next one is
        opened.
        """
        first = not self._stop.is_set()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if first:
            try:
                self._last()
            except Exception as trouble:  # it waits in the stream, where it is safe
                self._note(trouble)
        self._finish()

    def _run(self) -> None:
        pause = self._rest
        while not self._stop.is_set():
            try:
                moved = self._step().done
                pause = self._rest
                self._note(self._lasting())
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
            log.info("%s goes on", self._work)
        else:
            log.warning("%s failed and is tried again: %s: %s", self._work, type(trouble).__name__, trouble)
