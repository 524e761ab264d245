"""A world is a policy, an account and what happens to it; its clock finds the instants at which something changes.

Numbers are small, so that limits are hit, layers change hands and lots run dry within a few steps. Policies are built
as the model's objects, so that nothing here depends on how policies are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

from msgspec.structs import replace

from spillover.model.account import Lot, Override, Profile
from spillover.model.event import MoveKind
from spillover.model.policy import Limit, Policy
from spillover.model.request import Mode, Request
from tests.oracle.meters import limits_of, next_period, session_end, slot_length
from tests.oracle.oracle import Oracle
from tests.oracle.policies import DAY


class Move(NamedTuple):
    """From the latest instant so far to that of a step: by so much, or to the `edge`th change that lies ahead of a
    limit or lot, and so much more."""

    by: int = 0
    edge: int | None = None
    source: int = 0


class Ask(NamedTuple):
    move: Move
    feature: str
    usage: dict[str, int]
    subject: str
    attributes: dict[str, str]
    mode: Mode = "exact"
    hold: int = 0


class Extend(NamedTuple):
    """One of the open holds gets so much more of each count, and is due so much later."""

    move: Move
    which: int
    more: int
    by: int


class End(NamedTuple):
    """One of the open holds (for "late": of those that expired) ends, with so many quarters of its estimate."""

    move: Move
    which: int
    kind: str
    quarters: int


class Give(NamedTuple):
    """So much is added to the lot, which is new or known."""

    move: Move
    lot: Lot
    amount: int


class Change(NamedTuple):
    """Terms that change: {"plan": "two"}, {"consent": False}, {"state": "suspended"}."""

    move: Move
    terms: dict[str, Any]


class Boost(NamedTuple):
    """One of the limits gets another maximum, for one value or all, for so long."""

    move: Move
    which: int
    by: int
    scope: str | None
    lasts: int


class Forget(NamedTuple):
    """One of the limits is reset, for this value where it counts per any."""

    move: Move
    which: int
    scope: str


class Sink(NamedTuple):
    """One of the lots is lowered."""

    move: Move
    which: int
    kind: MoveKind
    most: int


Step = Ask | Extend | End | Give | Change | Boost | Forget | Sink


class World(NamedTuple):
    policy: Policy
    profile: Profile
    given: dict[int, int]  # lot -> amount, at the start
    start: int
    steps: list[Step]


class Clock:
    """Turns the moves of a world's steps into instants; knows, from the oracle, where the edges are."""

    def __init__(self, oracle: Oracle, world: World) -> None:
        self.oracle, self.world, self.latest = oracle, world, world.start
        self.count = 0

    def instant(self, move: Move) -> int:
        now = self.latest + move.by
        if move.edge is not None:
            edges = self.edges(move.source)
            now = (edges[move.edge % len(edges)] if edges else self.latest) + move.by
        self.latest = max(self.latest, now)
        return now

    def request(self, step: Ask) -> Request:
        self.count += 1
        return Request(
            account=self.world.profile.account,
            feature=step.feature,
            usage=step.usage,
            key=f"k{self.count}",
            subject=step.subject,
            attributes=step.attributes,
            mode=step.mode,
            hold=step.hold,
        )

    @property
    def limits(self) -> list[Limit]:
        """All limits of the account's plan."""
        account = self.oracle.accounts[self.world.profile.account]
        return [limit for rule in self.world.policy.plans[account.profile.plan].rules for limit in limits_of(rule)]

    def edges(self, source: int) -> list[int]:
        """Instants ahead at which one of the limits or lots, a hold or the terms may change their mind."""
        account = self.oracle.accounts[self.world.profile.account]
        profile = account.profile
        sources: list[Limit | tuple[int, ...]] = [*self.limits]
        sources += [(lot.effective, lot.expires) for lot in profile.lots]
        sources += [(hold.due, hold.due + 1_000) for hold in account.holds.values()]
        sources += [(profile.next_at, *(override.until for override in profile.overrides))]
        chosen = sources[source % len(sources)]
        found = set(self.limit_edges(chosen)) if isinstance(chosen, Limit) else set(chosen)
        return sorted(at for at in found if self.latest < at < self.latest + 400 * DAY)

    def limit_edges(self, limit: Limit) -> Iterator[int]:
        account = self.oracle.accounts[self.world.profile.account]
        counted = [uses for (cell, _), uses in account.uses.items() if cell == limit.cell]
        if limit.window.kind in {"calendar", "fixed"}:
            yield next_period(limit, account.profile, self.latest)
        if limit.window.kind == "sliding":
            length = slot_length(limit)
            for slots in (1, limit.window.slots, limit.window.slots + 1):
                yield (self.latest // length + slots) * length
        for uses in counted:
            if limit.window.kind == "session" and uses.windows:
                yield session_end(uses, limit.window.length)
            if limit.window.kind == "refill" and uses.pours:
                unit = Fraction(limit.spacing, limit.ticks)
                full = uses.full_at(self.latest, limit.max, unit)
                for units in range(min(limit.max, 12) + 1):
                    yield ceil(full - units * unit)


def burned(lots: tuple[Lot, ...]) -> tuple[Lot, ...]:
    """In burn order, as a profile holds them."""
    return tuple(sorted(lots, key=lambda lot: (lot.priority, lot.expires, not lot.promotional, lot.effective, lot.id)))


def with_lot(profile: Profile, lot: Lot) -> Profile:
    """The account's next terms, with this lot among its lots. A lot that is known keeps its terms."""
    known = profile.lots if any(one.id == lot.id for one in profile.lots) else (*profile.lots, lot)
    return replace(profile, version=profile.version + 1, lots=burned(known))


def with_override(profile: Profile, override: Override) -> Profile:
    """The account's next terms, with this maximum."""
    return with_terms(profile, {"overrides": (*profile.overrides, override)})


def without_lot(profile: Profile, lot: int) -> Profile:
    """The account's next terms, with this lot gone."""
    return with_terms(profile, {"lots": tuple(one for one in profile.lots if one.id != lot)})


def with_terms(profile: Profile, terms: dict[str, Any]) -> Profile:
    return replace(profile, version=profile.version + 1, **terms)
