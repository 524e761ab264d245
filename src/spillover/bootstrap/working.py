"""A settler at work: it claims shards, books their streams, and sees to what falls due in them.

An open engine has one inside, `spillover settle --follow` is one; any number of them share the work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from spillover.access.clock import Clock
from spillover.access.desk import Desk
from spillover.bootstrap.rungs import Rung
from spillover.engine.drive import drive
from spillover.engine.rebuilding import Recovery
from spillover.engine.settlement import Progress, Settling
from spillover.engine.watching import Watching
from spillover.model.commit import Backlog
from spillover.model.errors import StoreFull, StoreUnavailable, WrongSettings
from spillover.model.policy import Policy
from spillover.ports import Claims

TEND_SECONDS = 1.0
"""How often a settler sees to what falls due."""
TIMEOUT_MS = 30_000
"""How long one call of a settler to a server may take: it books many events at once, and nobody waits for it."""
CLAIM_SECONDS = 3.0
"""How often it renews its claims, or asks for some; they last three times as long."""

Handles = tuple[Desk, Settling, Recovery, Watching, Rung]


class Each:
    """Something to be done about every so many seconds; True when it is time."""

    def __init__(self, seconds: float, *, at_once: bool = False) -> None:
        self._seconds, self._last = seconds, -seconds if at_once else time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


class Leaving:
    """Whether the books went with another hot store, as `ask` says: asked as often as claims are renewed, and each time
    while they have."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask, self._asking, self._left = ask, Each(CLAIM_SECONDS), False

    def __call__(self) -> bool:
        if self._asking() or self._left:
            self._left = self._ask()
        return self._left


class Working:
    """One settler with handles of its own, so that decisions never wait for it. Used by one thread at a time."""

    def __init__(
        self, open_: Callable[[], Rung], claims: Claims, policy: Callable[[], Policy], clock: Clock,
        read: Callable[[str], Policy], *, tend: bool = True, live: bool = False,
    ) -> None:  # fmt: skip
        """`open_` gives the handles, once there is something to do; `policy` is in force when they are opened. `live`:
        the clock is the machine's own, which a store may compare with its own."""
        self._open, self._claims, self._policy, self._clock, self._read = open_, claims, policy, clock, read
        self._tend, self._live = tend, live
        self._claiming, self._tending = Each(CLAIM_SECONDS, at_once=True), Each(TEND_SECONDS)
        self._pushing = Each(TEND_SECONDS, at_once=True)
        self.untended: Exception | None = None
        """What the last look at what falls due failed with; the steps between two looks know nothing of that."""
        self._opened: Handles | None = None
        self.shards: list[int] = []
        self._asks = False

    def ask_anew(self) -> None:
        """At the next step ask again for shards, if it has none: others may just have left theirs."""
        self._asks = self._asks or not self.shards

    def step(self) -> Progress:
        """Book one batch of the shards that are this settler's. Raises StoreError; call it again."""
        if self._claiming() or self._asks:
            self.shards, self._asks = [], True  # until it was told: who could not ask, or was refused, asks each time
            self._require_own()
            self.shards = drive(self._claims.take())
            self._asks = False
        if not self.shards:
            self.untended = None  # others look
            return Progress(0, 0, 0)
        try:
            desk, settling, _, _, rung = self._handles()
        except WrongSettings:
            self._leave()
            raise
        shards = self.shards if rung.store.shards > 1 else None
        if self._tend and self._tending():
            self._look_after(shards)
        moved = drive(settling.step(batch=rung.batch, shards=shards))
        if (shards is None or 0 in shards) and self._pushing():
            drive(desk.push())  # terms that a killed process had booked, or for which there was no room
        return moved

    def look(self) -> None:
        """Whether the store can be read, for who has no shard to tell by. Raises StoreError."""
        drive(self._handles()[-1].store.backlog())

    def _look_after(self, shards: Sequence[int] | None) -> None:
        """See to what falls due; kept in `untended` where that fails, and raised."""
        desk, _, recovery, watching, _ = self._handles()
        try:
            try:
                drive(desk.tend(shards=shards))
            finally:  # what keeps one account from being looked after must not keep another one shut, or lost
                drive(recovery.step(self._clock(), shards))
                drive(watching.step(self._clock(), shards))
        except Exception as error:
            self.untended = error
            raise
        self.untended = None

    def _require_own(self) -> None:
        """A settler of another hot store than the books go with keeps no shard from those of the right one."""
        if self._opened is None:
            return
        try:
            self._opened[-1].require_own()
        except WrongSettings:
            self._leave()
            raise
        except (StoreUnavailable, StoreFull):
            return  # one server of several, perhaps: what comes next meets it where it matters

    def _leave(self) -> None:
        self.shards, self._asks = [], True
        drive(self._claims.release())

    def backlog(self) -> Backlog:
        """What waits in the shards that are this settler's."""
        if not self.shards:
            return Backlog(0, None)
        store = self._handles()[-1].store
        return drive(store.backlog(self.shards if store.shards > 1 else None))

    def _handles(self) -> Handles:
        if self._opened is None:
            rung = self._open()
            desk = Desk(self._policy(), rung.store, rung.ledger, self._clock, self._read, live=self._live)
            ports = rung.store, rung.ledger
            self._opened = (desk, Settling(*ports), Recovery(*ports), Watching(*ports), rung)
        return self._opened

    def finish(self) -> None:
        """Leave the shards to others and give back every handle. Safe to repeat."""
        self.shards = []
        try:
            drive(self._claims.release())
        finally:
            drive(self._claims.close())
            if self._opened is not None:
                self._opened[-1].close()
