"""Money as Stripe counts it: whole numbers of a currency's minor unit, exact, and as text "9.00 EUR".

From its public list of currencies: most have two decimals, some none, some three. ISK and UGX have no smaller coins any
more and are still counted in hundredths, of which only whole hundreds can be charged; of the currencies with three
decimals the last digit must be 0.
"""

from __future__ import annotations

import re
from fractions import Fraction

from spillover.model.errors import InvalidInput, shown

NONE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
THREE = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
WHOLE = frozenset({"ISK", "UGX"})
_shape = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ([A-Z]{3})").fullmatch


def decimals(currency: str) -> int:
    """How many decimals the currency's minor unit stands for."""
    return 0 if currency in NONE else 3 if currency in THREE else 2


def step(currency: str) -> int:
    """Of how many minor units every amount that can be charged is a multiple."""
    return 100 if currency in WHOLE else 10 if currency in THREE else 1


def told(minor: int, currency: str) -> str:
    """So many minor units as text, "9.00 EUR"."""
    sign, places, minor = "-" if minor < 0 else "", decimals(currency), abs(minor)
    if not places:
        return f"{sign}{minor} {currency}"
    return f"{sign}{minor // 10**places}.{minor % 10**places:0{places}d} {currency}"


def read(field: str, value: object) -> tuple[Fraction, str]:
    """Money as text, "9.00 EUR": how many of the whole unit, exact, and the currency. Raises InvalidInput."""
    found = _shape(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidInput(field, shown(value), 'an amount and a currency, such as "9.00 EUR"')
    return Fraction(found[1]), found[2]


def minor(field: str, value: object) -> tuple[int, str]:
    """Money as text in minor units, and the currency. Raises InvalidInput for what cannot be charged."""
    amount, currency = read(field, value)
    units = amount * 10 ** decimals(currency)
    if units.denominator != 1 or units.numerator % step(currency):
        smallest = told(step(currency), currency)
        raise InvalidInput(field, shown(value), f"a multiple of {smallest}: nothing smaller can be charged")
    return units.numerator, currency


def rounded(exact: Fraction, currency: str) -> int:
    """Minor units, rounded once, half up, to what can be charged."""
    coin = step(currency)
    return ((2 * exact + coin) // (2 * coin)) * coin
