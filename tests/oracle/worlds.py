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


@st.composite
def windows(draw: st.DrawFn) -> Window:
    kind = draw(st.sampled_from(("session", "fixed", "month", "calendar", "refill", "ever")))
    length = draw(st.sampled_from((SECOND, 7 * SECOND, MINUTE, 5 * HOUR, 7 * DAY)))
    zone = draw(st.sampled_from(ZONES + ("account",) * 4)) if kind in {"month", "calendar"} else ""
    anchor = draw(st.sampled_from((None, *ANCHORS))) if kind in {"fixed", "month"} else None
    unit = draw(st.sampled_from(("hour", "day", "week", "month"))) if kind == "calendar" else ""
    if kind == "month":
        return Window("fixed", unit="month", zone=zone, anchor=anchor, label=f"month of {anchor} {zone}")
    if kind == "calendar":
        return Window("calendar", unit=unit, zone=zone, label=f"{unit} {zone}")
    if kind == "ever":
        return Window("ever", label="ever")
    return Window(kind, length=length, anchor=anchor, label=f"{kind} {length} {anchor}")


@st.composite
def limits(draw: st.DrawFn, owner: str, name: str, of: tuple[str, ...], scale: int = 1) -> Limit:
    """A limit of a few times `scale`, give or take a little. Its cell tells it from all others but itself."""
    window = draw(windows())
    most = max(0, draw(st.integers(0, 9)) * scale + draw(st.integers(-1, 2)))
    counts = draw(st.sampled_from(of))
    per = draw(st.sampled_from(("", "", "", "subject", "team")))
    missing = draw(st.sampled_from(("skip", "deny"))) if per == "team" else "deny"
    label = window.label
    spacing = ticks = 0
    if window.kind == "refill":
        most = max(1, most)
        label += f" {most}"
        unit = Fraction(window.length, most)
        if draw(st.integers(0, 3)) == 0:  # rounded up to whole milliseconds
            unit = Fraction(ceil(unit))
        spacing, ticks = unit.numerator, unit.denominator
    cell = f"{owner}/{name}/{label} {counts} {per}"
    return Limit(name, most, window, cell, counts, per, missing, spacing, ticks)  # type: ignore[arg-type]


@st.composite
def features(draw: st.DrawFn, name: str) -> Feature:
    count = draw(st.sampled_from(("requests", "seconds", "cost")))
    rows = []
    for size in draw(st.sampled_from(((), ("720p",), ("720p", "1080p")))):
        rows.append(draw(price_rows(count, (("size", size),))))
    # Without a row that always fits, some requests have no price; the cost of nothing is not defined at all.
    if count == "cost" or draw(st.integers(0, 9)):
        rows.append(draw(price_rows(count, ())))
    names = {"requests": ("requests",), "seconds": ("seconds",), "cost": ("input", "output")}[count]
    return Feature(name, "unit", count, tuple(rows), names)


@st.composite
def price_rows(draw: st.DrawFn, count: str, when: tuple[tuple[str, str], ...]) -> PriceRow:
    if count == "cost":
        rates = tuple((name, *draw(st.sampled_from(RATES))) for name in ("input", "output"))
        return PriceRow(when, rates=rates)
    return PriceRow(when, unit_price=draw(st.sampled_from(PRICES)))


def money_scale(features: list[Feature]) -> int:
    """What a unit costs, about: limits on credits and lots are a few times this."""
    return max([1, *(min(row.unit_price, 10) for feature in features for row in feature.prices)])


@st.composite
def rules(draw: st.DrawFn, owner: str, features: list[Feature]) -> Rule:
    scale = 5 if any(feature.count == "cost" for feature in features) else 1
    money = money_scale(features)

    def several(stem: str, most: int, of: tuple[str, ...], scale: int) -> tuple[Limit, ...]:
        return tuple(draw(limits(owner, f"{stem}{i}", of, scale)) for i in range(draw(st.integers(0, most))))

    sources = draw(st.permutations(("allowance", "allowance", "units", "credits", "overage")))
    layers = []
    for place, source in enumerate(sources[: draw(st.integers(1, 5))]):
        if source == "allowance":
            first = draw(limits(owner, f"w{place}", ("units", "units", "requests"), scale))
            more = several(f"w{place}-", 2, ("units", "units", "requests"), scale)
            layers.append(Layer("allowance", (first, *more)))
        elif source == "overage":
            cap = draw(limits(owner, "cap", ("credits",), money)) if draw(st.booleans()) else None
            factor = draw(st.sampled_from(FACTORS))
            layers.append(Layer("overage", consent=draw(st.booleans()), factor=factor, cap=cap))
        else:
            layers.append(Layer(source, consent=source == "credits" and draw(st.booleans())))
    only = (("size", draw(st.sampled_from((SIZES, ("720p",))))),) if draw(st.integers(0, 7)) == 0 else ()
    ceilings = several("c", 2, ("units", "requests"), 2 * scale)
    spending = several("s", 2, ("credits",), 2 * money)
    names = tuple(feature.name for feature in features)
    return Rule(owner, names, tuple(layers), ceilings, spending, only)


@st.composite
def plans(draw: st.DrawFn, name: str, features: list[Feature]) -> Plan:
    if len(features) > 1 and draw(st.booleans()):
        found = [draw(rules("shared", features[:2]))]
        rest = features[2:]
    else:
        found = [draw(rules(features[0].name, features[:1]))]
        rest = features[1:]
    for feature in rest[draw(st.integers(0, 9)) // 9 :]:  # now and then one is not in the plan
        found.append(draw(rules(feature.name, [feature])))
    return plan_of(name, tuple(found))


def plan_of(name: str, rules: tuple[Rule, ...]) -> Plan:
    return Plan(name, rules, {feature: rule for rule in rules for feature in rule.features})


@st.composite
def changed_plans(draw: st.DrawFn, name: str, plan: Plan) -> Plan:
    """The same limits with other maxima: what was used is kept (law 12)."""

    def other(limit: Limit) -> Limit:
        if limit.window.kind == "refill":
            return limit
        return replace(limit, max=max(0, limit.max + draw(st.sampled_from((-100, -2, -1, 0, 1, 5)))))

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
    found = [draw(features(f"f{i}")) for i in range(draw(st.integers(1, 3)))]
    one = draw(plans("one", found))
    two = draw(changed_plans("two", one) if draw(st.booleans()) else plans("two", found))
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


@st.composite
def lots(draw: st.DrawFn, number: int, policy: Policy, start: int) -> Lot:
    measure = draw(st.sampled_from(("credits", "credits", *policy.features)))
    near = st.sampled_from(NEAR)
    effective = draw(st.sampled_from((0, 0, None)))
    expires = draw(st.sampled_from((NEVER, NEVER, None)))
    return Lot(
        id=number,
        measure=measure,
        priority=draw(st.sampled_from((100, 100, 1, 200))),
        effective=start + draw(near) if effective is None else effective,
        expires=start + draw(near) if expires is None else expires,
        promotional=draw(st.booleans()),
    )


def amounts(policy: Policy, lot: Lot) -> st.SearchStrategy[int]:
    if lot.measure == "credits":
        price = money_scale(list(policy.features.values()))
        return st.one_of(st.integers(0, 8 * price), st.sampled_from((0, 1, 2 * 1_000_003 - 1, 5 * 1_000_003)))
    return st.integers(0, 6)


NEAR = (-MINUTE, -1, 0, 1, 500, 1_500, MINUTE, DAY)
BY = (0, 0, 1, 7, 40, 350, 999, 1_000, 1_001, 5_000, MINUTE, HOUR, DAY, 31 * DAY)
BACK = (0, -1, -40, -500, -999, -1_000, -1_001)
UNITS = (1, 1, 2, 3, 4, 5, 7, 12)


class Choices:
    """The bytes of one step, each of which picks one of the options that come up. Shrinks to the first options."""

    def __init__(self, data: bytes) -> None:
        self.data = iter(data)

    def of(self, *options: Any) -> Any:
        return options[next(self.data) % len(options)]


def step_of(data: bytes, policy: Policy, known: tuple[Lot, ...], start: int) -> Step:
    """What one step is: mostly a request, now and then a lot that is raised or terms that change."""
    choices = Choices(data)
    kind = choices.of(*["ask"] * 13, "give", "give", "change")
    move = move_of(choices)
    if kind == "ask":
        return ask_of(choices, move, policy)
    if kind == "give":
        lot = choices.of(new_lot(choices, policy, start), *known)
        most = 8 * money_scale(list(policy.features.values())) if lot.measure == "credits" else 6
        amount = choices.of(most, 1, most // 2, most // 3, 0, 2 * 1_000_003 - 1)
        return Give(move, lot, amount)
    active = {"state": "active"}
    one, two = {"plan": "one"} | active, {"plan": "two"} | active
    yes, no = {"consent": True} | active, {"consent": False} | active
    return Change(move, choices.of(two, one, two, one, no, yes, yes, {"state": "suspended"}))


def move_of(choices: Choices) -> Move:
    kind = choices.of("on", "on", "on", "back", "edge", "edge", "edge")
    if kind == "edge":
        return Move(choices.of(0, -1, 1, 700), choices.of(0, 0, 0, 1, 2), choices.of(*range(16)))
    return Move(choices.of(*BY) if kind == "on" else choices.of(*BACK))


def ask_of(choices: Choices, move: Move, policy: Policy) -> Ask:
    feature = policy.features[choices.of(*policy.features)]
    if feature.count == "cost":
        usage = {name: choices.of(1, 2, 3, 0, 5, 7) for name in feature.usage_names}
    else:
        usage = {feature.usage_names[0]: choices.of(*UNITS)}
        if feature.count == "requests" and usage == {"requests": 1}:
            usage = {}
    subject = choices.of(*SUBJECTS)
    attributes = {"size": choices.of(*SIZES, SIZES[0], ""), "team": choices.of(*TEAMS * 5, "")}
    return Ask(move, feature.name, usage, subject, {name: value for name, value in attributes.items() if value})


def new_lot(choices: Choices, policy: Policy, start: int) -> Lot:
    """One of some lots that are not there from the beginning."""
    number = choices.of(*range(1_000, 1_008))
    return Lot(
        id=number,
        measure=("credits", *policy.features)[number % (1 + len(policy.features))],
        priority=(100, 1)[number // 2 % 2],
        effective=choices.of(0, start + DAY, start + 500),
        expires=choices.of(NEVER, start + DAY, start + MINUTE, start - 1),
        promotional=number % 4 == 0,
    )


STEP_BYTES = 16
"""Enough for the longest of steps."""


@st.composite
def worlds(draw: st.DrawFn, fewest: int = 12, most: int = 80) -> World:
    policy = draw(policies())
    start = draw(st.sampled_from(STARTS)) + draw(st.integers(0, 2_000))
    many = draw(st.integers(0, 19)) == 19
    count = 60 if many else draw(st.integers(0, 6))
    if many:
        held = tuple(Lot(i + 1, "credits") for i in range(count))
        given = {lot.id: 1 for lot in held}
    else:
        held = tuple(draw(lots(i + 1, policy, start)) for i in range(count))
        given = {lot.id: draw(amounts(policy, lot)) for lot in held}
    profile = Profile(
        account=1,
        version=1,
        plan="one",
        anchor=draw(st.sampled_from((start, start - 3 * DAY, *ANCHORS))),
        zone=draw(st.sampled_from(ZONES)),
        consent=draw(st.integers(0, 3)) > 0,
        lots=burned(held),
    )
    data = draw(st.lists(st.binary(min_size=STEP_BYTES, max_size=STEP_BYTES), min_size=fewest, max_size=most))
    return World(policy, profile, given, start, [step_of(one, policy, held, start) for one in data])


def burned(lots: tuple[Lot, ...]) -> tuple[Lot, ...]:
    """In burn order, as a profile holds them."""
    return tuple(sorted(lots, key=lambda lot: (lot.priority, lot.expires, not lot.promotional, lot.effective, lot.id)))


def with_lot(profile: Profile, lot: Lot) -> Profile:
    """The account's next terms, with this lot among its lots. A lot that is known keeps its terms."""
    known = profile.lots if any(one.id == lot.id for one in profile.lots) else (*profile.lots, lot)
    return replace(profile, version=profile.version + 1, lots=burned(known))


def with_terms(profile: Profile, terms: dict[str, Any]) -> Profile:
    return replace(profile, version=profile.version + 1, **terms)
