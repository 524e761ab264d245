"""Plays a world twice: on the shipped rules with their cells, and on the oracle with its history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from msgspec.structs import replace

from spillover.model.account import Lot, Override, Profile
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.model.terms import Lower
from spillover.ports import Push
from tests.oracle.attempt import Bounds
from tests.oracle.hot import Answered, Hot, asked, ended, extended, ordered, reset_of, said
from tests.oracle.oracle import BOUNDS, Oracle
from tests.oracle.terms import Forgotten
from tests.oracle.worlds import (
    Ask,
    Boost,
    Change,
    Clock,
    End,
    Extend,
    Forget,
    Give,
    Sink,
    Step,
    World,
    with_lot,
    with_override,
    with_terms,
    without_lot,
)

T = TypeVar("T")

TOLERANCE = 1_000
"""A hold expires so long after it was due."""

ROLLED = 3_000
"""Lots from this number on are those that something rolled over into."""


class Stage:
    """A world with an oracle beside its hot state; both know the same."""

    def __init__(self, world: World, bounds: Bounds = BOUNDS) -> None:
        self.policy: Policy = world.policy
        self.account = world.profile.account
        self.oracle = Oracle(world.policy, bounds)
        self.oracle.put(world.profile, world.start)
        self.hot = Hot(world.profile, world.start)
        for lot, amount in world.given.items():
            self.oracle.raise_lot(self.account, lot, amount, world.start)
            self.hot.cells[f"lot:{lot}"] = amount
        self.clock = Clock(self.oracle, world)

    @property
    def newest(self) -> int:
        return self.oracle.accounts[self.account].newest

    @property
    def latest(self) -> int:
        """Terms come into force at the account's own latest instant, never before it."""
        return max(self.clock.latest, self.newest)

    # Requests and holds

    def due(self, now: int) -> list[Hold]:
        """Holds that are to be expired before a denial is answered."""
        return [hold for hold in self.hot.holds.values() if hold.due + TOLERANCE <= now]

    def ask(self, step: Ask, now: int) -> Iterator[Answered]:
        """No denial is answered while due holds of the account exist: they are expired first."""
        request = self.clock.request(step)
        while True:
            answered = asked(self.policy, self.hot, request, now)
            due = [] if answered.allowed else self.due(now)
            if not due:
                break
            yield from (self.end(hold, "expire", {}, now) for hold in due)
        verdict = self.oracle.decide(request, now)
        account = self.oracle.accounts[self.account]
        yield self.hot.commit(answered, said(verdict, account.holds.get(request.key) if verdict.allowed else None))

    def extend(self, step: Extend, now: int) -> Iterator[Answered]:
        hold = chosen(list(self.hot.holds.values()), step.which)
        if hold is None:
            return
        now = max(now, self.newest - self.policy.late)
        usage = {name: count + step.more for name, count in hold.usage.items()}
        due = max(hold.due, now) + step.by
        answered = extended(self.policy, self.hot, hold, usage, due, now)
        verdict = self.oracle.extend(self.account, hold.key, usage, due, now)
        account = self.oracle.accounts[self.account]
        yield self.hot.commit(answered, said(verdict, account.holds[hold.key] if verdict.allowed else None))

    def end(self, hold: Hold, kind: str, usage: dict[str, int], now: int) -> Answered:
        now = max(now, self.newest - self.policy.late)
        answered = ended(self.policy, self.hot, hold, kind, usage, now)
        return self.hot.commit(answered, said(self.oracle.end(self.account, hold.key, kind, usage, now)))

    def end_one(self, step: End, now: int) -> Iterator[Answered]:
        late = step.kind == "late"
        hold = chosen(list((self.hot.expired if late else self.hot.holds).values()), step.which)
        if hold is not None:
            usage = {name: count * step.quarters // 4 for name, count in hold.usage.items()}
            yield self.end(hold, step.kind, usage, now)

    # Terms

    def order(self, push: Push, resets: list[Forgotten] | None = None) -> Answered:
        now = self.latest
        answered = ordered(self.hot, push, now)
        moves = self.oracle.push(push, now, resets or [])
        return self.hot.commit(answered, said(moves))

    def terms(self, profile: Profile, lot: Lot | None = None, amount: int = 0) -> Answered:
        return self.order(Push(profile, raised=((lot.id, amount),) if lot is not None else ()))

    def boost(self, step: Boost) -> Iterator[Answered]:
        limit = chosen(self.clock.limits, step.which)
        if limit is None:
            return
        # A bucket of 0 never gives anything: policies refuse it, and so does whoever sets a limit.
        most = max(limit.max + step.by, 1 if limit.window.kind == "refill" else 0)
        until = min(self.latest + step.lasts, 2**53 - 1)
        override = Override(limit.title, most, step.scope if limit.per else None, until)
        yield self.terms(with_override(self.hot.profile, override))

    def forget(self, step: Forget) -> Iterator[Answered]:
        limit = chosen(self.clock.limits, step.which)
        if limit is not None:
            reset = reset_of(limit, step.scope, self.policy)
            forgotten = Forgotten(limit, step.scope if limit.per else None)
            yield self.order(Push(with_terms(self.hot.profile, {}), resets=(reset,)), [forgotten])

    def sink(self, step: Sink) -> Iterator[Answered]:
        held = {lot for hold in self.hot.holds.values() for lot in hold.lots}
        lots = [lot for lot in self.hot.profile.lots if lot.id in held]  # mostly one that a hold draws on
        lot = chosen(lots if lots and step.which % 3 else list(self.hot.profile.lots), step.which // 3)
        if lot is None:
            return
        if step.kind == "rollover":
            into = replace(lot, id=ROLLED + self.hot.profile.version, priority=50)
            profile = with_lot(without_lot(self.hot.profile, lot.id), into)
            lowers = (Lower(lot.id, "rollover", step.most, into.id), Lower(lot.id, "expire"))
            yield self.order(Push(profile, lowers=lowers))
        elif step.kind == "adjust":
            yield self.order(Push(with_terms(self.hot.profile, {}), lowers=(Lower(lot.id, "adjust", step.most),)))
        else:
            yield self.order(Push(without_lot(self.hot.profile, lot.id), lowers=(Lower(lot.id, step.kind),)))

    def happen(self, step: Step, now: int) -> Iterator[Answered]:
        """One step, on both sides."""
        if isinstance(step, Ask):
            yield from self.ask(step, now)
        elif isinstance(step, Extend):
            yield from self.extend(step, now)
        elif isinstance(step, End):
            yield from self.end_one(step, now)
        elif isinstance(step, Give):
            yield self.terms(with_lot(self.hot.profile, step.lot), step.lot, step.amount)
        elif isinstance(step, Change):
            yield self.terms(with_terms(self.hot.profile, step.terms))
        elif isinstance(step, Boost):
            yield from self.boost(step)
        elif isinstance(step, Forget):
            yield from self.forget(step)
        else:
            yield from self.sink(step)


def chosen(options: list[T], which: int) -> T | None:
    """One of them, by its place, counted round and round; None of none."""
    return options[which % len(options)] if options else None


def play(world: World, bounds: Bounds = BOUNDS) -> Iterator[Answered]:
    """Each step of the world, decided on both sides and committed."""
    stage = Stage(world, bounds)
    for step in world.steps:
        yield from stage.happen(step, stage.clock.instant(step.move))
