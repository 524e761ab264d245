"""Several engines on one account: stale caches, clocks that differ, commits that arrive late (design, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from spillover.model.account import Profile
from spillover.model.commit import Cells
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from tests.oracle.boxes import LARGEST, effect
from tests.oracle.hot import Answered, Said, asked, ended, extended, said
from tests.oracle.play import Stage, chosen
from tests.oracle.worlds import Ask, End, Extend, World

SKEW = 1_000
"""The clocks of two engines differ by at most so much (milliseconds)."""


class Engine:
    """What one process knows: terms and cells as it saw them last, each maybe at another time."""

    def __init__(self, profile: Profile, cells: Cells, ahead: int) -> None:
        self.profile, self.cells, self.ahead = profile, dict(cells), ahead


class Pending(NamedTuple):
    """An answer on its way to the store, and how to give it again on what an engine knows then; None: it is void."""

    engine: Engine
    again: Callable[[Policy, Engine], Answered | None]
    expected: Callable[[Answered], Said]  # what the oracle says when it has happened
    now: int
    answered: Answered


class Answer(NamedTuple):
    """An answer that the store has confirmed, beside what a serial run and the oracle say at this place."""

    answered: Answered
    serial: Answered
    expected: Said
    same_effect: bool
    tries: int


class Cluster:
    """One store, several engines, one oracle."""

    def __init__(self, world: World, random: Random, engines: int, checked: bool) -> None:
        self.stage, self.checked = Stage(world), checked
        hot = self.stage.hot
        self.engines = [Engine(hot.profile, hot.cells, random.randint(0, SKEW)) for _ in range(engines)]

    # What is asked of an engine

    def start(self, engine: Engine, step: Ask | Extend | End, now: int) -> Pending | None:
        """On what the engine knows, however old that is."""
        if isinstance(step, Ask):
            return self._ask(engine, step, now)
        hot = self.stage.hot
        late = isinstance(step, End) and step.kind == "late"
        hold = chosen(list((hot.expired if late else hot.holds).values()), step.which)
        if hold is None:
            return None
        now = max(now, self.stage.newest - self.stage.policy.late)
        return self._extend(engine, hold, step, now) if isinstance(step, Extend) else self._end(engine, hold, step, now)

    def _pending(
        self,
        engine: Engine,
        now: int,
        again: Callable[[Policy, Engine], Answered | None],
        expected: Callable[[Answered], Said],
    ) -> Pending | None:
        answered = again(self.stage.policy, engine)
        return None if answered is None else Pending(engine, again, expected, now, answered)

    def _ask(self, engine: Engine, step: Ask, now: int) -> Pending | None:
        stage, request = self.stage, self.stage.clock.request(step)

        def expected(_: Answered) -> Said:
            verdict = stage.oracle.decide(request, now)
            holds = stage.oracle.accounts[stage.account].holds
            return said(verdict, holds.get(request.key) if verdict.allowed else None)

        return self._pending(engine, now, lambda policy, engine: asked(policy, engine, request, now), expected)

    def _extend(self, engine: Engine, hold: Hold, step: Extend, now: int) -> Pending | None:
        stage = self.stage
        usage = {name: count + step.more for name, count in hold.usage.items()}
        due = max(hold.due, now) + step.by

        def again(policy: Policy, engine: Engine) -> Answered | None:
            known = stage.hot.holds.get(hold.key)
            if known is None or any(count > usage[name] for name, count in known.usage.items()):
                return None
            return extended(policy, engine, known, usage, due, now)

        def expected(_: Answered) -> Said:
            verdict = stage.oracle.extend(stage.account, hold.key, usage, due, now)
            holds = stage.oracle.accounts[stage.account].holds
            return said(verdict, holds[hold.key] if verdict.allowed else None)

        return self._pending(engine, now, again, expected)

    def _end(self, engine: Engine, hold: Hold, step: End, now: int) -> Pending | None:
        stage = self.stage
        usage = {name: count * step.quarters // 4 for name, count in hold.usage.items()}

        def again(policy: Policy, engine: Engine) -> Answered | None:
            hot = stage.hot
            known = (hot.expired if step.kind == "late" else hot.holds).get(hold.key)
            return None if known is None else ended(policy, engine, known, step.kind, usage, now)

        def expected(_: Answered) -> Said:
            return said(stage.oracle.end(stage.account, hold.key, step.kind, usage, now))

        return self._pending(engine, now, again, expected)

    # What the store does

    def commit(self, pending: Pending) -> Iterator[Answer]:
        """The store checks the box; outside of it, the engine answers again on the state that the store gives back."""
        hot, tries = self.stage.hot, 1
        if pending.now < self.stage.newest - self.stage.policy.late and pending.answered.kind != "ask":
            return  # a clock that is too far behind ends nothing
        answered: Answered | None = pending.answered
        while answered is not None and self.checked and self._is_refused(answered):
            assert tries < 4, "answered on the present state and refused: the box does not hold its own state"
            answered, tries = self._again(pending, answered), tries + 1
        serial = pending.again(self.stage.policy, Engine(hot.profile, hot.cells, 0)) if answered else None
        if answered is None or serial is None:
            return
        if not serial.allowed and (due := self.stage.due(pending.now)):
            for hold in due:  # no denial is answered before them
                self.stage.end(hold, "expire", {}, pending.now)
            again = self._again(pending, answered)
            if again is not None:
                yield from self.commit(pending._replace(answered=again))
            return
        same = effect(hot.cells, serial.operations) == effect(hot.cells, answered.operations)
        expected = pending.expected(answered)
        if not self.checked:
            free = tuple((name, 0, LARGEST, floor, add) for name, _, _, floor, add in answered.operations)
            answered = answered._replace(operations=free)
        assert hot.commit(answered, expected).committed or not self.checked
        for name, *_ in answered.operations:
            pending.engine.cells[name] = hot.cells.get(name, 0)
        yield Answer(answered, serial, expected, same, tries)

    def _is_refused(self, answered: Answered) -> bool:
        hot = self.stage.hot
        return answered.profile.version != hot.profile.version or effect(hot.cells, answered.operations) is None

    def _again(self, pending: Pending, answered: Answered) -> Answered | None:
        hot, engine = self.stage.hot, pending.engine
        engine.profile = hot.profile
        fresh = pending.again(self.stage.policy, Engine(hot.profile, hot.cells, 0))
        for name in fresh.names if fresh else ():
            engine.cells[name] = hot.cells.get(name, 0)
        return pending.again(self.stage.policy, engine)


def race(world: World, random: Random, engines: int = 3, checked: bool = True) -> Iterator[Answer]:
    """The world's steps, each request at any of the engines, its commit at once or some steps later.

    Unless `checked`, the store applies changes without looking at the box: the fault that the box is there against."""
    cluster = Cluster(world, random, engines, checked)
    stage = cluster.stage
    flying: list[Pending] = []
    for step in world.steps:
        now = stage.clock.instant(step.move)
        if isinstance(step, Ask | Extend | End):
            engine = random.choice(cluster.engines)
            pending = cluster.start(engine, step, now + engine.ahead)
            flying += [pending] if pending else []
        else:
            for _ in stage.happen(step, now):
                pass
        while flying and random.random() < 0.6:
            yield from cluster.commit(flying.pop(random.randrange(len(flying))))
    for pending in flying:
        yield from cluster.commit(pending)
