"""What `explain` shows: of a request now, and of a past decision from its receipt; as parts for people, or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import RenderableType

from spillover.core.decide import cells_for, rule_for
from spillover.core.opening import Course, first_stop
from spillover.documents.amounts import instant_of
from spillover.documents.explanation import Explanation as ExplanationDocument
from spillover.engine.answers import Decision
from spillover.engine.asking import request_of as request_asked
from spillover.http_api.explained import OWED_CELL, Around, Surroundings, around_of, around_then, sentence, then
from spillover.model.account import NEVER
from spillover.model.errors import UnknownName
from spillover.model.policy import Policy
from spillover.pictures.endings import ending_picture, ending_table
from spillover.pictures.staircase import StaircasePicture, staircase_table
from spillover.pictures.tables import table
from spillover.pictures.wording import counted_text, credits_text, instant_text, number
from spillover.policy import policy_from_document
from spillover.proof import Receipt

if TYPE_CHECKING:
    from spillover.access.desk import Explanation
    from spillover.access.plain import Access
    from spillover.core.intake import Ask

Part = RenderableType | str
Document = dict[str, Any]
NO_NAMES: Mapping[str, str] = {}


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
    return document | (msgspec.to_builtins(Surroundings.around(policy, ask.feature, around)) if around else {})


def receipt_parts(receipt: Receipt, name: str, names: Mapping[str, str] = NO_NAMES) -> list[Part]:
    """A past decision, from its receipt alone. `names`: token -> name, where a database knows them."""
    event, policy = receipt.decided, policy_from_document(receipt.policy)
    feature, hold = policy.features[event.feature], receipt.hold
    parts: list[Part] = [f"{instant_text(event.at)}: {sentence(receipt, policy)}", ""]
    if hold is not None:
        parts += [ending_picture(feature, event, hold), "", ending_table(feature, event, hold)]
    else:
        decision, picture = then(receipt, policy, name)
        parts += [StaircasePicture(picture, decision), "", staircase_table(picture, decision)]
    parts += around_parts(policy, event.feature, around_then(receipt, policy), names)
    who = "" if not event.subject else f", subject {names.get(event.subject, event.subject)}"
    place = f"event {receipt.epoch}.{receipt.sequence} of account {receipt.account}{who}"
    tokens = "" if names else "; names stand as tokens"
    return [*parts, "", f"{place}; rules {receipt.rules}, policy {event.policy[:12]}{tokens}"]


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
    return around_of(rule_for(policy, profile, request.feature, at), policy, profile, cells, request, at, stops)
