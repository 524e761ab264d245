"""The file of a client's journal, and what is known of it in memory: one process has it, so that is all there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec.structs import replace

from spillover.engine.journal import Admitted, Refused
from spillover.http_client.admit import Admit
from spillover.http_client.bounds import Bounds, Pair
from spillover.http_client.notes import Held, Notes
from spillover.http_client.standing import JournalStatus
from spillover.http_client.switch import Switch
from spillover.journal import SQLiteJournal
from spillover.model.errors import InvalidInput, SpilloverError, StoreError
from spillover.sqlite.claim import Claim

PAGE = 1_000
BESIDE = frozenset({"client"})
DAY_MS = 86_400_000


class Keeping:
    """What waits, what is held, and the bounds of both. For one thread at a time."""

    def __init__(self, admit: Admit, clock: Callable[[], int]) -> None:
        """Raises InvalidInput for a file that another client has open, StoreError."""
        self._clock = clock
        self._claim = Claim(admit.journal, "client")
        if not self._claim.take():
            expected = "a file of its own for each process"
            raise InvalidInput("when_unreachable.journal", f"{admit.journal!r} open in another client", expected)
        self.is_closed = False
        try:
            self.journal = SQLiteJournal(admit.journal, beside=BESIDE)
            self.notes = Notes(admit.journal)
            self.switch = Switch(self.notes, admit.switch, clock)
            self._bounds = Bounds(admit.accounts)
            self._found()
        except BaseException:
            self._claim.release()
            raise

    def _found(self) -> None:
        """What is in the file from before."""
        self.waiting, after = 0, 0
        while page := self.journal.waiting(PAGE, after):
            after = page[-1].number
            for entry in page:
                self._count(entry, entry.units if entry.mode in ("exact", "partial") else 0)
        self.held: dict[tuple[str, str], Held] = {}
        for held in self.notes.held():
            whose = held.account, held.key
            if whose in self.journal.find([whose]) or held.due + DAY_MS < self._clock():
                self.notes.unhold(*whose)  # killed between its end and this, or forgotten
                continue
            self.held[whose] = held
            self._bounds.take((held.account, held.feature), held.units)

    def find(self, whose: tuple[str, str]) -> Admitted | None:
        """What waits under (account, key)."""
        if not self.waiting:
            return None
        try:
            return self.journal.find([whose]).get(whose)
        except StoreError:
            return None  # the service decides, and the key makes it once

    def admit(self, entry: Admitted, most: int | None, counted: int = 0) -> bool:
        """Write an entry down, if its bound and the journal have room for it. `counted`: what it has of the bound where
        nothing bounds it."""
        if most is not None and not self._has_room((entry.account, entry.feature), entry.units, most):
            return False
        try:
            [kept] = self.journal.admit([(entry, None)])
        except StoreError:
            return False  # what the caller has to know is that the service could not be reached
        if kept is None:
            return False
        if kept.fresh:
            self._count(entry, counted if most is None else entry.units)
        return True

    def _count(self, entry: Admitted, units: int) -> None:
        self.waiting += 1
        self._bounds.take((entry.account, entry.feature), units)

    def end(self, recorded: Sequence[Admitted], refused: Sequence[Refused]) -> None:
        """These wait no more. Raises StoreError."""
        self.journal.end(recorded, refused)
        for entry in (*recorded, *(one.entry for one in refused)):
            self.waiting -= 1
            self._bounds.give_back((entry.account, entry.feature))

    def hold(self, held: Held, most: int | None) -> bool:
        """Open a hold here."""
        pair = held.account, held.feature
        if most is not None and not self._has_room(pair, held.units, most):
            return False
        held = replace(held, units=0) if most is None else held
        if not self._noted(held):
            return False
        self._bounds.take(pair, held.units)
        self.held[held.account, held.key] = held
        return True

    def extend(self, held: Held, more: Held, most: int | None) -> bool:
        """A hold with another estimate."""
        more = replace(more, units=held.units) if most is None else more
        pair, units = (held.account, held.feature), more.units - held.units
        if most is not None and units > 0 and not self._has_room(pair, units, most):
            return False
        if not self._noted(more):
            return False
        self._bounds.change(pair, units)
        self.held[held.account, held.key] = more
        return True

    def unhold(self, held: Held) -> None:
        """A hold has ended. Where that cannot be written down, the end that waits says it when the file is opened."""
        with suppress(StoreError):
            self.notes.unhold(held.account, held.key)
        before = self.held.pop((held.account, held.key), None)
        if before is not None:
            self._bounds.change((held.account, held.feature), -before.units)
            self._bounds.give_back((held.account, held.feature))

    def _has_room(self, pair: Pair, units: int, most: int) -> bool:
        if self._bounds.has_room(pair, units, most):
            return True
        now = self._clock()
        for whose, held in list(self.held.items()):
            if held.due < now and held.units:  # it has expired; its end is recorded all the same
                self._bounds.change((held.account, held.feature), -held.units)
                self.held[whose] = replace(held, units=0)
            if held.due + DAY_MS < now:
                self.unhold(held)
        return self._bounds.has_room(pair, units, most)

    def _noted(self, held: Held) -> bool:
        try:
            self.notes.hold(held)
        except StoreError:
            return False
        return True

    def why_open(self) -> str:
        """What to tell of a request that the operators' switch lets in; "" where none is set."""
        try:
            found = self.switch.state()
        except StoreError:
            return ""
        if found is None:
            return ""
        return f"operators had opened ({found.reason})" if found.reason else "operators had opened"

    def status(self, is_away: bool, trouble: SpilloverError | None) -> JournalStatus:
        """How it stands. Raises StoreError."""
        refused, after = 0, 0
        while page := self.journal.refused(PAGE, after):
            refused, after = refused + len(page), page[-1].entry.number
        found = self.switch.state()
        return JournalStatus(
            self.waiting, refused, len(self.held), is_away, found.until if found else None,
            found.reason if found else "", found.actor if found else "", str(trouble) if trouble else "",
        )  # fmt: skip

    def close(self) -> None:
        """Give back the file. Safe to repeat."""
        if not self.is_closed:
            self.is_closed = True
            self.journal.close()
            self.notes.close()
            self._claim.release()
