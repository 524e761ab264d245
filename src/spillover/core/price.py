"""What usage amounts to: units of the feature, and micro-credits for a unit (design, law 8)."""

from __future__ import annotations

from collections.abc import Mapping

from spillover.model.policy import Feature, PriceRow


def fitting_row(feature: Feature, attributes: Mapping[str, str]) -> PriceRow | None:
    """The first price row of which every `when` fits; a row without `when` fits all. None: the policy has none."""
    for row in feature.prices:
        if all(attributes.get(name) == value for name, value in row.when):
            return row
    return None


def measure(feature: Feature, usage: Mapping[str, int], row: PriceRow | None) -> int:
    """Whole units of a usage. A feature counted by its cost is computed exactly, then rounded once, half up."""
    if feature.count != "cost":
        return usage.get(feature.count, 1 if feature.count == "requests" else 0)
    if row is None:
        return 0
    total, common = 0, 1
    for count, numerator, denominator in row.rates:
        used = usage.get(count, 0)
        if used:
            total = total * denominator + used * numerator * common
            common *= denominator
    return (2 * total + common) // (2 * common)


def charged(units: int, price: int, factor: tuple[int, int]) -> int:
    """Micro-credits for units at a price times a factor, rounded half up once for the leg."""
    numerator, denominator = factor
    return (2 * units * price * numerator + denominator) // (2 * denominator)


def affordable(room: int, price: int, factor: tuple[int, int]) -> int:
    """The most units whose charge is at most `room`: the inverse of `charged`, for a price above 0."""
    if room < 0:
        return 0
    numerator, denominator = factor
    return (2 * denominator * (room + 1) - denominator - 1) // (2 * price * numerator)
