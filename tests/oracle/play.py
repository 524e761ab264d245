"""Plays a world twice: on the shipped rules with their cells, and on the oracle with its history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from spillover.core.apply import apply
from spillover.core.decide import decide
from spillover.model.account import Lot, Profile
from spillover.model.commit import Cells, Operation
from spillover.model.decision import Verdict
from spillover.model.policy import Policy
from spillover.model.request import Request
from tests.oracle.oracle import Oracle
from tests.oracle.worlds import Ask, Clock, Give, World, with_lot, with_terms

TIME = "t"
"""The cell of the newest instant that an account has seen."""


class Hot:
    """The hot state of one account: what a store keeps."""

    def __init__(self, profile: Profile, now: int) -> None:
        self.profile = profile
        self.cells: Cells = {TIME: now}

    def terms(self, profile: Profile, now: int, raised: dict[int, int] | None = None) -> None:
        """New terms, and what lots were raised by, in one commit."""
        self.profile = profile
        self.cells[TIME] = max(self.cells[TIME], now)
        for lot, amount in (raised or {}).items():
            cell = f"lot:{lot}"
            self.cells[cell] = self.cells.get(cell, 0) + amount

    def commit(self, operations: tuple[Operation, ...]) -> bool:
        """Check the box and apply the change; False, and nothing, if the state lies outside of it."""
        changed = apply(self.cells, operations)
        if changed is None:
            return False
        self.cells = {name: value for name, value in (self.cells | changed).items() if value}
        return True


class Decision(NamedTuple):
    """One decision of a history: the state it was made on, and what both sides say."""

    profile: Profile
    cells: Cells
    request: Request
    now: int
    verdict: Verdict
    operations: tuple[Operation, ...]
    expected: Verdict
    committed: bool


class Stage:
    """A world with an oracle beside its hot state; both know the same."""

    def __init__(self, world: World) -> None:
        self.policy: Policy = world.policy
        self.oracle = Oracle(world.policy)
        self.oracle.put(world.profile, world.start)
        self.hot = Hot(world.profile, world.start)
        self.hot.terms(world.profile, world.start, world.given)
        for lot, amount in world.given.items():
            self.oracle.raise_lot(world.profile.account, lot, amount, world.start)
        self.clock = Clock(self.oracle, world)

    @property
    def latest(self) -> int:
        """Terms come into force at the account's own latest instant, never before it."""
        return max(self.clock.latest, self.oracle.accounts[self.hot.profile.account].newest)

    def terms(self, profile: Profile, lot: Lot | None = None, amount: int = 0) -> None:
        now = self.latest
        self.oracle.put(profile, now)
        if lot is not None:
            self.oracle.raise_lot(profile.account, lot.id, amount, now)
        self.hot.terms(profile, now, {lot.id: amount} if lot is not None else None)


def play(world: World) -> Iterator[Decision]:
    """Each request of the world, decided on both sides and committed."""
    stage = Stage(world)
    hot = stage.hot
    for step in world.steps:
        now = stage.clock.instant(step.move)
        if isinstance(step, Ask):
            request = stage.clock.request(step)
            profile, cells = hot.profile, hot.cells
            verdict, operations = decide(world.policy, profile, cells, request, now)
            expected = stage.oracle.decide(request, now)
            committed = hot.commit(operations)
            yield Decision(profile, cells, request, now, verdict, operations, expected, committed)
        elif isinstance(step, Give):
            stage.terms(with_lot(hot.profile, step.lot), step.lot, step.amount)
        else:
            stage.terms(with_terms(hot.profile, step.terms))
