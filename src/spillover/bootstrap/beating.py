"""What an open engine does beside deciding: it looks after itself each second, and books if it is asked to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from spillover.access.plain import Access
from spillover.access.settler import Settler
from spillover.bootstrap.addresses import Address
from spillover.bootstrap.rungs import Rung, open_claims, open_rung
from spillover.bootstrap.working import TEND_SECONDS, TIMEOUT_MS, Each, Leaving, Working
from spillover.engine.settlement import Progress
from spillover.model.errors import WrongSettings
from spillover.model.policy import Policy
from spillover.model.reports import Publication
from spillover.ports import Durability

NOTHING = Progress(0, 0, 0)


class Beat:
    """What every engine has to do now and then, whoever settles: stop deciding once the books went with another hot
    store, learn what was published by others, record what its journal holds.

    `trouble`: what the last call failed with; None if nothing. Used by one thread at a time.
    """

    def __init__(self, access: Access, rung: Rung) -> None:
        self._access, self._rung, self._left = access, rung, Leaving(rung.is_left)
        self._published: tuple[Publication, ...] | None = None
        self.trouble: Exception | None = None

    def __call__(self) -> None:
        """Do all of it; what fails keeps nothing else from being done. Raises the first error."""
        self.trouble = None
        for part in (self._own, self._learn, self._drain):
            try:
                part()
            except Exception as error:
                self.trouble = self.trouble or error
        if self.trouble is not None:
            raise self.trouble

    def require_own(self) -> None:
        """Raises WrongSettings where the books go with another store by now; then no decision passes; StoreError."""

        async def required() -> None:
            self._rung.require_own()

        self._access.run(required())

    def _own(self) -> None:
        if self._left():  # asked here too: a settler for whom there is no shard opens no store that it could ask of
            self.require_own()

    def _learn(self) -> None:
        desk = self._access.desk
        found = tuple(self._access.look(desk.ledger.publications()))  # beside decisions: the books may be slow, or away
        if found == self._published and desk.live:
            return
        self._access.run(desk.policies.learn(desk.clock()))
        self._published = found

    def _drain(self) -> None:
        self._access.run(self._access.desk.drain())


def run_beside(
    access: Access, address: Address, rung: Rung, durability: Durability, timeout_ms: int,
    read: Callable[[str], Policy], *, settle: bool, tend: bool,
) -> None:  # fmt: skip
    """Start what the options of `connect` ask for: a settler, or what looks after an engine by the machine's clock."""
    if settle:
        access.settle_with(_settler(address, access, durability, tend, timeout_ms, rung, read))
    elif tend and access.desk.live and address.kind != "memory":
        access.settle_with(_beat(access, rung))


def _beat(access: Access, rung: Rung) -> Settler:
    """Looks after an engine that does not settle. It has no sessions of its own, and nothing to do at once."""
    beat, due = Beat(access, rung), Each(TEND_SECONDS / 2)

    def step() -> Progress:
        if due():
            beat()
        return NOTHING

    return Settler(
        step, lambda: None, last=lambda: NOTHING, lasting=lambda: beat.trouble, work="background work",
        rest=TEND_SECONDS,
    )  # fmt: skip


def _settler(
    address: Address, access: Access, durability: Durability, tend: bool, timeout_ms: int, rung: Rung,
    read: Callable[[str], Policy],
) -> Settler:  # fmt: skip
    """Settlement in the background: with handles of its own, but in memory, where there is one set of handles. `rung`:
    those of the engine, which decides on no other hot store than its settler may settle."""
    if address.kind == "memory":
        return _shared_settler(access, tend)
    beat, due = Beat(access, rung), Each(TEND_SECONDS)
    working = Working(
        partial(open_rung, address, durability, TIMEOUT_MS, seen=rung.seen), open_claims(address, timeout_ms),
        lambda: access.policy, access.desk.clock, read, tend=tend, live=access.desk.live,
    )  # fmt: skip

    def step() -> Progress:
        if due() or isinstance(beat.trouble, WrongSettings):
            beat()
        try:
            return working.step()
        except WrongSettings:
            beat.require_own()
            raise

    def last() -> Progress:
        working.ask_anew()
        return step()

    return Settler(step, working.finish, last=last, lasting=lambda: beat.trouble or working.untended)


def _shared_settler(access: Access, tend: bool) -> Settler:
    settling, tending, draining = access.desk.settling(), Each(TEND_SECONDS), Each(TEND_SECONDS)

    def step() -> Progress:
        if draining():
            access.run(access.desk.drain())
        if tend and tending():
            access.run(access.desk.tend())
        return access.run(settling.step())

    return Settler(step, lambda: None)
