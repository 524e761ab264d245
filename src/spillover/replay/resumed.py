"""Requests that an earlier run of the same replay has asked already, where asking again could change its outcome.

A grant is answered as before, by its key. A denial leaves no trace and would be decided afresh: mostly it is found
late, but within the tolerance of a second before the newest grant it could meet a window that has opened since. So
there, what stands before a granted request of its account in the trace was asked before, and denied, and is not asked
again. What stands behind the last one was never asked, or the account has not changed since, and is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from spillover.core.decide import TOLERANCE
from spillover.replay.engine import Engine
from spillover.replay.requests import Entry


class Sifted(NamedTuple):
    """What is to be asked now, in order, and what was denied before."""

    ask: list[Entry]
    denied: list[Entry]


class Resumed:
    """Sifts requests; holds some back until the trace shows whether they were asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[str, int] = {}
        self._held: dict[str, list[Entry]] = {}

    def account(self, name: str) -> None:
        """An account comes up for the first time in this run."""
        seen = self._engine.seen(name)
        if seen:
            self._seen[name] = seen

    def sift(self, entries: Iterable[Entry]) -> Sifted:
        """The next requests of the trace."""
        found = Sifted([], [])
        for entry in entries:
            name = entry.ask.account
            seen = self._seen.get(name)
            if seen is None or entry.at < seen - TOLERANCE:
                found.ask.append(entry)
            elif entry.at > seen:
                del self._seen[name]
                found.ask.extend(self._held.pop(name, ()))
                found.ask.append(entry)
            elif self._engine.granted_before(name, entry.ask.key):
                found.denied.extend(self._held.pop(name, ()))
                found.ask.append(entry)
            else:
                self._held.setdefault(name, []).append(entry)
        return found

    def rest(self) -> list[Entry]:
        """What is still held back at the end of the trace."""
        held, self._held = self._held, {}
        return [entry for entries in held.values() for entry in entries]
