"""What documents are made of: amounts of credits and units, instants, and the words that describe a field.

An amount of credits stands twice: `credits`, a decimal as text, and `micro_credits`, a whole number. What is counted in
units of a feature is `units`; for a feature that is counted by its cost these are credits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from spillover.core.instants import to_instant, to_moment
from spillover.model.account import NEVER
from spillover.model.amounts import format_credits
from spillover.model.policy import Policy

KEPT = 4096
"""Amounts and seconds whose text is kept: prices and round sums come again and again."""
NO_NAMES: Mapping[str, str] = {}
"""Token -> name, where nobody asks for the names of people."""


def said(text: str, *examples: object, **schema: object) -> Meta:
    """What the JSON Schema says of a field."""
    return Meta(description=text, examples=list(examples) or None, extra_json_schema=schema or None)


Instant = Annotated[str, said("ISO 8601, UTC, to the millisecond", "2026-03-01T09:30:00.000Z", format="date-time")]
CreditText = Annotated[str, said("Credits, exact, as a decimal number", "12.5")]
Micro = Annotated[int, said("The same in millionths of a credit", 12_500_000)]


class Credits(Struct, frozen=True, gc=False):
    """An amount of credits."""

    credits: CreditText
    micro_credits: Micro


class Amount(Struct, frozen=True, gc=False, kw_only=True):
    """An amount: either credits, in both forms, or units of a feature."""

    credits: CreditText | UnsetType = UNSET
    micro_credits: Micro | UnsetType = UNSET
    units: Annotated[int, said("Units of the feature", 20)] | UnsetType = UNSET

    @property
    def value(self) -> int:
        """Micro-credits or units."""
        return self.micro_credits or 0 if self.units is UNSET else self.units


class Quantity(Amount, frozen=True, gc=False, kw_only=True):
    """What a limit or a blocker counts: credits, units, a plain count (of requests, say), or milliseconds."""

    count: Annotated[int, said("Of what the limit counts: requests, open holds, subjects, a usage count", 3)] | (
        UnsetType
    ) = UNSET
    milliseconds: Annotated[int, said("How late a request came", 1500)] | UnsetType = UNSET

    @property
    def value(self) -> int:
        """The one number that is given; micro-credits of credits."""
        for one in (self.count, self.milliseconds):
            if one is not UNSET:
                return one
        return super().value


@lru_cache(maxsize=KEPT)
def credits_of(micro: int) -> Credits:
    """An amount of credits."""
    return Credits(format_credits(micro), micro)


def fields_of(money: bool, amount: int) -> dict[str, Any]:
    """An amount as fields of a struct: of credits, or of units."""
    if not money:
        return {"units": amount}
    found = credits_of(amount)
    return {"credits": found.credits, "micro_credits": amount}


def amount_of(money: bool, amount: int) -> Amount:
    """An amount of credits, or of units."""
    return Amount(**fields_of(money, amount)) if money else Amount(units=amount)


def is_money(policy: Policy, measure: str) -> bool:
    """Whether amounts in a measure ("credits", or a feature) are micro-credits."""
    feature = policy.features.get(measure)
    return measure == "credits" or (feature is not None and feature.count == "cost")


def amount_in(policy: Policy, measure: str, amount: int) -> Amount:
    """An amount in a measure: credits, or units of a feature."""
    return amount_of(is_money(policy, measure), amount)


def instant_of(instant: int | None) -> str | None:
    """An instant; none for never."""
    if instant is None or instant >= NEVER:
        return None
    return text_of(instant)


def text_of(instant: int) -> str:
    """An instant that is one."""
    seconds, rest = divmod(instant, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=KEPT)
def _second(seconds: int) -> str:
    return to_moment(seconds * 1000).isoformat(timespec="seconds").removesuffix("+00:00")


def instant_in(text: str) -> int:
    """The milliseconds since 1970 that a text tells."""
    return to_instant(datetime.fromisoformat(text))


def read_instant(text: str | None, absent: int = NEVER) -> int:
    """The same; `absent` where there is none."""
    return absent if text is None else instant_in(text)


def maybe_instant(text: str | None) -> int | None:
    """The same; None where there is none."""
    return None if text is None else instant_in(text)
