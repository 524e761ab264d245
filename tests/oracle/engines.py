"""Several engines on one account: stale caches, clocks that differ, commits that arrive late (design, section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from spillover.core.decide import cells_for, decide
from spillover.model.account import Profile
from spillover.model.commit import Cells, Operation
from spillover.model.decision import Verdict
from spillover.model.request import Request
from tests.oracle.boxes import LARGEST, effect
from tests.oracle.play import Stage
from tests.oracle.worlds import Ask, Give, World, with_lot, with_terms

SKEW = 1_000
"""The clocks of two engines differ by at most so much (milliseconds)."""


class Engine:
    """What one process knows: terms and cells as it saw them last, each maybe at another time."""

    def __init__(self, profile: Profile, cells: Cells, ahead: int) -> None:
        self.profile, self.cells, self.ahead = profile, dict(cells), ahead


class Pending(NamedTuple):
    """A decision on its way to the store."""

    engine: Engine
    request: Request
    now: int
    version: int
    verdict: Verdict
    operations: tuple[Operation, ...]


class Answer(NamedTuple):
    """A decision that the store has confirmed, beside what a serial run and the oracle say at this place."""

    request: Request
    now: int
    verdict: Verdict
    serial: Verdict
    expected: Verdict
    same_effect: bool
    tries: int


class Cluster:
    """One store, several engines, one oracle."""

    def __init__(self, world: World, random: Random, engines: int, checked: bool) -> None:
        self.stage, self.checked = Stage(world), checked
        hot = self.stage.hot
        self.engines = [Engine(hot.profile, hot.cells, random.randint(0, SKEW)) for _ in range(engines)]

    def decide(self, engine: Engine, request: Request, now: int) -> Pending:
        """On what the engine knows, however old that is."""
        verdict, operations = decide(self.stage.policy, engine.profile, engine.cells, request, now)
        return Pending(engine, request, now, engine.profile.version, verdict, operations)

    def commit(self, pending: Pending) -> Answer:
        """The store checks the box; outside of it, the engine decides again on the state that the store gives back."""
        hot = self.stage.hot
        tries = 1
        while self.checked and (
            pending.version != hot.profile.version or effect(hot.cells, pending.operations) is None
        ):
            engine = pending.engine
            engine.profile = hot.profile
            for name in cells_for(self.stage.policy, hot.profile, pending.request):
                engine.cells[name] = hot.cells.get(name, 0)
            pending = self.decide(engine, pending.request, pending.now)
            tries += 1
            assert tries < 4, "decided on the present state and refused: the box does not hold its own state"
        serial, operations = decide(self.stage.policy, hot.profile, hot.cells, pending.request, pending.now)
        same = effect(hot.cells, operations) == effect(hot.cells, pending.operations)
        expected = self.stage.oracle.decide(pending.request, pending.now)
        if self.checked:
            assert hot.commit(pending.operations)
        else:
            hot.commit(tuple((name, 0, LARGEST, floor, add) for name, _, _, floor, add in pending.operations))
        for name, *_ in pending.operations:
            pending.engine.cells[name] = hot.cells.get(name, 0)
        return Answer(pending.request, pending.now, pending.verdict, serial, expected, same, tries)


def race(world: World, random: Random, engines: int = 3, checked: bool = True) -> Iterator[Answer]:
    """The world's steps, each request at any of the engines, its commit at once or some steps later.

    Unless `checked`, the store applies changes without looking at the box: the fault that the box is there against."""
    cluster = Cluster(world, random, engines, checked)
    stage = cluster.stage
    flying: list[Pending] = []
    for step in world.steps:
        now = stage.clock.instant(step.move)
        if isinstance(step, Ask):
            engine = random.choice(cluster.engines)
            flying.append(cluster.decide(engine, stage.clock.request(step), now + engine.ahead))
        elif isinstance(step, Give):
            stage.terms(with_lot(stage.hot.profile, step.lot), step.lot, step.amount)
        else:
            stage.terms(with_terms(stage.hot.profile, step.terms))
        while flying and random.random() < 0.6:
            yield cluster.commit(flying.pop(random.randrange(len(flying))))
    for pending in flying:
        yield cluster.commit(pending)
