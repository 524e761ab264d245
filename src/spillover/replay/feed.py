"""Requests on their way into the engine: each account before its first request, each hold's end at its own time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

from spillover.engine.answers import Decision
from spillover.engine.items import Answer
from spillover.replay.binding import Bound
from spillover.replay.engine import Engine, Opening
from spillover.replay.expressions import Unfit
from spillover.replay.requests import Entry, Requests
from spillover.replay.resumed import Resumed
from spillover.replay.rows import Fault
from spillover.replay.steps import Batch, Pending, Step, ends_of, merged, start_of
from spillover.replay.tally import Tally

WINDOW = 8
"""Groups of rows that are read ahead where rows are holds: steps that wait for one another leave others to go along."""

Observe = Callable[[Sequence[Entry], Sequence[Answer]], None]
"""Given each group's requests with their answers, once these are durable; a request that is a hold comes again with
its ending."""


class Feed:
    """What has been asked, and what is still to be."""

    def __init__(
        self, engine: Engine, bound: Bound, requests: Requests, tally: Tally, observe: Observe | None, group: int
    ) -> None:  # fmt: skip
        self._engine, self._newcomers, self._requests = engine, bound.newcomers, requests
        self._observe, self._group = observe, group
        self._resumed = Resumed(engine, ordered=bound.ends is not None)
        self._pending = Pending()
        self._last: dict[str, int] = {}
        self.rows = group * WINDOW if bound.ends else group
        """How many rows to take at a time."""
        self.tally = tally
        self.accounts: set[str] = set()
        self.accounts_s = 0.0

    def take(self, entries: Sequence[Entry]) -> None:
        """The next rows, and what ends until the last of them: put the accounts that are new, then ask."""
        started = perf_counter()
        usable = self._open_accounts(entries)
        self.accounts_s += perf_counter() - started
        until = entries[-1].at
        self._play(merged(map(start_of, usable), list(self._pending.until(until))), until)

    @property
    def any_open(self) -> bool:
        """Whether holds are open still, as the trace was left before their ends."""
        return len(self._pending) > 0

    def finish(self) -> None:
        """Ask what was held back, and what ends behind the last row.

        Where the trace was left before its end, what ends behind that row stays open: a further run goes on there.
        """
        until = None if self._requests.whole else self._requests.reached
        self._play(merged(map(start_of, self._resumed.rest()), list(self._pending.until(until))), until)

    def tend(self) -> None:
        """At the end of the trace: see to what has fallen due by then. To be called when everything is booked."""
        if self._requests.whole:
            reached = self._requests.reached
            self._engine.tend({name: max(self._last.get(name, 0), reached) for name in self.accounts})

    def _play(self, steps: list[Step], until: int | None) -> None:
        """Batch after batch, until nothing is left to ask up to that instant (None: at all)."""
        while steps:
            batch, later = Batch(self._engine.policy), []
            for step in steps:
                if batch.waits(step):
                    later.append(step)
                    continue
                found = self._resumed.sift(step)
                self.tally.denied_before(found.denied)
                later.extend(one for one in found.ask if not batch.take(one))
            born: list[Step] = []
            for start in range(0, len(batch.steps), self._group):
                born += self._ask(batch.steps[start : start + self._group])
            steps = merged(later, [step for step in born if until is None or step.at <= until])
            for step in born:
                if until is not None and step.at > until:
                    self._pending.add(step)

    def _ask(self, steps: Sequence[Step]) -> list[Step]:
        """One batch; the ends of the holds that it opened."""
        asked = perf_counter()
        answers = self._engine.decide([step.wish() for step in steps])
        self.tally.take(steps, answers, perf_counter() - asked)
        if self._observe:
            self._observe([step.entry for step in steps], answers)
        born: list[Step] = []
        for step, answer in zip(steps, answers, strict=True):
            if step.kind == "start" and isinstance(answer, Decision) and answer.allowed and answer.due:
                born += ends_of(step.entry, answer.due)
            elif step.kind != "start":
                self._last[step.account] = step.at
        return born

    def _open_accounts(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries whose accounts there are; one whose row gives its account no plan is a bad row."""
        openings: list[Opening] = []
        usable: list[Entry] = []
        new: list[str] = []
        for entry in entries:
            name = entry.ask.account
            if name not in self.accounts:
                if self._newcomers:
                    try:
                        terms = self._newcomers.terms(name, entry.cells)
                    except Unfit as unfit:
                        self._requests.refuse(Fault(entry.line, unfit.column, unfit.found, unfit.expected))
                        continue
                    openings.append(Opening(name, *self._newcomers.opening(name, terms, entry.at), entry.at))
                self.accounts.add(name)
                new.append(name)
            usable.append(entry)
        if openings:
            self._engine.open_accounts(openings)
        for name in new:
            self._resumed.account(name)
        return usable
