"""One engine under many threads: verbs that take their turn alone, requests that share one, and reports beside both."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Mapping, Sequence
from threading import Lock
from typing import Any, TypeVar

from spillover.access.desk import Desk
from spillover.access.gather import Gather, forked
from spillover.core.intake import Ask
from spillover.engine.deciding import Wish
from spillover.engine.drive import drive
from spillover.engine.items import Answer

T = TypeVar("T")


class Runner:
    """Runs the verbs of one desk. In a forked child every one of them raises StoreUnavailable."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = Lock()
        self._gather = Gather(self.decide, deadline=desk.deadline, instead=desk.instead)
        self._pid = os.getpid()

    @property
    def desk(self) -> Desk:
        """The use cases behind the verbs."""
        return self._desk

    def run(self, verb: Coroutine[Any, Any, T]) -> T:
        """Run one verb of the desk to its end, alone. Raises StoreUnavailable in a forked child."""
        try:
            if os.getpid() != self._pid:  # before the lock: one that a thread of the parent held stays locked here
                raise forked()
            with self._lock:
                return drive(verb)
        finally:
            verb.close()

    def look(self, verb: Coroutine[Any, Any, T]) -> T:
        """Run a verb of the ledger, which serves several threads, beside all others. Raises as `run` does."""
        try:
            if os.getpid() != self._pid:
                raise forked()
            return drive(verb)
        finally:
            verb.close()

    def submit(self, wish: Wish) -> Answer:
        """The answer to one checked wish, gathered with those of other threads."""
        return self._gather.submit(wish)

    def decide(self, wishes: Sequence[Wish]) -> list[Answer]:
        """Decide checked wishes as one batch."""
        return self.run(self._desk.decide(wishes))

    def take_in(
        self,
        account: str,
        feature: str,
        usage: Mapping[str, int] | int | None,
        key: str | None,
        options: Mapping[str, Any],
    ) -> Ask:
        """A checked request, without waiting for anything."""
        return self._desk.take_in(account, feature, usage, key, options)
