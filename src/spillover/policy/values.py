"""Single values of a document as the policy keeps them: amounts as integers, exactly, and attributes as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from spillover.model.amounts import AMOUNT_MAX, MICRO
from spillover.policy.findings import Findings, Path, as_text, show_value

VALUE_BYTES_MAX = 64
"""The longest value of an attribute, in UTF-8 (design, law 14)."""

FACTOR_MAX = 1000
"""The largest factor on a price."""

Only = tuple[tuple[str, tuple[str, ...]], ...]
"""Attributes and the values of each that fit, as the model has them."""


def exact_credits(value: int | str | Decimal, path: Path, findings: Findings) -> int:
    """Micro-credits for credits; a mistake where they are not whole or too many. Exact for any number of digits."""
    micro = Fraction(value) * MICRO
    if micro.denominator != 1 or not 0 <= micro <= AMOUNT_MAX:
        findings.add(path, show_value(value), "credits from 0 to 9,007,199,254 with at most six decimals")
        return 0
    return int(micro)


def whole_amount(value: int | str | Decimal, path: Path, findings: Findings, what: str) -> int:
    """A whole number from 0 to 2^53 - 1; a mistake where it is none. `what` is counted: "units", "open holds"."""
    if not isinstance(value, int) or not 0 <= value <= AMOUNT_MAX:
        expected = f"a whole number from 0 to 9,007,199,254,740,991, as {what} are counted here"
        findings.add(path, show_value(value), expected)
        return 0
    return value


def exact_factor(value: int | str | Decimal, path: Path, findings: Findings) -> tuple[int, int]:
    """A factor on a price as a reduced fraction: "1.20" is 6/5."""
    factor = Fraction(value)
    if (factor * MICRO).denominator != 1 or not 0 < factor <= FACTOR_MAX:
        findings.add(path, show_value(value), "a factor above 0 and at most 1,000 with at most six decimals")
        return 1, 1
    return factor.numerator, factor.denominator


def attribute_values(written: Mapping[str, Sequence[object]], path: Path, findings: Findings) -> Only:
    """What `only` says: each attribute, by name, with the values that fit."""
    return tuple(
        (name, tuple(attribute_value(value, (*path, name, at), findings) for at, value in enumerate(values)))
        for name, values in sorted(written.items())
    )


def attribute_value(value: object, path: Path, findings: Findings) -> str:
    """A value of an attribute as the text that it is compared by."""
    text = as_text(value)
    if len(text.encode()) > VALUE_BYTES_MAX:
        findings.add(path, show_value(value), f"a value of at most {VALUE_BYTES_MAX} bytes")
    return text
