"""Random policies, small and nasty: every kind of limit, layer and price, with numbers so small that they are hit."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any, Literal
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from msgspec.structs import replace

from spillover.model.policy import Feature, HoldTerms, Layer, Limit, Plan, Policy, PriceRow, Rule, Window

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

# Zones whose midnights are skipped or come twice, whose clocks move by half an hour or two hours, and plain ones.
ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/Havana",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Nuuk",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Antarctica/Troll",
)


def instant(text: str, zone: str = "UTC") -> int:
    """Milliseconds since 1970 of what the clock shows in a zone: instant("2026-03-29 01:30", "Europe/Paris")."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000)


STARTS = (
    instant("2026-01-31 23:59:59.500"),
    instant("2026-03-07 23:00", "America/New_York"),  # the day before its clocks go forward
    instant("2026-03-07 23:30", "America/Havana"),
    instant("2026-03-29 01:30", "Europe/Paris"),
    instant("2026-10-24 23:59", "Atlantic/Azores"),  # midnight comes twice
    instant("2026-04-05 00:59", "Australia/Lord_Howe"),
    instant("2026-04-23 23:59", "Africa/Cairo"),  # midnight is skipped
    instant("2027-12-31 23:59:59.999"),
    instant("2028-02-28 12:00"),
    instant("2026-06-15 10:00:00.001"),
)

ANCHORS = (
    instant("2026-01-31 12:00"),
    instant("2024-02-29 23:59:59.999"),
    instant("2025-03-30 02:30"),
    instant("2026-06-15 10:00"),
    instant("2030-12-30 00:00"),  # later than most instants that are decided at
)

PRICES = (0, 1, 2, 3, 5, 7, 10, 1_000_003)
FACTORS = ((1, 1), (6, 5), (1, 3), (3, 2), (5, 4), (1, 7), (2, 1), (1, 100))
RATES = ((1, 1), (5, 4), (1, 8), (1, 3), (5, 2), (10, 1), (1, 2))
SUBJECTS = ("", "ada", "bob")
TEAMS = ("red", "blue")
SIZES = ("720p", "1080p")
UNITS = (1, 1, 2, 3, 4, 5, 7, 12)
LATE = (SECOND, SECOND, SECOND, 5 * SECOND, HOUR, 3 * DAY)
"""Law 13: how far back usage may lie; the first is the tolerance."""


class Choices:
    """Bytes, each of which picks one of the options that come up: one draw of Hypothesis instead of dozens.

    Shrinks to the first options, which also stand in when the bytes run out.
    """

    def __init__(self, data: bytes) -> None:
        self.data = iter(data)

    def of(self, *options: Any) -> Any:
        return options[next(self.data, 0) % len(options)]

    def once_in(self, number: int) -> bool:
        return bool(self.of(*range(number)) == number - 1)

    def shuffled(self, *options: Any) -> list[Any]:
        left, order = list(options), []
        while left:
            order.append(left.pop(self.of(*range(len(left)))))
        return order


def choices(size: int) -> st.SearchStrategy[Choices]:
    return st.binary(min_size=size, max_size=size).map(Choices)


def window_of(pick: Choices, kinds: tuple[str, ...]) -> Window:
    kind = pick.of(*kinds)
    if kind == "ever":
        return EVER
    if kind == "calendar":
        unit, zone = pick.of("hour", "day", "week", "month"), pick.of(*ZONES, *["account"] * 4)
        return Window("calendar", unit=unit, zone=zone, label=f"{unit} {zone}")
    anchor = pick.of(None, *ANCHORS) if kind in {"fixed", "month"} else None
    if kind == "month":
        zone = pick.of(*ZONES, *["account"] * 4)
        return Window("fixed", unit="month", zone=zone, anchor=anchor, label=f"month of {anchor} {zone}")
    length = pick.of(MINUTE, SECOND, 7 * SECOND, 5 * HOUR, 7 * DAY)
    if kind == "sliding":  # a slot lasts a second at least
        slots = min(length // SECOND, pick.of(3, 12, 1, 7, 24))
        return Window("sliding", length=length, slots=slots, label=f"sliding {length} {slots}")
    return Window(kind, length=length, anchor=anchor, label=f"{kind} {length} {anchor}")


EVER = Window("ever", label="ever")
KINDS = ("ever", "session", "fixed", "month", "calendar", "refill", "sliding")
KINDS_OF: dict[str, tuple[str, ...]] = {"open_holds": ("ever",), "subjects": KINDS[:5]}
"""The windows that a limit of this may have; others may have any."""


def limit_of(pick: Choices, owner: str, name: str, of: tuple[str, ...], scale: int, counts: tuple[str, ...]) -> Limit:
    """A limit of a few times `scale`, give or take a little. Its cell tells it from all others but itself."""
    what = pick.of(*of)
    window = window_of(pick, KINDS_OF.get(what, KINDS))
    if what in {"open_holds", "subjects"}:
        scale = 1
    most = max(0, pick.of(*range(10)) * scale + pick.of(0, 1, 2, -1))
    per = pick.of("", "", "", "subject", "team")
    missing: Literal["skip", "deny"]
    missing = pick.of("skip", "deny") if per == "team" else "deny"
    only = (("size", pick.of(SIZES, ("720p",))),) if pick.once_in(6) else ()
    limit = Limit(
        name, most, window, f"{owner}/{name}/{window.label} {what} {per}", what, per, missing,
        counts=pick.of(*counts) if what == "usage" else "", only=only, title=f"{owner}/{name}",
    )  # fmt: skip
    return limit if window.kind != "refill" else bucket_of(limit, max(1, most))


def bucket_of(limit: Limit, most: int) -> Limit:
    """The bucket with this maximum."""
    unit = Fraction(limit.window.length, most)
    return replace(limit, max=most, spacing=unit.numerator, ticks=unit.denominator)


def feature_of(pick: Choices, name: str) -> Feature:
    count = pick.of("requests", "seconds", "cost")
    names = {"requests": ("requests",), "seconds": ("seconds",), "cost": ("input", "output")}[count]
    whens: list[tuple[tuple[str, str], ...]] = [(("size", size),) for size in pick.of((), ("720p",), SIZES)]
    # Without a row that always fits, some requests have no price; the cost of nothing is not defined at all.
    if count == "cost" or not pick.once_in(10):
        whens.append(())
    rows = []
    for when in whens:
        if count == "cost":
            rows.append(PriceRow(when, rates=tuple((name, *pick.of(*RATES)) for name in names)))
        else:
            rows.append(PriceRow(when, unit_price=pick.of(*PRICES)))
    return Feature(name, "unit", count, tuple(rows), names)


def money_scale(features: list[Feature]) -> int:
    """What a unit costs, about: limits on credits and lots are a few times this."""
    return max([1, *(min(row.unit_price, 10) for feature in features for row in feature.prices)])


def rule_of(pick: Choices, owner: str, features: list[Feature]) -> Rule:
    scale = 5 if any(feature.count == "cost" for feature in features) else 1
    money = money_scale(features)
    counts = features[0].usage_names

    def several(stem: str, numbers: tuple[int, ...], of: tuple[str, ...], scale: int) -> tuple[Limit, ...]:
        return tuple(limit_of(pick, owner, f"{stem}{i}", of, scale, counts) for i in range(pick.of(*numbers)))

    layers = []
    sources = pick.shuffled("allowance", "credits", "overage", "units", "allowance")
    for place, source in enumerate(sources[: pick.of(3, 1, 2, 4, 5)]):
        if source == "allowance":
            of = ("units", "units", "requests", "units", "credits")
            layers.append(Layer(source, several(f"w{place}-", (1, 2, 3), of, scale)))
        elif source == "overage":
            caps = several("cap", (0, 1), ("credits",), money)
            cap = caps[0] if caps else None
            layers.append(Layer(source, consent=pick.of(False, True), factor=factor_of(pick, features), cap=cap))
        else:
            layers.append(Layer(source, consent=source == "credits" and pick.of(False, True)))
    only = (("size", pick.of(SIZES, ("720p",))),) if pick.once_in(8) else ()
    ceilings = several("c", (0, 1, 2), ("units", "requests", "open_holds", "subjects", "usage", "credits"), 2 * scale)
    spending = several("s", (0, 1, 2), ("credits",), 2 * money)
    forgiving = several("o", (0, 1), ("credits",), money)
    hold = HoldTerms(
        tuple((name, pick.of(*UNITS)) for name in counts),
        ((counts[0], pick.of(*UNITS)),) if pick.once_in(3) else (),
        pick.of(MINUTE, 1, 5 * SECOND, HOUR),
    )
    names = tuple(feature.name for feature in features)
    return Rule(owner, names, tuple(layers), ceilings, spending, only, hold, forgiving[0] if forgiving else None)


def factor_of(pick: Choices, features: list[Feature]) -> tuple[int, int]:
    """A factor by which every unit still costs whole micro-credits, as policies must have it (law 8)."""
    prices = {row.unit_price for feature in features for row in feature.prices}
    prices |= {1 for feature in features if feature.count == "cost"}
    whole = [(over, under) for over, under in FACTORS if all(price * over % under == 0 for price in prices)]
    return pick.of(*whole)  # type: ignore[no-any-return]


RULE_BYTES = 160
"""Enough for any rule: a dozen limits of at most ten choices each, and what stands around them."""


@st.composite
def plans(draw: st.DrawFn, name: str, features: list[Feature]) -> Plan:
    together = len(features) > 1 and draw(st.booleans())
    groups = [features[:2], *([one] for one in features[2:])] if together else [[one] for one in features]
    if len(groups) > 1 and draw(st.integers(0, 9)) == 9:
        groups.pop()  # now and then a feature is not in the plan
    rules = []
    for group in groups:
        owner = "shared" if len(group) > 1 else group[0].name
        rules.append(rule_of(draw(choices(RULE_BYTES)), owner, group))
    return plan_of(name, tuple(rules))


def plan_of(name: str, rules: tuple[Rule, ...]) -> Plan:
    return Plan(name, rules, {feature: rule for rule in rules for feature in rule.features})


def changed_plan(pick: Choices, name: str, plan: Plan) -> Plan:
    """The same limits with other maxima: what was used is kept (law 12)."""

    def other(limit: Limit) -> Limit:
        most = max(0, limit.max + pick.of(1, 0, -1, -2, 5, -100))
        return bucket_of(limit, max(1, most)) if limit.window.kind == "refill" else replace(limit, max=most)

    def others(found: tuple[Limit, ...]) -> tuple[Limit, ...]:
        return tuple(other(limit) for limit in found)

    changed = []
    for rule in plan.rules:
        layers = tuple(
            replace(layer, windows=others(layer.windows), cap=other(layer.cap) if layer.cap else None)
            for layer in rule.waterfall
        )
        changed.append(replace(rule, ceilings=others(rule.ceilings), waterfall=layers, spending=others(rule.spending)))
    return plan_of(name, tuple(changed))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    found = [feature_of(draw(choices(12)), f"f{i}") for i in range(draw(st.integers(1, 3)))]
    one = draw(plans("one", found))
    two = changed_plan(draw(choices(48)), "two", one) if draw(st.booleans()) else draw(plans("two", found))
    return policy_of(found, [one, two], draw(st.sampled_from(LATE)))


def policy_of(features: list[Feature], plans: list[Plan], late: int = SECOND) -> Policy:
    return Policy(
        hash="world",
        features={feature.name: feature for feature in features},
        plans={plan.name: plan for plan in plans},
        attributes=("size", "team"),
        priced=("size",),
        late=late,
    )
