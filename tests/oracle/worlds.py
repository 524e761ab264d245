"""Small but nasty worlds for Hypothesis: policies, accounts, and what happens to them, mostly at edges of windows.

Numbers are small, so that limits are hit, layers change hands and lots run dry within a few steps. Policies are built
as the model's objects, so that nothing here depends on how policies are written.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from msgspec.structs import replace

from spillover.model.account import NEVER, Lot, Profile
from spillover.model.policy import Feature, Layer, Limit, Plan, Policy, PriceRow, Rule, Window
from spillover.model.request import Request
from tests.oracle.oracle import Oracle, Uses, limits_of, period_of

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


# --- What happens --------------------------------------------------------------------------------------------------


class Move(NamedTuple):
    """From the latest instant so far to that of a step: by so much, or to the `edge`th change that lies ahead of a
    limit or lot, and so much more."""

    by: int = 0
    edge: int | None = None
    source: int = 0


class Ask(NamedTuple):
    move: Move
    feature: str
    usage: dict[str, int]
    subject: str
    attributes: dict[str, str]


class Give(NamedTuple):
    """So much is added to the lot, which is new or known."""

    move: Move
    lot: Lot
    amount: int


class Change(NamedTuple):
    """Terms that change: {"plan": "two"}, {"consent": False}, {"state": "suspended"}."""

    move: Move
    terms: dict[str, Any]


Step = Ask | Give | Change


class World(NamedTuple):
    policy: Policy
    profile: Profile
    given: dict[int, int]  # lot -> amount, at the start
    start: int
    steps: list[Step]


class Clock:
    """Turns the moves of a world's steps into instants; knows, from the oracle, where the edges are."""

    def __init__(self, oracle: Oracle, world: World) -> None:
        self.oracle, self.world, self.latest = oracle, world, world.start
        self.count = 0

    def instant(self, move: Move) -> int:
        now = self.latest + move.by
        if move.edge is not None:
            edges = self.edges(move.source)
            now = (edges[move.edge % len(edges)] if edges else self.latest) + move.by
        self.latest = max(self.latest, now)
        return now

    def request(self, step: Ask) -> Request:
        self.count += 1
        return Request(
            account=self.world.profile.account,
            feature=step.feature,
            usage=step.usage,
            key=f"k{self.count}",
            subject=step.subject,
            attributes=step.attributes,
        )

    def edges(self, source: int) -> list[int]:
        """Instants ahead at which one of the limits or lots may change its mind."""
        account = self.oracle.accounts[self.world.profile.account]
        rules = self.world.policy.plans[account.profile.plan].rules
        sources: list[Limit | Lot] = [limit for rule in rules for limit in limits_of(rule)]
        sources += account.profile.lots
        if not sources:
            return []
        chosen = sources[source % len(sources)]
        found = {chosen.effective, chosen.expires} if isinstance(chosen, Lot) else set(self.limit_edges(chosen))
        return sorted(at for at in found if self.latest < at < self.latest + 400 * DAY)

    def limit_edges(self, limit: Limit) -> Iterator[int]:
        account = self.oracle.accounts[self.world.profile.account]
        counted = [uses for (cell, _), uses in account.uses.items() if cell == limit.cell and uses.times]
        if limit.window.kind in {"calendar", "fixed"}:
            yield next_period(limit.window, account.profile, self.latest)
        for uses in counted:
            if limit.window.kind == "session":
                yield session_end(uses, limit.window.length)
            if limit.window.kind == "refill":
                full = 0
                for at, amount in zip(uses.times, uses.amounts, strict=True):
                    full = max(full, at * limit.ticks) + amount * limit.spacing
                for units in range(min(limit.max, 12) + 1):
                    yield ceil(Fraction(full - units * limit.spacing, limit.ticks))


def session_end(uses: Uses, length: int) -> int:
    opened = 0
    while (first := bisect_left(uses.times, uses.times[opened] + length)) < len(uses.times):
        opened = first
    return uses.times[opened] + length


def next_period(window: Window, profile: Profile, now: int) -> int:
    """The first instant of the next period, found by trying."""
    period = period_of(window, profile)
    step = 500
    while period(now + step) == period(now):
        step *= 2
    return bisect_left(range(now, now + step + 1), True, key=lambda at: period(at) != period(now)) + now


# --- Policies ------------------------------------------------------------------------------------------------------


class Choices:
    """Bytes, each of which picks one of the options that come up: one draw of Hypothesis instead of dozens.

    Shrinks to the first options, which also stand in when the bytes run out.
    """

    def __init__(self, data: bytes) -> None:
        self.data = iter(data)

    def of(self, *options: Any) -> Any:
        return options[next(self.data, 0) % len(options)]

    def once_in(self, number: int) -> bool:
        return self.of(*range(number)) == number - 1

    def shuffled(self, *options: Any) -> list[Any]:
        left, order = list(options), []
        while left:
            order.append(left.pop(self.of(*range(len(left)))))
        return order


def choices(size: int) -> st.SearchStrategy[Choices]:
    return st.binary(min_size=size, max_size=size).map(Choices)


def window_of(pick: Choices) -> Window:
    kind = pick.of("ever", "session", "fixed", "month", "calendar", "refill")
    if kind == "ever":
        return Window("ever", label="ever")
    if kind == "calendar":
        unit, zone = pick.of("hour", "day", "week", "month"), pick.of(*ZONES, *["account"] * 4)
        return Window("calendar", unit=unit, zone=zone, label=f"{unit} {zone}")
    anchor = pick.of(None, *ANCHORS) if kind in {"fixed", "month"} else None
    if kind == "month":
        zone = pick.of(*ZONES, *["account"] * 4)
        return Window("fixed", unit="month", zone=zone, anchor=anchor, label=f"month of {anchor} {zone}")
    length = pick.of(MINUTE, SECOND, 7 * SECOND, 5 * HOUR, 7 * DAY)
    return Window(kind, length=length, anchor=anchor, label=f"{kind} {length} {anchor}")


def limit_of(pick: Choices, owner: str, name: str, of: tuple[str, ...], scale: int) -> Limit:
    """A limit of a few times `scale`, give or take a little. Its cell tells it from all others but itself."""
    window = window_of(pick)
    most = max(0, pick.of(*range(10)) * scale + pick.of(0, 1, 2, -1))
    counts = pick.of(*of)
    per = pick.of("", "", "", "subject", "team")
    missing = pick.of("skip", "deny") if per == "team" else "deny"
    label, spacing, ticks = window.label, 0, 0
    if window.kind == "refill":
        most = max(1, most)
        unit = Fraction(window.length, most)
        if pick.once_in(4):  # rounded up to whole milliseconds
            unit = Fraction(ceil(unit))
        label, spacing, ticks = f"{label} {most}", unit.numerator, unit.denominator
    cell = f"{owner}/{name}/{label} {counts} {per}"
    return Limit(name, most, window, cell, counts, per, missing, spacing, ticks)


def feature_of(pick: Choices, name: str) -> Feature:
    count = pick.of("requests", "seconds", "cost")
    names = {"requests": ("requests",), "seconds": ("seconds",), "cost": ("input", "output")}[count]
    whens = [(("size", size),) for size in pick.of((), ("720p",), SIZES)]
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

    def several(stem: str, numbers: tuple[int, ...], of: tuple[str, ...], scale: int) -> tuple[Limit, ...]:
        return tuple(limit_of(pick, owner, f"{stem}{i}", of, scale) for i in range(pick.of(*numbers)))

    layers = []
    sources = pick.shuffled("allowance", "credits", "overage", "units", "allowance")
    for place, source in enumerate(sources[: pick.of(3, 1, 2, 4, 5)]):
        if source == "allowance":
            layers.append(Layer(source, several(f"w{place}-", (1, 2, 3), ("units", "units", "requests"), scale)))
        elif source == "overage":
            caps = several("cap", (0, 1), ("credits",), money)
            cap = caps[0] if caps else None
            layers.append(Layer(source, consent=pick.of(False, True), factor=pick.of(*FACTORS), cap=cap))
        else:
            layers.append(Layer(source, consent=source == "credits" and pick.of(False, True)))
    only = (("size", pick.of(SIZES, ("720p",))),) if pick.once_in(8) else ()
    ceilings = several("c", (0, 1, 2), ("units", "requests"), 2 * scale)
    spending = several("s", (0, 1, 2), ("credits",), 2 * money)
    return Rule(owner, tuple(feature.name for feature in features), tuple(layers), ceilings, spending, only)


RULE_BYTES = 128
"""Enough for any rule: eleven limits of at most nine choices each, and what stands around them."""


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
        if limit.window.kind == "refill":
            return limit
        return replace(limit, max=max(0, limit.max + pick.of(1, 0, -1, -2, 5, -100)))

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
    return policy_of(found, [one, two])


def policy_of(features: list[Feature], plans: list[Plan]) -> Policy:
    return Policy(
        hash="world",
        features={feature.name: feature for feature in features},
        plans={plan.name: plan for plan in plans},
        attributes=("size", "team"),
        priced=("size",),
    )


# --- Accounts and what happens to them -----------------------------------------------------------------------------

NEAR = (1_500, -MINUTE, -1, 0, 1, 500, MINUTE, DAY)
BY = (0, 0, 1, 7, 40, 350, 999, 1_000, 1_001, 5_000, MINUTE, HOUR, DAY, 31 * DAY)
BACK = (0, -1, -40, -500, -999, -1_000, -1_001)
UNITS = (1, 1, 2, 3, 4, 5, 7, 12)
COSTS = (1, 2, 3, 0, 5, 7)


def lot_of(pick: Choices, number: int, policy: Policy, start: int) -> Lot:
    return Lot(
        id=number,
        measure=pick.of("credits", *policy.features, "credits", "credits"),
        priority=pick.of(100, 100, 1, 200),
        effective=pick.of(0, 0, 0, start + pick.of(*NEAR)),
        expires=pick.of(NEVER, NEVER, start + pick.of(*NEAR)),
        promotional=pick.of(False, True),
    )


def amount_of(pick: Choices, policy: Policy, lot: Lot) -> int:
    if lot.measure != "credits":
        return pick.of(*range(7))
    price = money_scale(list(policy.features.values()))
    return pick.of(*range(6)) * price + pick.of(0, 1, 2, price - 1, 2 * 1_000_003 - 1)


def step_of(pick: Choices, policy: Policy, known: tuple[Lot, ...], start: int) -> Step:
    """What one step is: mostly a request, now and then a lot that is raised or terms that change."""
    kind = pick.of(*["ask"] * 13, "give", "give", "change")
    move = move_of(pick)
    if kind == "ask":
        return ask_of(pick, move, policy)
    if kind == "give":
        lot = pick.of(*known, new_lot(pick, policy, start))
        return Give(move, lot, amount_of(pick, policy, lot))
    active = {"state": "active"}
    one, two = {"plan": "one"} | active, {"plan": "two"} | active
    yes, no = {"consent": True} | active, {"consent": False} | active
    return Change(move, pick.of(two, one, two, one, no, yes, yes, {"state": "suspended"}))


def move_of(pick: Choices) -> Move:
    kind = pick.of("on", "on", "on", "back", "edge", "edge", "edge")
    if kind == "edge":
        return Move(pick.of(0, -1, 1, 700), pick.of(0, 0, 0, 1, 2), pick.of(*range(16)))
    return Move(pick.of(*BY) if kind == "on" else pick.of(*BACK))


def ask_of(pick: Choices, move: Move, policy: Policy) -> Ask:
    feature = policy.features[pick.of(*policy.features)]
    if feature.count == "cost":
        usage = {name: pick.of(*COSTS) for name in feature.usage_names}
    else:
        usage = {feature.usage_names[0]: pick.of(*UNITS)}
        if usage == {"requests": 1}:
            usage = {}
    subject = pick.of(*SUBJECTS)
    attributes = {"size": pick.of(*SIZES, SIZES[0], ""), "team": pick.of(*TEAMS * 5, "")}
    return Ask(move, feature.name, usage, subject, {name: value for name, value in attributes.items() if value})


def new_lot(pick: Choices, policy: Policy, start: int) -> Lot:
    """One of some lots that are not there from the beginning, each with terms of its own for good."""
    number = pick.of(*range(1_000, 1_008))
    return Lot(
        id=number,
        measure=("credits", *policy.features)[number % (1 + len(policy.features))],
        priority=(100, 1)[number // 2 % 2],
        effective=(0, start + DAY, start + 500)[number % 3],
        expires=(NEVER, start + DAY, start + MINUTE, start - 1)[number // 3 % 4],
        promotional=number % 4 == 0,
    )


STEP_BYTES = 16
"""Enough for the longest of steps."""


@st.composite
def worlds(draw: st.DrawFn, fewest: int = 20, most: int = 100) -> World:
    policy = draw(policies())
    pick = draw(choices(96))
    start = pick.of(*STARTS) + pick.of(0, 1, 499, 500, 999)
    if pick.once_in(20):  # more lots than a decision may draw from
        held = tuple(Lot(number, "credits") for number in range(1, 61))
        given = {lot.id: 1 for lot in held}
    else:
        held = tuple(lot_of(pick, number, policy, start) for number in range(1, pick.of(*range(1, 12))))
        given = {lot.id: amount_of(pick, policy, lot) for lot in held}
    profile = Profile(
        account=1,
        version=1,
        plan="one",
        anchor=pick.of(start, start - 3 * DAY, *ANCHORS),
        zone=pick.of(*ZONES),
        consent=not pick.once_in(4),
        lots=burned(held),
    )
    steps = draw(st.lists(choices(STEP_BYTES), min_size=fewest, max_size=most))
    return World(policy, profile, given, start, [step_of(one, policy, held, start) for one in steps])


def burned(lots: tuple[Lot, ...]) -> tuple[Lot, ...]:
    """In burn order, as a profile holds them."""
    return tuple(sorted(lots, key=lambda lot: (lot.priority, lot.expires, not lot.promotional, lot.effective, lot.id)))


def with_lot(profile: Profile, lot: Lot) -> Profile:
    """The account's next terms, with this lot among its lots. A lot that is known keeps its terms."""
    known = profile.lots if any(one.id == lot.id for one in profile.lots) else (*profile.lots, lot)
    return replace(profile, version=profile.version + 1, lots=burned(known))


def with_terms(profile: Profile, terms: dict[str, Any]) -> Profile:
    return replace(profile, version=profile.version + 1, **terms)
