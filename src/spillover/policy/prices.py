"""Where a rule needs prices: for who pays in credits, for what is counted in them, and for a cost at all."""

from __future__ import annotations

from collections.abc import Iterator

from spillover.model.amounts import format_credits
from spillover.model.policy import Feature, Rule
from spillover.policy.features import uncovered
from spillover.policy.findings import Findings, Path, show_path
from spillover.policy.values import Only


def check_prices(feature: Feature, rule: Rule, path: Path, findings: Findings) -> None:
    """Where credits or a cost are computed a price must always fit, and what a unit costs must be whole (law 8)."""
    for only, why in _needs(feature, rule, path):
        missing = uncovered(feature, rule.only + only)
        if missing:
            expected = f"a price that always fits (a row without when), as {why}"
            findings.add(("features", feature.name, "price"), missing, expected)
            break
    for at, layer in enumerate(rule.waterfall):
        numerator, denominator = layer.factor
        odd = next((row for row in feature.prices if row.unit_price * numerator % denominator), None)
        if odd:
            found = f"a factor that makes {format_credits(odd.unit_price)} credits a part of a micro-credit"
            expected = f"a factor by which a unit of {feature.name} costs whole micro-credits"
            findings.add((*path, "waterfall", at, "price_times"), found, expected)


def _needs(feature: Feature, rule: Rule, path: Path) -> Iterator[tuple[Only, str]]:
    """What needs a price: for which requests of the rule, and why."""
    for layer in rule.waterfall:
        if layer.source in ("credits", "overage"):
            yield (), f"{show_path(path)} is paid by {layer.source}"
    if feature.count == "cost":
        yield (), "it is counted by its cost"
    # A limit that is not for a request never asks what it would cost.
    windows = tuple(limit for layer in rule.waterfall for limit in layer.windows)
    for limit in rule.ceilings + windows:
        if limit.of == "credits":
            yield limit.only, f"the limit {limit.name} of {show_path(path)} counts credits"
