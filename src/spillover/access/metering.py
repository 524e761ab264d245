"""What both forms of a hold around a piece of work share: its life, and what was reported while it ran.

Reports are local. When they come near what is held, the hold is extended ahead, to twice what was reported, so that a
stream of any length takes few extensions; and so it is when most of its time is over. Leaving commits the exact usage;
without one what was reported, marked `estimated`, after an exception too; a hold of which nothing was reported is
released.
"""

from __future__ import annotations

from collections.abc import Mapping

from spillover.access.desk import OpenedHold
from spillover.core.intake import WHOLE, Ask
from spillover.engine.answers import Decision, Ending
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import Denied, HoldEnded, InvalidInput, SpilloverError, shown

AHEAD = 0.8
"""The hold is extended when this part of any count that is held, or of its time, is used."""


class Reports:
    """What was reported of an open hold, and when it has to be extended."""

    def __init__(self, opened: OpenedHold, now: int) -> None:
        self.held = dict(opened.usage)
        self.reported: dict[str, int] = {}
        self.true: dict[str, int] | None = None
        self.trouble: SpilloverError | None = None
        self._names, self._feature, self._stops = opened.names, opened.feature, opened.stops
        self._live_until(now, opened.due)

    def add(self, counts: Mapping[str, int]) -> None:
        """Count what was used further. Raises InvalidInput; then nothing of it is counted."""
        self._check(counts)
        sums = {name: self.reported.get(name, 0) + count for name, count in counts.items()}
        for name, total in sums.items():
            if total > AMOUNT_MAX:
                raise InvalidInput(f"usage.{name}", shown(total), f"{WHOLE} in all")
        self.reported.update(sums)

    def be_exact(self, counts: Mapping[str, int]) -> None:
        """The true usage, in all. Raises InvalidInput."""
        if not counts:
            raise InvalidInput("usage", "nothing", self._expected)
        self._check(counts)
        self.true = dict(counts)

    def wanted(self, now: int) -> dict[str, int] | None:
        """The estimate to extend to, if what was reported comes near what is held; None where it need not be."""
        if self.trouble is not None:
            return None
        held, reported = self.held, self.reported
        near = any(count > AHEAD * held.get(name, 0) for name, count in reported.items())
        if not near:
            return dict(held) if now >= self._renewed_from else None
        names = dict.fromkeys((*held, *reported))
        return {name: max(held.get(name, 0), min(2 * reported.get(name, 0), AMOUNT_MAX)) for name in names}

    def extended(self, wanted: dict[str, int], decision: Decision, now: int) -> None:
        """How the extension went. A denied one is not tried again."""
        if decision:
            self.held = wanted
            self._live_until(now, decision.due)
        else:
            self.trouble = Denied(decision, decision.sentence)

    def require_enough(self) -> None:
        """Raises what kept the hold from being extended, where the policy says `when_short: stop`."""
        if self.trouble is not None and self._stops:
            raise self.trouble

    @property
    def final(self) -> tuple[dict[str, int], bool] | None:
        """The usage to commit, and whether it is an estimate; None where nothing was used."""
        if self.true is not None:
            return self.true, False
        used = {name: count for name, count in self.reported.items() if count}
        return (used, True) if used else None

    def _live_until(self, now: int, due: int) -> None:
        self._renewed_from = now + int(AHEAD * (due - now))

    @property
    def _expected(self) -> str:
        return f"counts of {self._feature}: {', '.join(self._names)}"

    def _check(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            if name not in self._names:
                raise InvalidInput("usage", shown(name), self._expected)
            if type(count) is not int or not 0 <= count <= AMOUNT_MAX:
                raise InvalidInput(f"usage.{name}", shown(count), WHOLE)


class Work:
    """A piece of work under a hold. `decision` is the opening's, `ending` how it ended; None before."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._entered = self._left = False
        self._reports: Reports | None = None
        self.decision: Decision | None = None
        self.ending: Ending | None = None

    @property
    def key(self) -> str:
        """The key by which the hold is known; generated where none was given."""
        return self._ask.key

    @property
    def reported(self) -> dict[str, int]:
        """What was reported so far, by count."""
        return dict(self._reports.reported) if self._reports else {}

    @property
    def trouble(self) -> SpilloverError | None:
        """What kept the hold from being extended, such as Denied; None if nothing."""
        return self._reports.trouble if self._reports else None

    def exact(self, **counts: int) -> None:
        """The true usage, in all; it is what leaving commits. Raises InvalidInput."""
        self._open().be_exact(counts)

    def _enter(self) -> None:
        if self._entered:
            raise InvalidInput("hold", f"{self.key!r} entered before", "a new access.hold(...) for each piece of work")
        self._entered = True

    def _opened(self, decision: Decision) -> None:
        """Raises Denied."""
        self.decision = decision
        if not decision:
            raise Denied(decision, decision.sentence)

    def _is_to_release(self) -> bool:
        """Whether the hold was opened just now, by this, and nothing is under way on it."""
        return self.decision is not None and self.decision.allowed and not self.decision.replayed

    def _open(self) -> Reports:
        """What is reported of the open hold. Raises InvalidInput before it is entered, HoldEnded after it was left."""
        if self._left:
            raise HoldEnded(self._ask.account, self.key, "left")
        if self._reports is None:
            raise InvalidInput(
                "hold", f"{self.key!r} not entered", "reports inside of `with access.hold(...) as hold:`"
            )
        return self._reports

    def _leave(self) -> tuple[dict[str, int], bool] | None:
        """From here on nothing is reported; what the hold ends with."""
        reports = self._open()
        self._left = True
        return reports.final


def tell(error: BaseException, key: str, failure: SpilloverError) -> None:
    """The work's own error goes on; that its hold could not be ended is noted on it."""
    error.add_note(f"its hold {key!r} could not be ended ({failure}); it expires by itself, a commit is still possible")
