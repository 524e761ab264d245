"""Plans: their rules, at most one for a feature, what follows them, and what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from spillover.model.policy import Feature, Plan, Rule
from spillover.policy.findings import Findings, Path, show_path, show_value
from spillover.policy.gifts import GiftReader
from spillover.policy.outage import compile_outage
from spillover.policy.rules import compile_rule
from spillover.policy.windows import read_length

Written = Mapping[str, Any]


class PlanDraft(NamedTuple):
    """The parts of a plan that have the schema's form. None stands for one that is there but has not."""

    rules: Sequence[Written | None] = ()
    gives: Sequence[Written | None] = ()
    terms: Written | None = None
    """`lasts`, `then`, `refunds` and `outage`, as far as they are written."""


def compile_plans(
    drafts: Mapping[str, PlanDraft], features: Mapping[str, Feature | None], findings: Findings
) -> dict[str, Plan]:
    """All plans; mistakes that their form did not show are added to `findings`."""
    plans = {name: _plan(name, draft, features, findings) for name, draft in drafts.items()}
    for name, plan in plans.items():
        if plan.then and plan.then not in plans:
            findings.add(("plans", name, "then"), show_value(plan.then), one_of_plans(plans))
    _refuse_circles(plans, findings)
    return plans


def one_of_plans(plans: Mapping[str, object]) -> str:
    """What is expected where a plan is named."""
    return f"one of the plans {', '.join(plans)}" if len(plans) <= 5 else "a plan that is named under plans"


def _plan(name: str, draft: PlanDraft, features: Mapping[str, Feature | None], findings: Findings) -> Plan:
    path: Path = ("plans", name)
    rules, by_feature = _rules(draft.rules, path, features, findings)
    reader = GiftReader(features, findings)
    gives = tuple(
        reader.compile(gift, (*path, "gives", at), at + 1) for at, gift in enumerate(draft.gives) if gift is not None
    )
    terms = draft.terms
    if terms is None:
        return Plan(name, rules, by_feature, gives=gives)
    lasts = read_length(terms["lasts"], (*path, "lasts"), findings) if "lasts" in terms else 0
    if "lasts" in terms and "then" not in terms:
        findings.add((*path, "lasts"), "lasts without then", "then beside lasts: the plan that follows")
    if "then" in terms and "lasts" not in terms:
        findings.add((*path, "then"), "then without lasts", "then only beside lasts, such as lasts: 14d")
    refunds = terms.get("refunds", {})
    kept = read_length(refunds["expired"], (*path, "refunds", "expired"), findings) if refunds else 0
    admits = compile_outage(terms.get("outage"), by_feature, features, path, findings)
    return Plan(name, rules, by_feature, lasts, terms.get("then", ""), gives, kept, admits)


def _rules(
    written: Sequence[Written | None], plan: Path, features: Mapping[str, Feature | None], findings: Findings
) -> tuple[tuple[Rule, ...], dict[str, Rule]]:
    rules: list[Rule] = []
    by_feature: dict[str, Rule] = {}
    owners: dict[str, Path] = {}
    for at, rule_written in enumerate(written):
        if rule_written is None:
            continue
        path: Path = (*plan, "rules", at)
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
    return tuple(rules), by_feature


def _refuse_circles(plans: Mapping[str, Plan], findings: Findings) -> None:
    """Accounts would go round for ever, and each round is an entry in their books."""
    done: set[str] = set()
    for name in plans:
        way: list[str] = []
        at = name
        while at in plans and at not in done and at not in way:
            way.append(at)
            at = plans[at].then if plans[at].lasts else ""
        if at in way:
            circle = [*way[way.index(at) :], at]
            shown = " -> ".join(circle) if len(circle) <= 6 else f"{' -> '.join(circle[:5])} -> ... -> {at}"
            findings.add(("plans", at, "then"), f"a circle ({shown})", "a last plan, which has no then")
        done.update(way)
