"""A hold around a piece of work: `with access.hold(...) as hold`, reports while it runs, the true usage at its end.

Reports are local. When they come near what is held, the hold is extended ahead, to twice what was reported, so that a
stream of any length takes few extensions. Leaving commits the exact usage; without one what was reported, marked
`estimated`, after an exception too; a hold of which nothing was reported is released.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from spillover.access.verbs import decision_of
from spillover.core.intake import Ask
from spillover.engine.answers import Decision, Ending
from spillover.model.errors import Denied, InvalidInput, SpilloverError, shown

if TYPE_CHECKING:
    from spillover.access.plain import Access

AHEAD = 0.8
"""The hold is extended when this part of any count that it was opened on is reported."""


class Reports:
    """What was reported of a hold, and when it has to be extended. The same for plain and asynchronous code."""

    def __init__(self, estimate: dict[str, int]) -> None:
        self.held = dict(estimate)
        self.reported: dict[str, int] = {}
        self.true: dict[str, int] | None = None
        self.short: Decision | None = None

    def add(self, counts: dict[str, int]) -> None:
        """Count what was used further. Raises InvalidInput for what is no count."""
        for name, count in counts.items():
            if type(count) is not int or count < 0:
                raise InvalidInput(f"usage.{name}", shown(count), "a whole number of 0 or more")
            self.reported[name] = self.reported.get(name, 0) + count

    def wanted(self) -> dict[str, int] | None:
        """The estimate to extend to, if what was reported comes near what is held; None where it need not be."""
        if self.short is not None:
            return None
        near = any(count > AHEAD * self.held.get(name, 0) for name, count in self.reported.items())
        if not near:
            return None
        names = {*self.held, *self.reported}
        return {name: max(self.held.get(name, 0), 2 * self.reported.get(name, 0)) for name in names}

    @property
    def final(self) -> tuple[dict[str, int], bool]:
        """The usage to commit, and whether it is an estimate; empty where nothing was used."""
        if self.true is not None:
            return self.true, False
        return {name: count for name, count in self.reported.items() if count}, True


class HoldContext:
    """See the head of this file. `decision` is the opening's, `ending` how it ended."""

    def __init__(self, access: Access, ask: Ask) -> None:
        self._access, self._ask = access, ask
        self.decision: Decision | None = None
        self.ending: Ending | None = None
        self._reports = Reports(ask.usage)
        self._stops = False

    @property
    def key(self) -> str:
        """The key by which the hold is known."""
        return self._ask.key

    def __enter__(self) -> HoldContext:
        decision = decision_of(self._access.submit(self._ask))
        if not decision:
            raise Denied(decision, decision.sentence)
        self.decision = decision
        opened = self._access.opened(self._ask.account, self.key)
        self._reports = Reports(opened.usage)
        self._stops = opened.stops
        return self

    def report(self, **counts: int) -> None:
        """So much was used further. Raises Denied where the hold is short and the policy says `when_short: stop`."""
        self._reports.add(counts)
        wanted = self._reports.wanted()
        if wanted is not None:
            decision = self._access.holds.extend(self._ask.account, self.key, wanted)
            if decision:
                self._reports.held = wanted
            else:
                self._reports.short = decision
        if self._reports.short is not None and self._stops:
            raise Denied(self._reports.short, self._reports.short.sentence)

    def exact(self, **counts: int) -> None:
        """The true usage, in all; it is what leaving commits."""
        self._reports.true = dict(counts)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        usage, estimated = self._reports.final
        try:
            if any(usage.values()):
                self.ending = self._access.holds.commit(self._ask.account, self.key, usage, estimated=estimated)
            else:
                self.ending = self._access.holds.release(self._ask.account, self.key)
        except SpilloverError:
            if error is None:
                raise
            # The work's own error is the one to be told; the hold expires by itself, and can still be committed late.
