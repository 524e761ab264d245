"""Counts what became of a replay's holds, and how many were open at once in the trace's own time."""

from __future__ import annotations

from itertools import accumulate

from spillover.compare.sums import Credits
from spillover.core.decide import TOLERANCE
from spillover.engine.answers import Decision, Ending
from spillover.replay.steps import Step
from spillover.replay.summary import HoldUse


class HoldTally:
    """What the openings and ends come to so far, whether they were answered now or by an earlier run."""

    def __init__(self) -> None:
        self._opened = self._committed = self._released = self._late = self._overshoot = 0
        self.expired = self._forgiven = self._owed = 0
        self._turns: list[tuple[int, int, int]] = []

    def opened(self, step: Step, decision: Decision) -> None:
        """A hold was opened; it is open until its end, or until it expires."""
        self._opened += 1
        end, expires = step.entry.end, decision.due + TOLERANCE
        until = min(end.at, expires) if end else expires
        self._turns += ((step.at, 1, decision.charged), (until, -1, -decision.charged))

    def ended(self, step: Step, ending: Ending) -> None:
        """A hold was ended by this step."""
        if step.kind == "expire":
            self.expired += 1
        elif step.kind == "release":
            self._released += 1
        elif ending.late:
            self._late += 1
        else:
            self._committed += 1
        beyond = ending.overshoot
        if beyond:
            self._overshoot += 1
            self._forgiven += beyond.forgiven
            self._owed += beyond.owed

    def use(self) -> HoldUse:
        """The whole."""
        turns = sorted(self._turns)  # ends of an instant before its starts
        ended = self._committed + self._released + self.expired
        return HoldUse(
            self._opened, self._committed, self._released, self.expired, self._late, self._opened - ended,
            self._overshoot, Credits.of(self._forgiven), Credits.of(self._owed),
            max(accumulate(turn[1] for turn in turns), default=0),
            Credits.of(max(accumulate(turn[2] for turn in turns), default=0)),
        )  # fmt: skip
