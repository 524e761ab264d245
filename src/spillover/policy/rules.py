"""A rule of a plan: for which features, who pays in which order, and what bounds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spillover.model.amounts import format_credits
from spillover.model.policy import Feature, Layer, Limit, Rule
from spillover.policy.features import uncovered
from spillover.policy.findings import Findings, Path, show_path, show_value
from spillover.policy.limits import LimitReader, Of
from spillover.policy.values import attribute_value, exact_factor

OWNER_LENGTH_MAX = 128
"""Features joined as the name of a rule's cells; a rule that needs more is to have a name."""

CAP_NAME = "overage_cap"


def compile_rule(
    written: Mapping[str, Any], path: Path, features: Mapping[str, Feature | None], findings: Findings
) -> Rule:
    """A rule that has the schema's form. `features` is None for one that has mistakes of its own."""
    names = tuple(dict.fromkeys(written["for"]))
    known = _known(written["for"], path, features, findings)
    owner = _owner(written, names, path, features, findings)
    costs = {feature.count == "cost" for feature in known}
    if len(costs) > 1:
        found = "features counted by their cost among others"
        findings.add((*path, "for"), found, "a rule for those, and another for the others, as limits count them alike")
    only = tuple(
        (name, tuple(attribute_value(value, (*path, "only", name, at), findings) for at, value in enumerate(values)))
        for name, values in sorted(written.get("only", {}).items())
    )
    reader = LimitReader(owner, True in costs, findings)
    ceilings = _limits(reader, written.get("ceilings", []), (*path, "ceilings"))
    waterfall = _waterfall(reader, written["waterfall"], (*path, "waterfall"), findings)
    spending = _limits(reader, written.get("spending", []), (*path, "spending"), "credits")
    rule = Rule(owner, names, waterfall, ceilings, spending, only)
    for feature in known:
        _check_prices(feature, rule, path, findings)
    return rule


def _known(names: list[str], path: Path, features: Mapping[str, Feature | None], findings: Findings) -> list[Feature]:
    """The features that the rule is for, as far as they are sound."""
    for at, name in enumerate(names):
        if name not in features:
            findings.add((*path, "for", at), show_value(name), "a feature that is named under features")
        elif name in names[:at]:
            findings.add((*path, "for", at), f"{name} twice", "each feature once")
    return [feature for name in dict.fromkeys(names) if (feature := features.get(name)) is not None]


def _owner(
    written: Mapping[str, Any], names: tuple[str, ...], path: Path, features: Mapping[str, Feature | None],
    findings: Findings,
) -> str:  # fmt: skip
    """What the windows of the rule are known by (design, law 12): its name, else its feature, or all of them."""
    name: str = written.get("name", "")
    if name in features and names != (name,):
        findings.add((*path, "name"), f"{name}, which is a feature", "a name that no feature has")
    owner = name or "+".join(sorted(names))
    if len(owner) > OWNER_LENGTH_MAX:
        findings.add((*path, "name"), "nothing", f"a name, as the rule is for {len(names)} features")
        return ""
    return owner


def _limits(reader: LimitReader, written: list[Mapping[str, Any]], path: Path, of: Of = "units") -> tuple[Limit, ...]:
    return tuple(reader.compile(limit, (*path, at), of) for at, limit in enumerate(written))


def _waterfall(
    reader: LimitReader, written: list[Mapping[str, Any]], path: Path, findings: Findings
) -> tuple[Layer, ...]:
    layers: dict[str, Layer] = {}
    for at, layer in enumerate(written):
        source, here = layer["from"], (*path, at)
        if source in layers:
            findings.add((*here, "from"), f"the layer {source} twice", "each layer once")
        layers[source] = Layer(
            source,
            _limits(reader, layer.get("windows", []), (*here, "windows")),
            "consent" in layer,
            exact_factor(layer.get("price_times", 1), (*here, "price_times"), findings),
            reader.compile(layer["cap"], (*here, "cap"), "credits", CAP_NAME) if "cap" in layer else None,
        )
    return tuple(layers.values())


def _check_prices(feature: Feature, rule: Rule, path: Path, findings: Findings) -> None:
    """Where credits or a cost are computed a price must always fit, and what a unit costs must be whole (law 8)."""
    paid = [layer for layer in rule.waterfall if layer.source in ("credits", "overage")]
    if not paid and feature.count != "cost":
        return
    missing = uncovered(feature, rule.only)
    if missing:
        why = f"as {show_path(path)} is paid by {paid[0].source}" if paid else "as it is counted by its cost"
        expected = f"a price that always fits (a row without when), {why}"
        findings.add(("features", feature.name, "price"), missing, expected)
    for at, layer in enumerate(rule.waterfall):
        numerator, denominator = layer.factor
        odd = next((row for row in feature.prices if row.unit_price * numerator % denominator), None)
        if odd:
            found = f"a factor that makes {format_credits(odd.unit_price)} credits a part of a micro-credit"
            expected = f"a factor by which a unit of {feature.name} costs whole micro-credits"
            findings.add((*path, "waterfall", at, "price_times"), found, expected)
