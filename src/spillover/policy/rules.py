"""A rule of a plan: for which features, who pays in which order, and what bounds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spillover.model.policy import Counted, Feature, Layer, Limit, Rule
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.holds import compile_hold
from spillover.policy.limits import LimitReader
from spillover.policy.prices import check_prices
from spillover.policy.values import attribute_values, exact_factor

OWNER_LENGTH_MAX = 128
"""Features joined as the name of a rule's cells; a rule that needs more is to have a name."""

CAP_NAME = "overage_cap"
OVERSHOOT_NAME = "overshoot"


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
    only = attribute_values(written.get("only", {}), (*path, "only"), findings)
    reader = LimitReader(owner, known, findings)
    ceilings = _limits(reader, written.get("ceilings", []), (*path, "ceilings"))
    waterfall = _waterfall(reader, written["waterfall"], (*path, "waterfall"), findings)
    spending = _limits(reader, written.get("spending", []), (*path, "spending"), "credits")
    hold = compile_hold(written.get("hold", {}), (*path, "hold"), known, findings)
    forgiven = written.get("overshoot")
    overshoot = reader.compile(forgiven, (*path, "overshoot"), "credits", OVERSHOOT_NAME) if forgiven else None
    rule = Rule(owner, names, waterfall, ceilings, spending, only, hold, overshoot)
    for feature in known:
        check_prices(feature, rule, path, findings)
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


def _limits(
    reader: LimitReader, written: list[Mapping[str, Any]], path: Path, of: Counted = "units"
) -> tuple[Limit, ...]:
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
