"""The policy as the rules see it: immutable, checked, with amounts in micro-credits and cells already named."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import force_setattr

WindowKind = Literal["session", "fixed", "calendar", "sliding", "refill", "ever"]
Counted = Literal["units", "requests", "credits", "open_holds", "subjects", "usage"]
Source = Literal["allowance", "units", "credits", "overage"]


class Window(Struct, frozen=True):
    """Over which time a limit counts. Which fields hold depends on `kind`; times in milliseconds.

    session: opens at first use, lasts `length`. fixed: periods of `length`, or of one month, from `anchor`
    (None: the account's own billing instant). calendar: the `unit` of the clock in `zone` ("account": the
    account's own). sliding: any interval of `length`, to within one of `slots` parts of it. refill: a token bucket,
    full again after `length`. ever: never resets.
    """

    kind: WindowKind
    length: int = 0
    unit: Literal["", "hour", "day", "week", "month"] = ""
    zone: str = ""
    anchor: int | None = None
    slots: int = 0
    label: str = ""  # as the policy wrote the period, "5h" or "month": part of the cell's name (law 12)


class Limit(Struct, frozen=True):
    """One limit of any use: at most `max` of `of` within `window`, per `per`, for requests that fit `only`.

    `max` is in units of the feature, requests, micro-credits, open holds, distinct subjects, or the usage that `counts`
    names, by `of`. `title` is what law 12 and `limits.set` know it by, "OWNER/NAME"; `cell` is the stem of the names of
    its cells. A bucket spaces its units by `spacing` ticks, `ticks` of them in a millisecond (design, section 5).
    """

    name: str
    max: int
    window: Window
    cell: str
    of: Counted = "units"
    per: str = ""  # "", "subject", or an attribute
    when_missing: Literal["deny", "skip"] = "deny"
    spacing: int = 0
    ticks: int = 0
    counts: str = ""
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    title: str = ""


class Layer(Struct, frozen=True):
    """One source of a waterfall. `windows` for an allowance; `consent`: the customer may switch it off;
    `factor` (numerator, denominator) on the unit price and `cap` on micro-credits for overage."""

    source: Source
    windows: tuple[Limit, ...] = ()
    consent: bool = False
    factor: tuple[int, int] = (1, 1)
    cap: Limit | None = None


class HoldTerms(Struct, frozen=True):
    """How holds of a rule begin: the estimate where the caller gives none, the least of each count, how long (ms)."""

    default: tuple[tuple[str, int], ...] = ()
    at_least: tuple[tuple[str, int], ...] = ()
    lasts: int = 900_000
    when_short: Literal["finish", "stop"] = "finish"


class Rule(Struct, frozen=True):
    """What a plan says of some features. `owner` names the cells' owner: the feature, or the shared rule.

    `overshoot` is a limit on the micro-credits of overshoot that are forgiven; None: all are. `needs` is derived: the
    attributes without which a request is denied, because a limit counts per their values; `at_times` the limits that
    need theirs only of requests that fit their `only`; `counts_holds` whether a ceiling counts open holds.
    """

    owner: str
    features: tuple[str, ...]
    waterfall: tuple[Layer, ...]
    ceilings: tuple[Limit, ...] = ()
    spending: tuple[Limit, ...] = ()
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hold: HoldTerms = HoldTerms()
    overshoot: Limit | None = None
    needs: tuple[str, ...] = ()
    at_times: tuple[Limit, ...] = ()
    counts_holds: bool = False

    def __post_init__(self) -> None:
        demanding = [limit for limit in self.limits() if limit.when_missing == "deny"]
        needs = (limit.per for limit in demanding if not limit.only)
        at_times = (limit for limit in demanding if limit.only and limit.per not in ("", "subject"))
        force_setattr(self, "at_times", tuple(at_times))
        force_setattr(self, "counts_holds", any(limit.of == "open_holds" for limit in self.ceilings))
        force_setattr(self, "needs", tuple(dict.fromkeys(per for per in needs if per not in ("", "subject"))))

    def limits(self) -> tuple[Limit, ...]:
        """Every limit of the rule: ceilings, windows of allowances, spending limits, caps of overage, forgiveness."""
        windows = tuple(limit for layer in self.waterfall for limit in layer.windows)
        caps = tuple(layer.cap for layer in self.waterfall if layer.cap)
        return self.ceilings + windows + self.spending + caps + ((self.overshoot,) if self.overshoot else ())


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


class Gift(Struct, frozen=True):
    """What a plan gives: a lot of `amount` (micro-credits, or units of the feature `measure`), known by `name`.

    Once, when the account first comes to the plan, living `lasts` ms (0: for ever); or, with `every`, anew in each
    period of that window (fixed or calendar), living to the period's end. Of what is left then, at most `rollover` goes
    on into a lot that lives `rollover_lasts` ms more.
    """

    name: str
    measure: str
    amount: int
    lasts: int = 0
    every: Window | None = None
    rollover: int = 0
    rollover_lasts: int = 0
    priority: int = 100
    promotional: bool = True
    scope: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Pack(Struct, frozen=True):
    """What is sold: a lot of `amount` (micro-credits, or units of the feature `measure`), known by `name`.

    It costs `price`, an exact decimal number ("9.00") of `currency` ("EUR"), and lives `lasts` ms (0: for ever).
    """

    name: str
    measure: str
    amount: int
    price: str
    currency: str
    lasts: int = 0
    priority: int = 100
    promotional: bool = False

    @property
    def paid(self) -> str:
        """The price with its currency, "9.00 EUR"."""
        return f"{self.price} {self.currency}"


class Plan(Struct, frozen=True):
    """The rules that an account has by its plan; at most one rule for a feature.

    A plan that `lasts` so many ms becomes the plan `then`. `refund_lasts`: a refund to a lot that has expired becomes a
    new lot that lives so many ms; 0: it is posted, and posted as expired. `outage`: feature -> the units that accounts
    are admitted while the store cannot be reached; a feature that is not there is closed then. No rule of a decision.
    """

    name: str
    rules: tuple[Rule, ...]
    by_feature: dict[str, Rule]
    lasts: int = 0
    then: str = ""
    gives: tuple[Gift, ...] = ()
    refund_lasts: int = 0
    outage: dict[str, int] = {}


class Policy(Struct, frozen=True):
    """The whole configuration, identified by `hash`, the SHA-256 of its canonical document.

    `attributes` are all declared names; `priced` those that prices, `only` or a gift's scope read, kept as given.
    `late`: how many ms before the newest that an account has seen usage may lie (law 13); the tolerance, unless stated.
    `packs`: name -> what is sold; no rule of a decision.
    """

    hash: str
    features: dict[str, Feature]
    plans: dict[str, Plan]
    default_plan: str = ""
    attributes: tuple[str, ...] = ()
    priced: tuple[str, ...] = ()
    late: int = 1000
    document: str = ""  # canonical JSON, from which the same policy can be read again
    packs: dict[str, Pack] = {}
