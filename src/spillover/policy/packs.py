"""What is sold: packs of credits or of a feature's units, each with its price in money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from spillover.model.policy import Feature, Pack
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.gifts import PRIORITY
from spillover.policy.values import exact_credits, whole_amount
from spillover.policy.windows import read_length


def compile_packs(
    written: Mapping[str, Mapping[str, Any] | None], features: Mapping[str, Feature | None], findings: Findings
) -> dict[str, Pack]:
    """The packs that have the schema's form (None for others); `features` is None for one with mistakes of its own."""
    return {
        name: _pack(name, pack, features, ("packs", name), findings)
        for name, pack in written.items()
        if pack is not None
    }


def _pack(
    name: str, written: Mapping[str, Any], features: Mapping[str, Feature | None], path: Path, findings: Findings
) -> Pack:
    measure, amount = _given(written, features, path, findings)
    price, _, currency = written["price"].partition(" ")
    if not Decimal(price):
        findings.add((*path, "price"), show_value(written["price"]), "more than 0; what costs nothing is a gift")
    return Pack(
        name, measure, amount, price, currency,
        read_length(written["expires"], (*path, "expires"), findings) if "expires" in written else 0,
        int(written.get("priority", PRIORITY)),
        written.get("kind", "paid") == "promotional",
    )  # fmt: skip


def _given(
    written: Mapping[str, Any], features: Mapping[str, Feature | None], path: Path, findings: Findings
) -> tuple[str, int]:
    """The measure of the lot and its amount."""
    if ("credits" in written) == ("units" in written):
        found = "credits and units" if "units" in written else "neither credits nor units"
        findings.add(path, found, "credits, or units with of")
        return "credits", 0
    if "credits" in written:
        if "of" in written:
            findings.add((*path, "of"), "of beside credits", "of only beside units")
        return "credits", _amount(written["credits"], (*path, "credits"), findings, costs=True)
    if "of" not in written:
        findings.add((*path, "of"), "nothing", "the feature that the units are of")
        return "credits", 0
    name: str = written["of"]
    if name not in features:
        findings.add((*path, "of"), show_value(name), "a feature that is named under features")
        return name, 0
    feature = features[name]
    if feature is None:
        return name, 0
    return name, _amount(written["units"], (*path, "units"), findings, costs=feature.count == "cost")


def _amount(value: int | str | Decimal, place: Path, findings: Findings, *, costs: bool) -> int:
    """Micro-credits or units, above 0."""
    before = len(findings)
    amount = exact_credits(value, place, findings) if costs else whole_amount(value, place, findings, "units")
    if not amount and len(findings) == before:
        findings.add(place, show_value(value), "more than 0")
    return amount
