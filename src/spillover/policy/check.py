"""What is worth knowing of a policy that has no mistakes: `spillover policy check` prints it as notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from spillover.model.policy import Limit, Policy, Rule
from spillover.policy.findings import show_path


class Note(NamedTuple):
    """Something that is allowed, but may not be what was meant: where, and what it does."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def check_policy(policy: Policy) -> list[Note]:
    """Notes on a policy, in the order of its plans, then of its features."""
    notes = []
    for plan in policy.plans.values():
        for at, rule in enumerate(plan.rules):
            path = show_path(("plans", plan.name, "rules", at))
            notes += [Note(path, text) for text in _of_rule(rule)]
    used = {feature for plan in policy.plans.values() for feature in plan.by_feature}
    for feature, facts in policy.features.items():
        if facts.count == "request":
            notes.append(
                Note(show_path(("features", feature, "count")), "counts a usage named request; requests perhaps")
            )
        if feature not in used:
            notes.append(Note(show_path(("features", feature)), "no plan has a rule for it, so all plans deny it"))
    return notes


def _of_rule(rule: Rule) -> Iterator[str]:
    if not any(layer.source in ("credits", "overage") for layer in rule.waterfall):
        yield "no paid layer (credits, overage): what allowance and units do not cover is denied"
        if rule.spending:
            yield "spending limits without a paid layer bound nothing"
    if any(layer.source == "overage" and layer.cap is None for layer in rule.waterfall):
        yield "overage without a cap: what an account may owe is bounded by spending limits only"
    for layer in rule.waterfall:
        skipped = [limit.per for limit in layer.windows if limit.when_missing == "skip"]
        if skipped and len(skipped) == len(layer.windows):
            yield f"the allowance is without bound for a request without {' and '.join(sorted(set(skipped)))}"
    if "+" in rule.owner:
        yield "several features without a name: windows start empty when a feature is added; give the rule a name"
    for limit in rule.limits():
        if limit.window.kind == "refill" and limit.spacing * limit.max != limit.window.length * limit.ticks:
            yield f"bucket {limit.name}: rounded, {_slower(limit)} slower than written"


def _slower(limit: Limit) -> str:
    written = limit.window.length * limit.ticks
    return f"{(limit.spacing * limit.max - written) * 100 / written:.4f} %"
