"""What a plan admits while its accounts cannot be decided, because the store cannot be reached."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from spillover.model.policy import Feature, Rule
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.values import exact_credits, whole_amount


def compile_outage(
    written: Mapping[str, Any] | None, rules: Mapping[str, Rule], features: Mapping[str, Feature | None], path: Path,
    findings: Findings,
) -> dict[str, int]:  # fmt: skip
    """Feature -> the most units (micro-credits where its count is cost) that an account is admitted in an outage.

    `path` is the plan's, `rules` its own by feature.
    """
    if written is None:
        return {}
    admits: dict[str, int] = {}
    for name, value in written["admit"].items():
        place: Path = (*path, "outage", "admit", name)
        feature = features.get(name)
        if name not in features:
            findings.add(place, f"the key {show_value(name)}", "a feature that is named under features")
        elif name not in rules:
            findings.add(place, "a feature without a rule in this plan", "a feature that this plan's rules are for")
        elif feature is not None:
            admits[name] = _amount(value, feature, place, findings)
    return admits


def _amount(value: int | str | Decimal, feature: Feature, place: Path, findings: Findings) -> int:
    before = len(findings)
    costs = feature.count == "cost"
    amount = exact_credits(value, place, findings) if costs else whole_amount(value, place, findings, "units")
    if not amount and len(findings) == before:
        findings.add(place, show_value(value), "more than 0; a feature that is left out is closed in an outage")
    return amount
