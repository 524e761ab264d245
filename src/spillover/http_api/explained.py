"""A past decision explained from its receipt alone: the staircase of then, every limit with its room, what was owed.

The command line draws it, and tells it as JSON; so does the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple, Self

from msgspec import Struct

from spillover.core.decide import plan_of
from spillover.core.staircase import Staircase
from spillover.core.waterfall import DEBT, OWED
from spillover.core.words import ending_sentence
from spillover.documents.accounts import Override as OverrideDocument
from spillover.documents.amounts import (
    NO_NAMES,
    Amount,
    Credits,
    Instant,
    Quantity,
    amount_in,
    credits_of,
    fields_of,
    instant_of,
    is_money,
    said,
    text_of,
)
from spillover.documents.explanation import Ceiling, Step
from spillover.documents.explanation import Staircase as StaircaseDocument
from spillover.documents.holds import Hold as HoldDocument
from spillover.documents.legs import Leg, Overshoot, legs_of
from spillover.engine.answers import Decision, extended, foreseen
from spillover.model.account import Override, Profile
from spillover.model.event import Event
from spillover.model.policy import Policy, Rule
from spillover.model.request import Request
from spillover.policy import policy_from_document
from spillover.proof import Receipt, Standing, standings
from spillover.proof.evaluate import request_of

OWED_CELL = OWED.cell + ":used"
"""The cell that holds what the overage line has advanced."""


class Around(NamedTuple):
    """What stands around a decision: its limits, overrides in force, what is owed, and when it stops passing."""

    limits: tuple[Standing, ...]
    overrides: tuple[Override, ...]
    debt: int
    advanced: int
    stops: int | None


class StandingLimit(Struct, frozen=True, gc=False):
    """A limit as it stood just before the decision."""

    where: Annotated[str, said("A ceiling, the layer whose window it is, spending, cap or forgiveness", "allowance")]
    name: str
    of: Annotated[str, said("What it counts", "units")]
    per: Annotated[str | None, said("One for each subject or value of an attribute; null for the account")]
    max: Quantity
    room: Quantity
    more_room_at: Annotated[Instant | None, said("When it gave room again; null for never, or unused")]
    set_from: Annotated[Quantity | None, said("The policy's own maximum, where another was set for this account")]


class Surroundings(Struct, frozen=True):
    """What stands around a decision."""

    limits: tuple[StandingLimit, ...]
    overrides: tuple[OverrideDocument, ...]
    owed: Annotated[Credits, said("Overshoot that new credits pay first")]
    overage: Annotated[Credits, said("What the overage line had advanced")]
    passes_until: Annotated[Instant | None, said("When it stops passing, if nothing else happens; null if never")]

    @classmethod
    def around(cls, policy: Policy, feature: str, around: Around, names: Mapping[str, str] = NO_NAMES) -> Surroundings:
        """`names`: token -> name, where names are to be told."""

        def amount(of: str, count: int) -> Quantity:
            if of in ("units", "credits"):
                return Quantity(**fields_of(of == "credits" or is_money(policy, feature), count))
            return Quantity(count=count)

        limits = tuple(
            StandingLimit(
                at.where, at.name, at.of, at.per or None, amount(at.of, at.max), amount(at.of, at.room),
                instant_of(at.resets), None if at.set_from is None else amount(at.of, at.set_from),
            )
            for at in around.limits
        )  # fmt: skip
        overrides = tuple(OverrideDocument.of(one, names) for one in around.overrides)
        return Surroundings(
            limits, overrides, credits_of(around.debt), credits_of(around.advanced), instant_of(around.stops)
        )


class Explained(Struct, frozen=True, kw_only=True):
    """A past decision: what was asked and answered, on what it was decided, and where the books have it."""

    account: Annotated[str | None, said("Its name; null where only a receipt is known", "acme")]
    account_id: Annotated[int, said("The number under which the books know it", 17)]
    epoch: int
    sequence: Annotated[int, said("Its place in the account's order", 17)]
    kind: Annotated[str, said("usage, hold, extend, commit, release or expire", "usage")]
    key: str
    feature: str
    subject: str | None
    attributes: dict[str, str]
    at: Instant
    mode: str
    late: bool
    sentence: Annotated[str, said("The answer in one sentence", "5 seconds included, 3 seconds for 30 credits")]
    asked: Amount
    granted: Amount
    legs: tuple[Leg, ...]
    overshoot: Overshoot | None
    policy: Annotated[str, said("The hash of the policy that decided")]
    rules: int
    hash: Annotated[str, said("Of the event, in the account's chain")]
    unit_price: Annotated[Credits | None, said("Of one unit; null where no price covers this use, or a hold ended")]
    ceilings: tuple[Ceiling, ...]
    steps: Annotated[tuple[Step, ...], said("The layers of the waterfall, in order; none where a hold ended")]
    hold: Annotated[HoldDocument | None, said("The hold as it was before it was extended or ended")]
    limits: tuple[StandingLimit, ...]
    overrides: tuple[OverrideDocument, ...]
    owed: Annotated[Credits, said("Overshoot that new credits pay first")]
    overage: Annotated[Credits, said("What the overage line had advanced")]

    @classmethod
    def of(cls, receipt: Receipt, account: str = "", names: Mapping[str, str] = NO_NAMES) -> Self:
        """From a receipt. `names`: token -> name, where names are to be told."""
        event, policy, hold = receipt.decided, policy_from_document(receipt.policy), receipt.hold
        feature = policy.features[event.feature]
        stairs = None if hold else StaircaseDocument.of(policy, feature, then(receipt, policy, account)[1])
        around = Surroundings.around(policy, event.feature, around_then(receipt, policy), names)
        return cls(
            account=account or None, account_id=receipt.account, epoch=receipt.epoch, sequence=receipt.sequence,
            kind=event.kind, key=event.key, feature=event.feature,
            subject=names.get(event.subject, event.subject) or None,
            attributes={label: names.get(value, value) for label, value in event.attributes.items()},
            at=text_of(event.at), mode=event.mode, late=event.late, sentence=sentence(receipt, policy),
            asked=amount_in(policy, event.feature, event.units),
            granted=amount_in(policy, event.feature, event.granted),
            legs=legs_of(is_money(policy, event.feature), event.legs), overshoot=_overshoot(policy, event),
            policy=event.policy, rules=receipt.rules, hash=receipt.hash,
            unit_price=stairs.unit_price if stairs else None, ceilings=stairs.ceilings if stairs else (),
            steps=stairs.steps if stairs else (), hold=HoldDocument.of(policy, hold, names=names) if hold else None,
            limits=around.limits, overrides=around.overrides, owed=around.owed, overage=around.overage,
        )  # fmt: skip


def around_then(receipt: Receipt, policy: Policy) -> Around:
    """What stood around a past decision."""
    event, hold = receipt.decided, receipt.hold
    plan = policy.plans.get(hold.plan if hold else plan_of(receipt.profile, event.at))
    rule = plan.by_feature.get(event.feature) if plan else None
    return around_of(rule, policy, receipt.profile, receipt.cells, request_of(event), event.at, None)


def around_of(
    rule: Rule | None, policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, at: int,
    stops: int | None,
) -> Around:  # fmt: skip
    """What stands around a request; `stops`: when it stops passing (ms)."""
    limits = standings(rule, policy, profile, cells, request, at)
    titles = {limit.title for limit in rule.limits()} if rule else set()
    overrides = tuple(one for one in profile.overrides if one.limit in titles and at < one.until)
    return Around(limits, overrides, cells.get(DEBT, 0), cells.get(OWED_CELL, 0), stops)


def sentence(receipt: Receipt, policy: Policy) -> str:
    """The answer of then in one sentence."""
    event = receipt.decided
    feature = policy.features[event.feature]
    if event.kind in ("commit", "release", "expire"):
        return ending_sentence(feature, event.kind, event.legs, event.overshoot, event.late)
    if event.kind == "extend":
        return f"extended: {extended(policy, '', event.key, event, receipt.sequence, False).sentence}"
    return then(receipt, policy, "")[0].sentence


def then(receipt: Receipt, policy: Policy, name: str) -> tuple[Decision, Staircase]:
    """The decision made again, with the waterfall behind it."""
    event = receipt.decided
    return foreseen(policy, name, receipt.profile, receipt.cells, request_of(event), event.at)


def _overshoot(policy: Policy, event: Event) -> Overshoot | None:
    return Overshoot.of(is_money(policy, event.feature), event.overshoot) if event.overshoot else None
