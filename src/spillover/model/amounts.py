"""Amounts are integers: units are units, credits are micro-credits. No float ever touches one (design, section 2)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction

from spillover.model.errors import InvalidInput, shown

MICRO = 1_000_000
"""Micro-credits in one credit."""

AMOUNT_MAX = 2**53 - 1
"""The largest amount or sum, in any unit: beyond it JSON readers and Lua round silently."""


def parse_credits(value: str | int | Decimal, *, field: str = "credits") -> int:
    """Micro-credits for an amount of credits, given as a string, an integer or a decimal.

    Raises InvalidInput for floats, for more than six decimals, and outside 0 .. 2^53 - 1 micro-credits.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise InvalidInput(field, shown(value), 'credits as a string or a decimal, such as "12.50", never a float')
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidInput(field, shown(value), 'a decimal number, such as "12.50"') from None
    # Far outside the range a fraction would be huge before it could be compared.
    if not number.is_finite() or abs(number.adjusted()) > 1000:
        raise InvalidInput(field, shown(value), "an amount from 0 to 9,007,199,254 credits with at most six decimals")
    micro = Fraction(number) * MICRO
    if micro.denominator != 1:
        raise InvalidInput(field, shown(value), "a number with at most six decimals")
    if not 0 <= micro <= AMOUNT_MAX:
        raise InvalidInput(field, shown(value), "an amount from 0 to 9,007,199,254 credits")
    return int(micro)


def format_credits(micro: int) -> str:
    """Micro-credits as the shortest decimal number of credits: 2500000 -> "2.5"."""
    sign, whole, rest = "-" if micro < 0 else "", abs(micro) // MICRO, abs(micro) % MICRO
    return f"{sign}{whole}.{rest:06d}".rstrip("0") if rest else f"{sign}{whole}"
