"""A hold around a piece of work, for plain code: `with access.hold(...) as hold`. See `access.metering`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Protocol

from spillover.access.metering import Reports, Work, tell
from spillover.access.verbs import decision_of
from spillover.core.intake import Ask
from spillover.engine.answers import Decision, Ending
from spillover.engine.items import Answer
from spillover.model.errors import SpilloverError

if TYPE_CHECKING:
    from spillover.access.clock import Clock
    from spillover.access.desk import OpenedHold


class Ends(Protocol):
    """How an open hold goes on, and ends."""

    def extend(self, account: str, key: str, estimate: dict[str, int], *, lasts: int | None) -> Decision:
        """See `HoldVerbs.extend`."""

    def commit(self, account: str, key: str, usage: dict[str, int], *, estimated: bool) -> Ending:
        """See `HoldVerbs.commit`."""

    def release(self, account: str, key: str) -> Ending:
        """See `HoldVerbs.release`."""


class Timekeeper(Protocol):
    """Who knows the time in which holds are due."""

    @property
    def clock(self) -> Clock:
        """That time."""


class Opener(Protocol):
    """What a context needs: an engine has it, and so has a client of one."""

    @property
    def desk(self) -> Timekeeper:
        """Who knows the time."""

    @property
    def holds(self) -> Ends:
        """The verbs of holds."""

    def submit(self, wish: Ask, /) -> Answer:
        """Open the hold."""

    def opened(self, account: str, key: str) -> OpenedHold:
        """What it is on."""


class HoldContext(Work):
    """Holds before, commits the true usage after. For one thread; enter it once."""

    def __init__(self, access: Opener, ask: Ask) -> None:
        super().__init__(ask)
        self._access = access

    def __enter__(self) -> HoldContext:
        """Open the hold. Raises Denied, and HoldEnded if a hold of this key has ended already."""
        self._enter()
        try:
            self._opened(decision_of(self._access.submit(self._ask)))
            opened = self._access.opened(self._ask.account, self.key)
            self._reports = Reports(opened, self._access.desk.clock())
        except BaseException:
            if self._is_to_release():  # interrupted; nothing was used
                self._access.holds.release(self._ask.account, self.key)
            raise
        return self

    def __aenter__(self) -> NoReturn:
        raise TypeError(f"hold {self.key!r}: found `async with` on a hold of plain code, expected `with`")

    def __aexit__(self, *_: object) -> NoReturn:
        self.__aenter__()

    def report(self, **counts: int) -> None:
        """So much was used further. Raises Denied where the hold is short and the policy says `when_short: stop`."""
        reports, now = self._open(), self._access.desk.clock()
        reports.add(counts)
        wanted = reports.wanted(now)
        if wanted is not None:
            lasts = max(self._ask.hold, 0) or None
            try:
                decision = self._access.holds.extend(self._ask.account, self.key, wanted, lasts=lasts)
                reports.extended(wanted, decision, now)
            except SpilloverError as error:  # what is used beyond what is held is recorded at the end
                reports.trouble = error
        reports.require_enough()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        final = self._leave()
        try:
            self.ending = self._ended(final)
        except SpilloverError as failure:
            if error is None:
                raise
            tell(error, self.key, failure)
        except Exception:
            raise
        except BaseException:  # an interruption that comes just now; the end is safe to repeat, and is made first
            self.ending = self._ended(final)
            raise

    def _ended(self, final: tuple[dict[str, int], bool] | None) -> Ending:
        holds, account = self._access.holds, self._ask.account
        if final is None:
            return holds.release(account, self.key)
        return holds.commit(account, self.key, final[0], estimated=final[1])
