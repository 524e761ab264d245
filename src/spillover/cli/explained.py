"""What `explain` shows: of a request now, and of a past decision from its receipt; as parts for people, or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec.structs import replace
from rich.console import RenderableType

from spillover.core.decide import cells_for, plan_of, rule_for
from spillover.core.opening import Course, first_stop
from spillover.core.staircase import Staircase
from spillover.core.waterfall import DEBT, OWED
from spillover.core.words import ending_sentence
from spillover.documents.accounts import Override as OverrideDocument
from spillover.documents.amounts import amount_in, credits_of, instant_of, is_money
from spillover.documents.explanation import Explanation as ExplanationDocument
from spillover.documents.explanation import Staircase as StaircaseDocument
from spillover.documents.legs import Overshoot, legs_of
from spillover.engine.answers import Decision, extended, foreseen
from spillover.engine.asking import request_of as request_asked
from spillover.model.account import NEVER, Override, Profile
from spillover.model.errors import UnknownName
from spillover.model.policy import Policy, Rule
from spillover.pictures.endings import ending_picture, ending_table
from spillover.pictures.staircase import StaircasePicture, staircase_table
from spillover.pictures.tables import table
from spillover.pictures.wording import counted_text, credits_text, instant_text, number
from spillover.policy import policy_from_document
from spillover.proof import Receipt, Standing, standings
from spillover.proof.evaluate import request_of

if TYPE_CHECKING:
    from spillover.access.desk import Explanation
    from spillover.access.plain import Access
    from spillover.core.intake import Ask
    from spillover.model.request import Request

Part = RenderableType | str
Document = dict[str, Any]
NO_NAMES: Mapping[str, str] = {}
OWED_CELL = OWED.cell + ":used"


class Around(NamedTuple):
    """What stands around a decision: its limits, overrides in force, what is owed, and when it stops passing."""

    limits: tuple[Standing, ...]
    overrides: tuple[Override, ...]
    debt: int
    advanced: int
    stops: int | None


def foreseen_parts(access: Access, ask: Ask) -> list[Part]:
    """The request as it would be answered now."""
    told, around = _foreseen(access, ask)
    decision, policy = told.decision, access.policy
    parts: list[Part] = [
        told.sentence, "", StaircasePicture(told.staircase, decision), "",
        staircase_table(told.staircase, decision),
    ]  # fmt: skip
    if decision.due:
        parts += ["", f"held until {instant_text(decision.due)}, if nothing ends it before"]
    if decision.allowed and around is not None and around.stops is not None:
        parts += ["", f"it passes until {instant_text(around.stops)}, if nothing else happens"]
    parts += around_parts(policy, ask.feature, around) if around else []
    if told.ignored:
        parts += ["", f"ignored, as the policy declares no such attribute: {', '.join(told.ignored)}"]
    return parts


def foreseen_documents(access: Access, ask: Ask) -> Document:
    """The same as JSON."""
    told, around = _foreseen(access, ask)
    policy, decision = access.policy, told.decision
    document: Document = msgspec.to_builtins(ExplanationDocument.of(policy, told))
    document["held_until"] = instant_of(decision.due) if decision.due else None
    return {**document, **(around_document(policy, ask.feature, around) if around else {})}


def receipt_parts(receipt: Receipt, name: str, names: Mapping[str, str] = NO_NAMES) -> list[Part]:
    """A past decision, from its receipt alone. `names`: token -> name, where a database knows them."""
    event, policy = receipt.decided, policy_from_document(receipt.policy)
    feature, hold = policy.features[event.feature], receipt.hold
    parts: list[Part] = [f"{instant_text(event.at)}: {_sentence(receipt, policy)}", ""]
    if hold is not None:
        parts += [ending_picture(feature, event, hold), "", ending_table(feature, event, hold)]
    else:
        decision, picture = _then(receipt, policy, name)
        parts += [StaircasePicture(picture, decision), "", staircase_table(picture, decision)]
    parts += around_parts(policy, event.feature, _around_then(receipt, policy), names)
    who = "" if not event.subject else f", subject {names.get(event.subject, event.subject)}"
    place = f"event {receipt.epoch}.{receipt.sequence} of account {receipt.account}{who}"
    tokens = "" if names else "; names stand as tokens"
    return [*parts, "", f"{place}; rules {receipt.rules}, policy {event.policy[:12]}{tokens}"]


def receipt_document(receipt: Receipt, name: str, names: Mapping[str, str] = NO_NAMES) -> Document:
    """The same as JSON."""
    event, policy = receipt.decided, policy_from_document(receipt.policy)
    money = is_money(policy, event.feature)
    document: Document = {
        "account": name or None,
        "account_id": receipt.account,
        "epoch": receipt.epoch,
        "sequence": receipt.sequence,
        "kind": event.kind,
        "key": event.key,
        "feature": event.feature,
        "subject": names.get(event.subject, event.subject) or None,
        "attributes": {label: names.get(value, value) for label, value in event.attributes.items()},
        "at": instant_of(event.at),
        "mode": event.mode,
        "late": event.late,
        "sentence": _sentence(receipt, policy),
        "asked": amount_in(policy, event.feature, event.units),
        "granted": amount_in(policy, event.feature, event.granted),
        "legs": legs_of(money, event.legs),
        "overshoot": event.overshoot and Overshoot.of(money, event.overshoot),
        "policy": event.policy,
        "rules": receipt.rules,
        "hash": receipt.hash,
    }
    if receipt.hold is None:
        stairs = StaircaseDocument.of(policy, policy.features[event.feature], _then(receipt, policy, name)[1])
        document |= msgspec.to_builtins(stairs)
    else:
        hold = receipt.hold
        attributes = {label: names.get(value, value) for label, value in hold.attributes.items()}
        named = replace(hold, subject=names.get(hold.subject, hold.subject), attributes=attributes)
        document["hold"] = msgspec.to_builtins(named)
    return {**document, **around_document(policy, event.feature, _around_then(receipt, policy), names)}


def around_parts(
    policy: Policy, feature: str, around: Around, names: Mapping[str, str] = NO_NAMES
) -> list[Part]:  # fmt: skip
    """Every limit with its own room and reset, overrides in force, and what is owed."""
    parts: list[Part] = []
    counted = policy.features[feature]
    if around.limits:
        rows = [
            (
                at.where, at.name, at.of if not at.per else f"{at.of} per {at.per}",
                counted_text(at.of, counted, at.max) + ("" if at.set_from is None else " (set)"),
                counted_text(at.of, counted, at.room), instant_text(at.resets) if at.resets else "",
            )
            for at in around.limits
        ]  # fmt: skip
        parts += ["", table(("limit of", "name", "counts", ">max", ">room", "more room from"), rows)]
    for override in around.overrides:
        whom = "" if override.scope is None else f" for {names.get(override.scope, override.scope)}"
        until = "" if override.until >= NEVER else f" until {instant_text(override.until)}"
        parts.append(f"set for this account: {override.limit} {number(override.max)}{whom}{until}")
    if around.debt:
        parts.append(f"{credits_text(around.debt)} credits of overshoot are owed; new credits pay them first")
    if around.advanced:
        parts.append(f"{credits_text(around.advanced)} credits are advanced on the overage line")
    return parts


def around_document(
    policy: Policy, feature: str, around: Around, names: Mapping[str, str] = NO_NAMES
) -> Document:  # fmt: skip
    """The same as JSON."""

    def amount(of: str, count: int) -> object:
        if of == "units":
            return amount_in(policy, feature, count)
        return credits_of(count) if of == "credits" else {"count": count}

    return {
        "limits": [
            {
                "where": at.where,
                "name": at.name,
                "of": at.of,
                "per": at.per or None,
                "max": amount(at.of, at.max),
                "room": amount(at.of, at.room),
                "more_room_at": instant_of(at.resets),
                "set_from": None if at.set_from is None else amount(at.of, at.set_from),
            }
            for at in around.limits
        ],
        "overrides": [OverrideDocument.of(one, names) for one in around.overrides],
        "owed": credits_of(around.debt),
        "overage": credits_of(around.advanced),
        "passes_until": instant_of(around.stops),
    }


def _foreseen(access: Access, ask: Ask) -> tuple[Explanation, Around | None]:
    told = access.run(access.desk.explain(ask))
    return told, access.run(_around_now(access, ask, told.decision))


async def _around_now(access: Access, ask: Ask, decision: Decision) -> Around | None:
    """None for a stranger, whom the first request would admit."""
    desk, policy, at = access.desk, access.policy, decision.at
    try:
        account = await desk.account(ask.account)
    except UnknownName:
        return None
    request = request_asked(ask, await desk.known.names_as_they_are(account, ask, policy))
    profile = (await desk.store.load(account, ())).profile
    if profile is None:
        return None
    names = (*cells_for(policy, profile, request), OWED_CELL)
    cells = (await desk.store.load(account, names)).cells
    stops = None
    if decision.allowed:
        stops = first_stop(policy, profile, cells, request, at, Course(lambda _: None, profile, cells, ()))
    return _around(rule_for(policy, profile, request.feature, at), policy, profile, cells, request, at, stops)


def _around_then(receipt: Receipt, policy: Policy) -> Around:
    event, hold = receipt.decided, receipt.hold
    plan = policy.plans.get(hold.plan if hold else plan_of(receipt.profile, event.at))
    rule = plan.by_feature.get(event.feature) if plan else None
    return _around(rule, policy, receipt.profile, receipt.cells, request_of(event), event.at, None)


def _around(
    rule: Rule | None, policy: Policy, profile: Profile, cells: Mapping[str, int], request: Request, at: int,
    stops: int | None,
) -> Around:  # fmt: skip
    limits = standings(rule, policy, profile, cells, request, at)
    titles = {limit.title for limit in rule.limits()} if rule else set()
    overrides = tuple(one for one in profile.overrides if one.limit in titles and at < one.until)
    return Around(limits, overrides, cells.get(DEBT, 0), cells.get(OWED_CELL, 0), stops)


def _sentence(receipt: Receipt, policy: Policy) -> str:
    event = receipt.decided
    feature = policy.features[event.feature]
    if event.kind in ("commit", "release", "expire"):
        return ending_sentence(feature, event.kind, event.legs, event.overshoot, event.late)
    if event.kind == "extend":
        return f"extended: {extended(policy, '', event.key, event, receipt.sequence, False).sentence}"
    return _then(receipt, policy, "")[0].sentence


def _then(receipt: Receipt, policy: Policy, name: str) -> tuple[Decision, Staircase]:
    """The decision made again, with the waterfall behind it."""
    event = receipt.decided
    return foreseen(policy, name, receipt.profile, receipt.cells, request_of(event), event.at)
