"""What a caller is told: a decision that is true when it allows, or its denial with both ways out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property

from msgspec import Struct

from spillover.core.decide import plan_of
from spillover.core.opening import Course, first_pass, first_stop
from spillover.core.packs import pack_for
from spillover.core.staircase import Staircase, staircase
from spillover.core.unlocking import Unlock, unlock
from spillover.core.words import (
    amount_of,
    denial_sentence,
    ending_sentence,
    extended_sentence,
    grant_sentence,
    partial_sentence,
    unlock_sentence,
)
from spillover.model.account import Profile
from spillover.model.commit import Cells
from spillover.model.decision import Blocker, Overshoot, Verdict
from spillover.model.event import Event, Move
from spillover.model.hold import Hold
from spillover.model.leg import Leg
from spillover.model.policy import Feature, Pack, Policy, Rule
from spillover.model.request import Request


class Denial:
    """Why a request does not pass, and what would let it pass. When it would is worked out only if asked for.

    `rule` is the one of the plan that denied: it says what a limit that blocks counts; None where the plan has none.
    `checkout`: where what is missing can be bought, for a denial that a service told with it; "" otherwise.
    """

    checkout: str = ""

    def __init__(
        self, verdict: Verdict, feature: Feature, zone: str, opening: Callable[[], int | None],
        unlocking: Callable[[], Unlock | None], closing: Callable[[int], int | None] = lambda _: None,
        rule: Rule | None = None, priced: Collection[str] = (),
        selling: Callable[[Unlock | None], Pack | None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._verdict, self._feature, self._zone, self.rule, self._priced = verdict, feature, zone, rule, priced
        self._opening, self._unlocking, self._closing, self._selling = opening, unlocking, closing, selling

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """What blocks: the one ceiling, or what stopped each layer, in the plan's order."""
        return self._verdict.blockers

    @property
    def blocked_by(self) -> str:
        """The kind and name of what brought the request to a halt, such as "window five_hour" or "credits"."""
        last = self._verdict.blockers[-1]
        return last.kind if last.kind == last.name else f"{last.kind} {last.name}"

    @cached_property
    def opens_at(self) -> int | None:
        """The first instant (milliseconds since 1970) at which it passes if nothing else happens; None for never.

        Open holds run to their due time; the 32 that are due first are looked at, by `check` and `explain` 256.
        """
        return self._opening()

    @cached_property
    def closes_at(self) -> int | None:
        """The first instant after that at which it would pass no more; None for never."""
        return None if self.opens_at is None else self._closing(self.opens_at)

    @property
    def zone(self) -> str:
        """The account's time zone, in which the sentence tells the time."""
        return self._zone

    @cached_property
    def remedy(self) -> Unlock | None:
        """What would let it pass now, all of it: consent, micro-credits, units; None if nothing would."""
        return self._unlocking()

    @cached_property
    def pack(self) -> Pack | None:
        """The cheapest pack of the policy that is enough; None where it sells none that is, or nothing is missing."""
        return self._selling(self.remedy)

    @property
    def unlock(self) -> str:
        """The same in words, such as "3 more credits unlock it: pack small, 100 credits for 9.00 EUR"; "" if nothing
        would."""
        return unlock_sentence(self._feature, self.remedy, self.pack)

    @property
    def status(self) -> int:
        """The HTTP status for an end user: 429 if waiting helps, else 402 (law 11)."""
        return 402 if self.opens_at is None else 429

    @property
    def sentence(self) -> str:
        """What blocks, for whom, and the ways out, in one sentence."""
        return denial_sentence(
            self._feature, self._verdict, self.remedy, self.opens_at, self._zone, self.rule, self._priced,
            self.pack,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Denial({self.sentence!r})"


class Decision(Struct, frozen=True, eq=False, gc=False):
    """The one definitive answer to a request. True when it allows.

    `units` were asked for, `granted` in `legs` and `overshoot`. In mode `partial` `blockers` say why it is not all. A
    hold is `due` at that instant (0: not a hold), and known by its key. Of an extension `legs` are what was drawn
    further, and `held` all that the hold keeps then. `sequence` is the account's sequence number of
    its usage event (0 for a denial and for a check). `replayed`: the same request under the same key was answered
    before, with this answer. `journaled`: admitted while the store could not be reached; who pays is not known yet, so
    there are no legs, and the same request under the same key tells them later.
    """

    allowed: bool
    account: str
    feature: str
    key: str
    at: int
    units: int
    granted: int
    legs: tuple[Leg, ...]
    sequence: int
    replayed: bool
    counted: Feature
    denial: Denial | None = None
    overshoot: Overshoot | None = None
    blockers: tuple[Blocker, ...] = ()
    due: int = 0
    held: tuple[Leg, ...] = ()
    journaled: bool = False

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return f"Decision({self.account!r}, {self.feature!r}, key={self.key!r}, {self.sentence!r})"

    @property
    def charged(self) -> int:
        """What it cost, in micro-credits; what is owed of overshoot is in it."""
        return sum(leg.amount for leg in self.legs) + (self.overshoot.owed if self.overshoot else 0)

    @property
    def sentence(self) -> str:
        """Who paid, or why not, in one sentence: "5 seconds included, 11 seconds for 275 credits"."""
        if self.denial:
            return self.denial.sentence
        if self.held:
            return extended_sentence(self.counted, self.legs, self.held)
        if self.journaled:
            amount = amount_of(self.counted, self.units)
            return f"{amount} admitted while the store was unreachable, to be settled later"
        granted = grant_sentence(self.counted, self.legs, self.overshoot)
        return partial_sentence(self.counted, granted, self.units - self.granted)


class Ending(Struct, frozen=True, eq=False, gc=False):
    """How a hold ended: `kind` is commit, release or expire; `granted` units in the final `legs` and `overshoot`.

    `late`: it had expired before, and all was drawn anew. `moves`: what fell back to lots that were gone.
    """

    kind: str
    account: str
    feature: str
    key: str
    at: int
    granted: int
    legs: tuple[Leg, ...]
    overshoot: Overshoot | None
    moves: tuple[Move, ...]
    late: bool
    estimated: bool
    sequence: int
    replayed: bool
    counted: Feature

    def __repr__(self) -> str:
        return f"Ending({self.account!r}, {self.feature!r}, key={self.key!r}, {self.sentence!r})"

    @property
    def charged(self) -> int:
        """What it cost, in micro-credits; what is owed of overshoot is in it."""
        return sum(leg.amount for leg in self.legs) + (self.overshoot.owed if self.overshoot else 0)

    @property
    def sentence(self) -> str:
        """How it ended and who paid, in one sentence."""
        return ending_sentence(self.counted, self.kind, self.legs, self.overshoot, self.late)


Holds = Callable[[], tuple[Callable[[str], Policy | None], tuple[Hold, ...]]]
"""The open holds of an account, read when a denial is asked when it opens, and where their policies are."""


def no_holds() -> tuple[Callable[[str], Policy | None], tuple[Hold, ...]]:
    """An account without open holds."""
    return (lambda _: None), ()


def feature_of(policy: Policy | None, name: str) -> Feature:
    """The feature as the policy describes it; of one that it does not know, what can be said."""
    found = policy.features.get(name) if policy else None
    return found or Feature(name, "unit", "requests")


def granted(
    policy: Policy, account: str, event: Event, sequence: int, replayed: bool, blockers: tuple[Blocker, ...] = ()
) -> Decision:
    """The decision that an event records."""
    return Decision(
        True, account, event.feature, event.key, event.at, event.units, event.granted, event.legs, sequence,
        replayed, feature_of(policy, event.feature), None, event.overshoot, blockers,
        event.hold.due if event.hold else 0,
    )  # fmt: skip


def extended(policy: Policy | None, account: str, key: str, event: Event, sequence: int, replayed: bool) -> Decision:
    """The decision by which a hold was extended; known by the hold's key."""
    assert event.hold is not None
    return Decision(
        True, account, event.feature, key, event.at, event.units, event.granted, event.legs, sequence, replayed,
        feature_of(policy, event.feature), None, None, (), event.hold.due,
        tuple(part.leg for part in event.hold.parts),
    )  # fmt: skip


def ended(policy: Policy | None, account: str, key: str, event: Event, sequence: int, replayed: bool) -> Ending:
    """The end that an event records."""
    return Ending(
        event.kind, account, event.feature, key, event.at, event.granted, event.legs, event.overshoot, event.moves,
        event.late, event.estimated, sequence, replayed, feature_of(policy, event.feature),
    )  # fmt: skip


def denied(
    policy: Policy, account: str, profile: Profile, cells: Cells, request: Request, at: int, verdict: Verdict,
    holds: Holds = no_holds, passes: Callable[[int], bool] = lambda _: True,
) -> Decision:  # fmt: skip
    """The denial that a verdict is; it keeps the state it was decided on, to say later when it would pass.

    `passes`: whether what was denied would pass at an instant at which `request` would, where they are not the same.
    """
    feature = policy.features[request.feature]
    rules = policy.plans.get(plan_of(profile, at))
    seen = dict(cells)

    def course() -> Course:
        policies, found = holds()
        return Course(policies, profile, seen, found)

    def opening() -> int | None:
        found = first_pass(policy, profile, seen, request, at, course())
        return found if found is None or passes(found) else None

    denial = Denial(
        verdict, feature, profile.zone, opening,
        lambda: unlock(policy, profile, seen, request, at),
        lambda since: first_stop(policy, profile, seen, request, since, course()),
        rules.by_feature.get(request.feature) if rules else None,
        policy.priced,
        lambda remedy: pack_for(policy.packs, feature.name, remedy),
    )  # fmt: skip
    return Decision(
        False, account, request.feature, request.key, at, verdict.units, 0, (), 0, False, feature, denial
    )  # fmt: skip


def foreseen(
    policy: Policy, account: str, profile: Profile, cells: Cells, request: Request, at: int, holds: Holds = no_holds
) -> tuple[Decision, Staircase]:
    """What the decision would be, changing nothing, and the waterfall behind it."""
    picture = staircase(policy, profile, cells, request, at)
    verdict = picture.verdict
    if not verdict.allowed:
        return denied(policy, account, profile, cells, request, at, verdict, holds), picture
    feature = policy.features[request.feature]
    decision = Decision(
        True, account, request.feature, request.key, at, verdict.units, verdict.granted, verdict.legs, 0, False,
        feature, None, verdict.overshoot, verdict.blockers, verdict.hold.due if verdict.hold else 0,
    )  # fmt: skip
    return decision, picture
