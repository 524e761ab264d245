"""The thread that records what waits in a client's journal, and so finds out when the service answers again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Lock, RLock, Thread
from typing import Any

from spillover.engine.journal import Admitted
from spillover.http_client.keeping import Keeping
from spillover.http_client.recording import Recorded, Recording
from spillover.model.errors import SpilloverError

LOG = logging.getLogger("spillover")
LOOK_SECONDS = 1.0
"""How often the service is looked for while it does not answer."""
STOP_SECONDS = 30.0

Told = Callable[[Sequence[tuple[Admitted, Any]], bool], None]


class Drainer:
    """Runs from the first `wake` on. `trouble`: why the last step went no further; None if nothing kept it."""

    def __init__(self, recording: Recording, keeping: Keeping, turn: RLock, told: Told) -> None:
        """`told`: what was recorded, and whether the service was heard; called with the turn."""
        self._recording, self._keeping, self._turn, self._told = recording, keeping, turn, told
        self._wanted, self._over, self._starting = Event(), Event(), Lock()
        self._thread: Thread | None = None
        self.trouble: SpilloverError | None = None

    def wake(self) -> None:
        """Something waits, or the service was heard of. For any thread."""
        self._wanted.set()
        if self._thread is not None or self._over.is_set():
            return
        with self._starting:  # two of them would end each entry twice
            if self._thread is None:
                thread = Thread(target=self._run, name="spillover-journal", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the system gives no more threads; whoever comes next tries again
                    LOG.warning("what was admitted waits to be recorded: %s", error)
                    return
                self._thread = thread

    def close(self) -> None:
        """Make a last step if anything waits, and end. Where a step under way does not end in time, what waits stays
        in the journal."""
        first = not self._over.is_set()
        self._over.set()
        self._wanted.set()
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join(STOP_SECONDS)
            first = first and not thread.is_alive()
        if first:
            while self._keeping.waiting and self._step() and self.trouble is None:
                pass

    def _run(self) -> None:
        while not self._over.is_set():
            self._wanted.clear()
            moved = self._step() if self._keeping.waiting else 0
            if self._over.is_set():
                return
            if not self._keeping.waiting:
                self._wanted.wait()
            elif not moved or self.trouble is not None:
                self._over.wait(LOOK_SECONDS)

    def _step(self) -> int:
        """How many entries it ended."""
        try:
            found = self._recording.step()
            with self._turn:
                self._keeping.end([entry for entry, _ in found.answers], found.refused)
                self._told(found.answers, found.heard)
        except SpilloverError as error:  # the journal itself
            self._note(error)
            return 0
        self._say(found)
        return len(found.answers) + len(found.refused)

    def _say(self, found: Recorded) -> None:
        for one in found.refused:
            LOG.error("journaled request %r of %r was refused: %s", one.entry.key, one.entry.account, one.reason)
        self._note(found.trouble)

    def _note(self, trouble: SpilloverError | None) -> None:
        before, self.trouble = self.trouble, trouble
        if type(before) is type(trouble):
            return
        if trouble is None:
            LOG.info("what was admitted is recorded again")
        else:
            LOG.warning("what was admitted waits to be recorded: %s", trouble)
