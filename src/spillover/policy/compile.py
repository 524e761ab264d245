"""The sound parts of a document into features and plans; what its form cannot show is checked on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from spillover.model.policy import Feature, Pack, Plan
from spillover.policy.features import compile_feature
from spillover.policy.findings import Findings, Json, Path, show_value
from spillover.policy.gifts import FEATURE
from spillover.policy.packs import compile_packs
from spillover.policy.plans import PlanDraft, Written, compile_plans, one_of_plans
from spillover.policy.windows import read_length

ATTRIBUTES_MAX = 16
"""Names of attributes that a policy may declare (design, law 14)."""

LATE = 1000
"""How late usage may be told of where the policy does not say it: the tolerance, in milliseconds."""

LATE_MAX = 7 * 86_400_000
"""The longest horizon of late usage: a week, in milliseconds."""


class Draft(NamedTuple):
    """The parts of a document that have the schema's form. None stands for one that is there but has not."""

    features: dict[str, Written | None]
    plans: dict[str, PlanDraft]
    default_plan: str
    attributes: tuple[str, ...]
    late: str | None
    packs: dict[str, Written | None]


class Compiled(NamedTuple):
    """What a policy is made of; meaningful only if no mistake was found."""

    features: dict[str, Feature]
    plans: dict[str, Plan]
    default_plan: str
    attributes: tuple[str, ...]
    priced: tuple[str, ...]
    late: int
    packs: dict[str, Pack]


def sound_parts(document: Json, mistaken: Iterable[Path]) -> Draft | None:
    """What of a document can be compiled although it has mistakes at some paths; None if too little is left.

    Without this, one key misspelt would hide every mistake of another kind until it is mended.
    """
    broken = set(mistaken)
    if not isinstance(document, dict) or broken & {(), ("features",), ("plans",)}:
        return None
    spoilt = {path[:2] for path in broken} | {path[:4] for path in broken}
    parts: Written = document
    return Draft(
        {name: None if ("features", name) in spoilt else feature for name, feature in parts["features"].items()},
        {name: _plan_draft(name, plan, broken, spoilt) for name, plan in parts["plans"].items()},
        "" if ("default_plan",) in broken else parts.get("default_plan", ""),
        () if any(path[:1] == ("attributes",) for path in broken) else tuple(parts.get("attributes", ())),
        None if ("late",) in broken else parts.get("late"),
        _pack_drafts(parts, broken, spoilt),
    )


def _pack_drafts(parts: Written, broken: set[Path], spoilt: set[Path]) -> dict[str, Written | None]:
    packs = {} if ("packs",) in broken else parts.get("packs", {})
    return {name: None if ("packs", name) in spoilt else pack for name, pack in packs.items()}


def _plan_draft(name: str, plan: Written, broken: set[Path], spoilt: set[Path]) -> PlanDraft:
    place: Path = ("plans", name)
    if place in broken:
        return PlanDraft()

    def sound(key: str) -> list[Written | None]:
        whole = [] if (*place, key) in broken else plan.get(key, [])
        return [None if (*place, key, at) in spoilt else part for at, part in enumerate(whole)]

    keys = ("lasts", "then", "refunds", "outage")
    amiss = any(path[:2] == place and path[2:3] in {(key,) for key in keys} for path in broken)
    terms = None if amiss else {key: plan[key] for key in keys if key in plan}
    return PlanDraft(sound("rules"), sound("gives"), terms)


def compile_draft(draft: Draft, findings: Findings) -> Compiled:
    """Features, plans and attributes of a draft; mistakes that its form did not show are added to `findings`."""
    features = {
        name: None if written is None else compile_feature(name, written, findings)
        for name, written in draft.features.items()
    }
    plans = compile_plans(draft.plans, features, findings)
    if draft.default_plan and draft.default_plan not in plans:
        findings.add(("default_plan",), show_value(draft.default_plan), one_of_plans(plans))
    late = LATE if draft.late is None else read_length(draft.late, ("late",), findings, LATE_MAX)

    packs = compile_packs(draft.packs, features, findings)

    known = {name: feature for name, feature in features.items() if feature}
    limits = [limit for plan in plans.values() for rule in plan.rules for limit in rule.limits()]
    priced = _priced(known, plans)
    attributes = sorted(priced | {limit.per for limit in limits} - {"", "subject"} | set(draft.attributes))
    if len(attributes) > ATTRIBUTES_MAX:
        found = f"{len(attributes)} attributes in all ({', '.join(attributes)})"
        findings.add(("attributes",), found, f"at most {ATTRIBUTES_MAX} in attributes, when, only and per together")
    return Compiled(known, plans, draft.default_plan, tuple(attributes), tuple(sorted(priced)), late, packs)


def _priced(features: Mapping[str, Feature], plans: Mapping[str, Plan]) -> set[str]:
    """The attributes that decide who pays how much: those of prices, of `only`, and of what a gift may be spent on."""
    priced = {name for feature in features.values() for row in feature.prices for name, _ in row.when}
    for plan in plans.values():
        for rule in plan.rules:
            priced.update(name for only in (rule.only, *(limit.only for limit in rule.limits())) for name, _ in only)
        priced.update(name for gift in plan.gives for name, _ in gift.scope if name != FEATURE)
    return priced
