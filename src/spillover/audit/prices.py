"""Rating once more: what a usage amounts to in units and micro-credits, by the policy's own document (invariant 12)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any

MICRO = 1_000_000
_MANY = {"k": 1000, "M": 1_000_000}

Times = tuple[int, int]
"""A factor on a price: numerator, denominator."""
PLAIN: Times = (1, 1)
"""No factor at all: the very object, so that it is quick to tell."""


class Row:
    """One row of a price: for which attributes, and either so much a unit, or weights of the counts over a divisor."""

    __slots__ = ("divisor", "unit", "weights", "when")

    def __init__(self, written: Mapping[str, Any], costs: bool) -> None:
        self.when = [(name, text_of(value)) for name, value in written.get("when", {}).items()]
        self.unit, self.divisor = 1, 1
        self.weights: list[tuple[str, int]] = []
        if not costs:
            self.unit = micro_credits(written["credits"])
            return
        per = written["per"]
        per = int(per[:-1]) * _MANY[per[-1]] if isinstance(per, str) else int(per)
        rates = {
            name: Fraction(micro_credits(value), per) for name, value in written.items() if name not in ("when", "per")
        }
        self.divisor = lcm(*(rate.denominator for rate in rates.values()))
        self.weights = [(name, int(rate * self.divisor)) for name, rate in rates.items()]


class Feature:
    """How a feature is counted and priced."""

    __slots__ = ("count", "counts", "name", "plain", "rows")

    def __init__(self, name: str, written: Mapping[str, Any]) -> None:
        self.name = name
        self.count: str = written["count"]
        price = written.get("price", [])
        rows = [price] if isinstance(price, dict) else price
        self.rows = [Row(row, self.count == "cost") for row in rows]
        # Most features have one price for everyone: then no attribute needs to be looked at.
        self.plain = self.rows[0] if self.rows and not self.rows[0].when else None
        weighed = frozenset(name for row in self.rows for name, _ in row.weights)
        self.counts = weighed if self.count == "cost" else frozenset([self.count])

    def row_for(self, attributes: Mapping[str, str]) -> Row | None:
        """The first row whose conditions all hold."""
        for row in self.rows:
            if all(attributes.get(name) == value for name, value in row.when):
                return row
        return None

    def rate(self, usage: Mapping[str, int], attributes: Mapping[str, str]) -> tuple[int, int | None]:
        """Whole units of a usage, and micro-credits for one of them; None where no row fits."""
        row = self.plain or self.row_for(attributes)
        if self.count == "cost":
            if row is None:
                return 0, None
            total = 0
            for name, weight in row.weights:
                total += usage.get(name, 0) * weight
            return (2 * total + row.divisor) // (2 * row.divisor), 1
        units = usage.get(self.count, 1 if self.count == "requests" else 0)
        return units, None if row is None else row.unit


def micro_credits(value: int | str | Decimal) -> int:
    """Credits as written, in micro-credits. Raises ValueError where they are not whole."""
    micro = Fraction(value) * MICRO
    if micro.denominator != 1:
        raise ValueError(f"{value} credits are no whole number of micro-credits")
    return micro.numerator


def text_of(value: object) -> str:
    """A value of the document as attributes are compared with it: 8 -> "8", true -> "true", 1.50 -> "1.50"."""
    if value is True or value is False:
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def charge(units: int, price: int, times: Times) -> int:
    """Micro-credits for units at a price times a factor, a half rounded up."""
    over, under = times
    return (2 * units * price * over + under) // (2 * under)


def units_for(room: int, price: int, times: Times) -> int:
    """The most units that cost no more than `room`; price and factor are above 0."""
    if room < 0:
        return 0
    over, under = times
    # charge(u) <= room means that u * price * factor lies below room + 1/2.
    return ((2 * room + 1) * under - 1) // (2 * price * over)
