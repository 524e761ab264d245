"""What is used and what it costs: features with their price rows, in micro-credits and exact fractions of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from spillover.model.policy import Feature, PriceRow
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.values import Only, attribute_value, exact_credits

COMBINATIONS_MAX = 1000
"""Combinations of a rule's `only` values that prices are checked for; beyond it a default row is asked for."""

_PER = {"k": 1000, "M": 1_000_000}


def compile_feature(name: str, written: Mapping[str, Any], findings: Findings) -> Feature:
    """A feature that has the schema's form; mistakes in it are added to `findings`."""
    path: Path = ("features", name)
    if name == "credits":  # its gifted units would stand in the books as if they were money
        findings.add(path, "the name credits", "another name, as credits are what is paid with")
    count = written["count"]
    usual = {"cost": "credit", "requests": "request"}.get(count, count)
    unit = written.get("unit", usual)
    if count == "cost" and unit != usual:
        findings.add((*path, "unit"), show_value(unit), "credit, as this feature is counted by its cost")
    paths = _row_paths(written.get("price"), path)
    rows = tuple(_row(row, at, count, findings) for at, row in paths.items())
    _unreachable(rows, tuple(paths), findings)
    counts = sorted({used for row in rows for used, _, _ in row.rates}) if count == "cost" else [count]
    return Feature(name, unit, count, rows, tuple(counts))


def uncovered(feature: Feature, only: Only) -> str | None:
    """What a request that passes `only` may be so that no price row fits, in words; None where one always fits.

    Where `only` names an attribute twice, a request has to pass both.
    """
    if any(not row.when for row in feature.prices):
        return None
    read = {name for row in feature.prices for name, _ in row.when}
    both: dict[str, tuple[str, ...]] = {}
    for name, values in only:
        if name in read:
            both[name] = tuple(value for value in values if value in both.get(name, values))
    allowed = list(both.items())
    if not feature.prices or not allowed:
        return "no price" if not feature.prices else f"no price for other values of {', '.join(sorted(read))}"
    if prod(len(values) for _, values in allowed) > COMBINATIONS_MAX:
        return f"more than {COMBINATIONS_MAX:,} combinations of values"
    names = [name for name, _ in allowed]
    for values in product(*(values for _, values in allowed)):
        fixed = dict(zip(names, values, strict=True))
        if not any(all(fixed.get(name) == value for name, value in row.when) for row in feature.prices):
            return "no price for " + ", ".join(f"{name}={show_value(value)}" for name, value in fixed.items())
    return None


def _row_paths(price: object, path: Path) -> dict[Path, Mapping[str, Any]]:
    """The rows of a price, which may be a single one, each by its path."""
    if isinstance(price, dict):
        return {(*path, "price"): price}
    if isinstance(price, list):
        return {(*path, "price", index): row for index, row in enumerate(price)}
    return {}


def _row(row: Mapping[str, Any], path: Path, count: str, findings: Findings) -> PriceRow:
    when = tuple(
        (name, attribute_value(value, (*path, "when", name), findings))
        for name, value in sorted(row.get("when", {}).items())
    )
    if count != "cost":
        return PriceRow(when, exact_credits(row["credits"], (*path, "credits"), findings))
    per = int(row["per"][:-1]) * _PER[row["per"][-1]] if isinstance(row["per"], str) else int(row["per"])
    rates = []
    for name in sorted(row.keys() - {"when", "per"}):
        # An amount of credits is whole in micro-credits, so this is the fraction of them for one count.
        rate = Fraction(exact_credits(row[name], (*path, name), findings), per)
        rates.append((name, rate.numerator, rate.denominator))
    if not rates:
        findings.add(path, "no usage count", 'credits for at least one usage count, such as input: "1.25"')
    return PriceRow(when, rates=tuple(rates))


def _unreachable(rows: Sequence[PriceRow], paths: Sequence[Path], findings: Findings) -> None:
    """A row after one that fits whenever it does would never be read."""
    for index, row in enumerate(rows):
        when = set(row.when)
        first = next((at for at, earlier in enumerate(rows[:index]) if when.issuperset(earlier.when)), None)
        if first is not None:
            found = f"a price that is never reached: price[{first}] fits wherever it would"
            findings.add(paths[index], found, "each row before those that fit more, and the default last")
