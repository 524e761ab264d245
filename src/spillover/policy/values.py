"""Single values of a document as the policy keeps them: amounts as integers, exactly, and attributes as text."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from spillover.model.amounts import AMOUNT_MAX, MICRO
from spillover.policy.findings import Findings, Path, as_text, show_value

VALUE_BYTES_MAX = 64
"""The longest value of an attribute, in UTF-8 (design, law 14)."""

FACTOR_MAX = 1000
"""The largest factor on a price."""


def exact_credits(value: int | str | Decimal, path: Path, findings: Findings) -> int:
    """Micro-credits for credits; a mistake where they are not whole or too many. Exact for any number of digits."""
    micro = Fraction(value) * MICRO
    if micro.denominator != 1 or not 0 <= micro <= AMOUNT_MAX:
        findings.add(path, show_value(value), "credits from 0 to 9,007,199,254 with at most six decimals")
        return 0
    return int(micro)


def exact_factor(value: int | str | Decimal, path: Path, findings: Findings) -> tuple[int, int]:
    """A factor on a price as a reduced fraction: "1.20" is 6/5."""
    factor = Fraction(value)
    if (factor * MICRO).denominator != 1 or not 0 < factor <= FACTOR_MAX:
        findings.add(path, show_value(value), "a factor above 0 and at most 1,000 with at most six decimals")
        return 1, 1
    return factor.numerator, factor.denominator


def attribute_value(value: object, path: Path, findings: Findings) -> str:
    """A value of an attribute as the text that it is compared by."""
    text = as_text(value)
    if len(text.encode()) > VALUE_BYTES_MAX:
        findings.add(path, show_value(value), f"a value of at most {VALUE_BYTES_MAX} bytes")
    return text
