"""Requests that an earlier run of the same replay has asked already, where asking again could change its outcome.

A grant is answered as before, by its key, and so is the end of a hold. A denial leaves no trace and would be decided
afresh: mostly it is found late, but within the policy's horizon before the newest instant of its account it could meet
a window that has opened since, or a hold that has ended. So there, what stands before a granted request of its account
in the trace was asked before, and denied, and is not asked again. What stands behind the last one was never asked, or
the account has not changed since, and is asked. Where rows are known to come by time, all that is older than the newest
instant was asked before.
"""

from __future__ import annotations

from typing import NamedTuple

from spillover.core.decide import TOLERANCE
from spillover.replay.engine import Engine
from spillover.replay.requests import Entry
from spillover.replay.steps import Step


class Sifted(NamedTuple):
    """What is to be asked now, in order, and how many were denied before."""

    ask: list[Step]
    denied: int


class Resumed:
    """Sifts steps; holds some back until the trace shows whether they were asked."""

    def __init__(self, engine: Engine, *, ordered: bool) -> None:
        """`ordered`: an account's steps come by time."""
        self._engine, self._ordered = engine, ordered
        self._late = max(engine.policy.late, TOLERANCE)
        self._seen: dict[str, int] = {}
        self._held: dict[str, list[Step]] = {}

    def account(self, name: str) -> None:
        """An account comes up for the first time in this run."""
        seen = self._engine.seen(name)
        if seen:
            self._seen[name] = seen

    def sift(self, step: Step) -> Sifted:
        """The next step of the trace."""
        name = step.account
        seen = self._seen.get(name)
        if seen is None or step.at < seen - self._late:
            return Sifted([step], 0)
        if step.at > seen:
            del self._seen[name]
            return Sifted([*self._held.pop(name, ()), step], 0)
        if step.kind != "start":
            return Sifted([step], 0)  # comes before all starts of its instant but its own, so nothing is held back
        if self._engine.granted_before(name, step.entry.ask.key):
            return Sifted([step], len(self._held.pop(name, ())))
        if self._ordered and step.at < seen:
            return Sifted([], 1)
        self._held.setdefault(name, []).append(step)
        return Sifted([], 0)

    def rest(self) -> list[Entry]:
        """What is still held back at the end of the trace."""
        held, self._held = self._held, {}
        self._seen.clear()
        return [step.entry for steps in held.values() for step in steps]
