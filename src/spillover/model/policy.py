"""The policy as the rules see it: immutable, checked, with amounts in micro-credits and cells already named."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import force_setattr

WindowKind = Literal["session", "fixed", "calendar", "refill", "ever"]
Source = Literal["allowance", "units", "credits", "overage"]


class Window(Struct, frozen=True):
    """Over which time a limit counts. Which fields hold depends on `kind`; times in milliseconds.

    session: opens at first use, lasts `length`. fixed: periods of `length`, or of one month, from `anchor`
    (None: the account's own billing instant). calendar: the `unit` of the clock in `zone` ("account": the
    account's own). refill: a token bucket, full again after `length`. ever: never resets.
    """

    kind: WindowKind
    length: int = 0
    unit: Literal["", "hour", "day", "week", "month"] = ""
    zone: str = ""
    anchor: int | None = None
    label: str = ""  # as the policy wrote the period, "5h" or "month": part of the cell's name (law 12)


class Limit(Struct, frozen=True):
    """One limit of any use: at most `max` of `of` within `window`, per `per`.

    `max` is in units of the feature, requests, or micro-credits, by `of`. `cell` is the stem of the names of its
    cells. A bucket spaces its units by `spacing` ticks, `ticks` of them in a millisecond (design, section 5).
    """

    name: str
    max: int
    window: Window
    cell: str
    of: Literal["units", "requests", "credits"] = "units"
    per: str = ""  # "", "subject", or an attribute
    when_missing: Literal["deny", "skip"] = "deny"
    spacing: int = 0
    ticks: int = 0


class Layer(Struct, frozen=True):
    """One source of a waterfall. `windows` for an allowance; `consent`: the customer may switch it off;
    `factor` (numerator, denominator) on the unit price and `cap` on micro-credits for overage."""

    source: Source
    windows: tuple[Limit, ...] = ()
    consent: bool = False
    factor: tuple[int, int] = (1, 1)
    cap: Limit | None = None


class Rule(Struct, frozen=True):
    """What a plan says of some features. `owner` names the cells' owner: the feature, or the shared rule.

    `needs` is derived: the attributes without which a request is denied, because a limit counts per their values.
    """

    owner: str
    features: tuple[str, ...]
    waterfall: tuple[Layer, ...]
    ceilings: tuple[Limit, ...] = ()
    spending: tuple[Limit, ...] = ()
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        needs = (limit.per for limit in self.limits() if limit.when_missing == "deny")
        force_setattr(self, "needs", tuple(dict.fromkeys(per for per in needs if per not in ("", "subject"))))

    def limits(self) -> tuple[Limit, ...]:
        """Every limit of the rule: ceilings, windows of allowances, spending limits, caps of overage."""
        windows = tuple(limit for layer in self.waterfall for limit in layer.windows)
        caps = tuple(layer.cap for layer in self.waterfall if layer.cap)
        return self.ceilings + windows + self.spending + caps


class PriceRow(Struct, frozen=True):
    """Credits for usage where all of `when` fits. `unit_price` micro-credits a unit, or, for a feature that is
    counted by its cost, `rates`: per count an exact fraction of micro-credits (numerator, denominator)."""

    when: tuple[tuple[str, str], ...] = ()
    unit_price: int = 0
    rates: tuple[tuple[str, int, int], ...] = ()


class Feature(Struct, frozen=True):
    """What is used, what it is counted in (`count`: "requests", "cost", or a usage name) and what it costs."""

    name: str
    unit: str
    count: str
    prices: tuple[PriceRow, ...] = ()
    usage_names: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """The rules that an account has by its plan; at most one rule for a feature."""

    name: str
    rules: tuple[Rule, ...]
    by_feature: dict[str, Rule]


class Policy(Struct, frozen=True):
    """The whole configuration, identified by `hash`, the SHA-256 of its canonical document.

    `attributes` are all declared names; `priced` those that prices or `only` read, which are kept as given.
    """

    hash: str
    features: dict[str, Feature]
    plans: dict[str, Plan]
    default_plan: str = ""
    attributes: tuple[str, ...] = ()
    priced: tuple[str, ...] = ()
    document: str = ""  # canonical JSON, from which the same policy can be read again
