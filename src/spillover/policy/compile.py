"""The sound parts of a document into features and plans; what its form cannot show is checked on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from spillover.model.policy import Feature, Plan, Rule
from spillover.policy.features import compile_feature
from spillover.policy.findings import Findings, Json, Path, show_path, show_value
from spillover.policy.rules import compile_rule

ATTRIBUTES_MAX = 16
"""Names of attributes that a policy may declare (design, law 14)."""

Written = Mapping[str, Any]


class Draft(NamedTuple):
    """The parts of a document that have the schema's form. None stands for one that is there but has not."""

    features: dict[str, Written | None]
    plans: dict[str, list[Written | None]]
    default_plan: str
    attributes: tuple[str, ...]


class Compiled(NamedTuple):
    """What a policy is made of; meaningful only if no mistake was found."""

    features: dict[str, Feature]
    plans: dict[str, Plan]
    default_plan: str
    attributes: tuple[str, ...]
    priced: tuple[str, ...]


def sound_parts(document: Json, mistaken: Iterable[Path]) -> Draft | None:
    """What of a document can be compiled although it has mistakes at some paths; None if too little is left.

    Without this, one key misspelt would hide every mistake of another kind until it is mended.
    """
    broken = set(mistaken)
    if not isinstance(document, dict) or broken & {(), ("features",), ("plans",)}:
        return None
    spoilt = {path[:2] for path in broken} | {path[:4] for path in broken}
    parts: Written = document
    plans: dict[str, list[Written | None]] = {}
    for name, plan in parts["plans"].items():
        place = ("plans", name)
        unusable = place in broken or (*place, "rules") in broken
        rules = [] if unusable else plan["rules"]
        plans[name] = [None if (*place, "rules", at) in spoilt else rule for at, rule in enumerate(rules)]
    return Draft(
        {name: None if ("features", name) in spoilt else feature for name, feature in parts["features"].items()},
        plans,
        "" if ("default_plan",) in broken else parts.get("default_plan", ""),
        () if any(path[:1] == ("attributes",) for path in broken) else tuple(parts.get("attributes", ())),
    )


def compile_draft(draft: Draft, findings: Findings) -> Compiled:
    """Features, plans and attributes of a draft; mistakes that its form did not show are added to `findings`."""
    features = {
        name: None if written is None else compile_feature(name, written, findings)
        for name, written in draft.features.items()
    }
    plans = {name: _plan(name, rules, features, findings) for name, rules in draft.plans.items()}
    if draft.default_plan and draft.default_plan not in plans:
        expected = f"one of the plans {', '.join(plans)}" if len(plans) <= 5 else "a plan that is named under plans"
        findings.add(("default_plan",), show_value(draft.default_plan), expected)

    known = {name: feature for name, feature in features.items() if feature}
    rules = [rule for plan in plans.values() for rule in plan.rules]
    priced = {name for feature in known.values() for row in feature.prices for name, _ in row.when}
    priced.update(name for rule in rules for name, _ in rule.only)
    scopes = {limit.per for rule in rules for limit in rule.limits()} - {"", "subject"}
    attributes = sorted(priced | scopes | set(draft.attributes))
    if len(attributes) > ATTRIBUTES_MAX:
        found = f"{len(attributes)} attributes in all ({', '.join(attributes)})"
        findings.add(("attributes",), found, f"at most {ATTRIBUTES_MAX} in attributes, when, only and per together")
    return Compiled(known, plans, draft.default_plan, tuple(attributes), tuple(sorted(priced)))


def _plan(
    name: str, written: Sequence[Written | None], features: Mapping[str, Feature | None], findings: Findings
) -> Plan:
    rules: list[Rule] = []
    by_feature: dict[str, Rule] = {}
    owners: dict[str, Path] = {}
    for at, rule_written in enumerate(written):
        if rule_written is None:
            continue
        path: Path = ("plans", name, "rules", at)
        rule = compile_rule(rule_written, path, features, findings)
        rules.append(rule)
        for feature in rule.features:
            if feature in by_feature:
                place = (*path, "for", rule_written["for"].index(feature))
                findings.add(place, f"{feature} in a second rule of this plan", "one rule for a feature in a plan")
            by_feature.setdefault(feature, rule)
        if "name" in rule_written and rule.owner in owners:
            found = f"{rule.owner}, which is also the name of {show_path(owners[rule.owner])}"
            findings.add((*path, "name"), found, "a name of its own for each rule of a plan")
        owners.setdefault(rule.owner, path)
    return Plan(name, tuple(rules), by_feature)
