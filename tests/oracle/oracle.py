"""A second pair of eyes: the law of the waterfall, decided naively from the whole history of an account.

The shipped rules keep a few numbers per limit and work on those. This oracle keeps what happened, every grant and every
raise of a lot, and counts again from the beginning each time. It shares no code with `spillover.core`: where both give
the same verdicts over long random histories, a mistake would have to be made twice, in two ways of thinking.

Instants are milliseconds since 1970, periods are half open: [start, end).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

from spillover.model.account import Lot, Profile
from spillover.model.decision import Blocker, Blocking, Verdict
from spillover.model.leg import Leg
from spillover.model.policy import Feature, Layer, Limit, Policy, PriceRow, Rule, Window
from spillover.model.request import Request

TOLERANCE = 1_000
"""How far back, in milliseconds, a request may lie before what its account has already seen."""

ENTRIES = 32
"""Law 14: at most so many legs in a decision; a leg counts once for each lot that it draws from."""

HOUR = 3_600_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def half_up(value: Fraction) -> int:
    """The nearest integer; a half goes up (law 8)."""
    return floor(value + Fraction(1, 2))


# --- Periods: which one an instant lies in -------------------------------------------------------------------------


@lru_cache(maxsize=1_000_000)
def local(at: int, zone: str) -> datetime:
    """What the clock on the wall in that zone shows at this instant."""
    return (EPOCH + at * MILLISECOND).astimezone(ZoneInfo(zone))


def calendar_period(at: int, unit: str, zone: str) -> int:
    """A number that two instants share if, and only if, they lie in the same hour, day, week or month of the clock."""
    shown = local(at, zone)
    if unit == "hour":  # the instant at which the clock showed, or would have shown, the full hour
        return at - (at + (shown.utcoffset() or timedelta()) // MILLISECOND) % HOUR
    if unit == "day":
        return shown.toordinal()
    if unit == "week":
        return (shown.date() - timedelta(days=shown.weekday())).toordinal()
    return shown.year * 12 + shown.month


@lru_cache(maxsize=100_000)
def month_start(anchor: int, zone: str, months: int) -> int:
    """The anchor's day and time of day, so many months later; a day that the month lacks is its last day."""
    first = local(anchor, zone)
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    day = min(first.day, (following - timedelta(days=1)).day)
    start = first.replace(year=year, month=month + 1, day=day, fold=0)
    return (start.astimezone(UTC) - EPOCH) // MILLISECOND


def fixed_period(at: int, window: Window, anchor: int, zone: str) -> int:
    """The number of the period that the instant lies in; the one that begins at the anchor is number 0."""
    if window.unit != "month":
        return (at - anchor) // window.length
    shown, first = local(at, zone), local(anchor, zone)
    months = (shown.year - first.year) * 12 + shown.month - first.month + 1
    while month_start(anchor, zone, months) > at:
        months -= 1
    return months


def period_of(window: Window, profile: Profile) -> Callable[[int], int]:
    """The numbering of a calendar or fixed window's periods: it never falls as time goes on."""
    zone = profile.zone if window.zone in {"", "account"} else window.zone
    if window.kind == "calendar":
        return lambda at: calendar_period(at, window.unit, zone)
    anchor = profile.anchor if window.anchor is None else window.anchor
    return lambda at: fixed_period(at, window, anchor, zone)


# --- History -------------------------------------------------------------------------------------------------------


class Uses:
    """What one limit has counted for one scope, in the order in which it was granted.

    Time does not run backwards for a limit: what came up to a second late counts beside the newest use before it, so
    in the newer period where there has been a boundary in between.
    """

    def __init__(self) -> None:
        self.times: list[int] = []
        self.amounts: list[int] = []

    def since(self, index: int) -> int:
        return sum(self.amounts[index:])

    def add(self, now: int, amount: int) -> None:
        self.times.append(self.instant(now))
        self.amounts.append(amount)

    def instant(self, now: int) -> int:
        return max(now, self.times[-1]) if self.times else now


class Account:
    """All that is known of one account: its present terms, and what was used and drawn so far."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.newest = 0
        self.uses: defaultdict[tuple[str, str], Uses] = defaultdict(Uses)
        self.lots: defaultdict[int, list[int]] = defaultdict(list)  # raises above zero, draws below


class Granted(NamedTuple):
    """What would be recorded: how much each limit counts, and the legs."""

    counted: list[tuple[Limit, int]]
    legs: list[Leg]


# --- Law -----------------------------------------------------------------------------------------------------------


class Oracle:
    """Decides requests on the whole history that it was told of and made itself."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.accounts: dict[int, Account] = {}

    def put(self, profile: Profile, now: int) -> None:
        """A new account, or new terms for one."""
        account = self.accounts.setdefault(profile.account, Account(profile))
        account.profile = profile
        account.newest = max(account.newest, now)

    def raise_lot(self, account: int, lot: int, amount: int, now: int) -> None:
        """What was bought or given, added to a lot."""
        self.accounts[account].lots[lot].append(amount)
        self.accounts[account].newest = max(self.accounts[account].newest, now)

    def remaining(self, account: int, lot: int) -> int:
        """What is left of a lot."""
        return sum(self.accounts[account].lots[lot])

    def decide(self, request: Request, now: int) -> Verdict:
        """The answer by the law; if it is a grant, it has happened."""
        assert request.mode == "exact"
        account = self.accounts[request.account]
        attempt = Attempt(self.policy, account, request, now)
        blockers, granted = attempt.outcome()
        if blockers or granted is None:
            return Verdict(allowed=False, units=attempt.units, granted=0, blockers=tuple(blockers))
        account.newest = max(account.newest, now)
        for limit, amount in granted.counted:
            if amount:
                attempt.uses(limit).add(now, amount)
        for leg in granted.legs:
            for lot, part in leg.lots:
                account.lots[lot].append(-part)
        return Verdict(allowed=True, units=attempt.units, granted=attempt.units, legs=tuple(granted.legs))


class Attempt:
    """One request at one instant, read against the history. Changes nothing."""

    def __init__(self, policy: Policy, account: Account, request: Request, now: int) -> None:
        self.account, self.profile, self.request, self.now = account, account.profile, request, now
        self.plan = policy.plans[account.profile.plan]
        self.feature = policy.features[request.feature]
        self.row = self.fitting_row(self.feature)
        self.units = self.count(self.feature)
        self.price = self.unit_price(self.feature)

    # What is asked, and what it costs

    def fitting_row(self, feature: Feature) -> PriceRow | None:
        """The first row whose conditions the request's attributes all meet; a row without conditions always fits."""
        for row in feature.prices:
            if all(self.request.attributes.get(name) == value for name, value in row.when):
                return row
        return None

    def count(self, feature: Feature) -> int:
        """How many units are asked for: requests, one of the counts, or the exact cost, rounded once (law 8)."""
        if feature.count == "requests":
            return self.request.usage.get("requests", 1)
        if feature.count != "cost":
            return self.request.usage[feature.count]
        rates = self.row.rates if self.row else ()
        return half_up(sum((self.request.usage.get(name, 0) * Fraction(n, d) for name, n, d in rates), Fraction(0)))

    def unit_price(self, feature: Feature) -> int | None:
        """Micro-credits for one unit; what is counted by its cost is priced at one micro-credit each."""
        if self.row is None:
            return None
        return 1 if feature.count == "cost" else self.row.unit_price

    # The order of checks

    def outcome(self) -> tuple[list[Blocker], Granted | None]:
        """Either why not, or what is granted."""
        if self.profile.state != "active":
            return [Blocker("state", self.profile.state)], None
        rule = self.plan.by_feature.get(self.feature.name)
        if rule is None:
            return [Blocker("plan", self.plan.name)], None
        for name, values in rule.only:
            if self.request.attributes.get(name) not in values:
                return [Blocker("plan", name)], None
        if self.now < self.account.newest - TOLERANCE:
            return [Blocker("late", "time", short=self.account.newest - self.now)], None
        for limit in limits_of(rule):
            if self.scope(limit) is None and limit.when_missing == "deny":
                return [Blocker("attribute", limit.per)], None
        for limit in self.applying(rule.ceilings):
            need, room = self.asked(limit, self.units), self.room(limit)
            if need > room:
                return [self.blocker("ceiling", limit, room, need)], None
        return self.pour(rule)

    def pour(self, rule: Rule) -> tuple[list[Blocker], Granted | None]:
        """Law 2: layers in the plan's order, each gives as many whole units as it has room for."""
        waterfall = Waterfall(self, rule)
        left = self.units
        blockers = []
        for layer in rule.waterfall:
            if left == 0:
                break
            given, blocker = waterfall.give(layer, left)
            left -= given
            if left:
                assert blocker is not None
                blockers.append(blocker)
        if left:
            return blockers, None
        entries = sum(max(1, len(leg.lots)) for leg in waterfall.legs)
        if entries > ENTRIES:
            return [Blocker("bound", "legs", room=ENTRIES, short=entries - ENTRIES)], None
        ceilings = [(limit, self.asked(limit, self.units)) for limit in self.applying(rule.ceilings)]
        return [], Granted(ceilings + waterfall.counted, waterfall.legs)

    # Limits

    def scope(self, limit: Limit) -> str | None:
        """For whom the limit counts: "" the whole account, else the subject or the attribute's value; None: unknown."""
        if limit.per == "":
            return ""
        if limit.per == "subject":
            return self.request.subject
        return self.request.attributes.get(limit.per)

    def applying(self, limits: tuple[Limit, ...]) -> list[Limit]:
        """Those that hold for this request: one whose attribute it lacks is skipped (or has denied before)."""
        return [limit for limit in limits if self.scope(limit) is not None]

    def uses(self, limit: Limit) -> Uses:
        """Law 12: usage is known by the limit's cell, whatever plan or maximum it was counted under."""
        scope = self.scope(limit)
        assert scope is not None
        return self.account.uses[limit.cell, scope]

    def asked(self, limit: Limit, units: int) -> int:
        """What so many units are in the limit's own count: a request counts as one, however large or small it is."""
        return units if limit.of == "units" else 1

    def room(self, limit: Limit) -> int:
        """What the limit leaves now, in its own count."""
        if limit.window.kind == "refill":
            return max(0, self.bucket(limit))
        return max(0, limit.max - self.used(limit))

    def used(self, limit: Limit) -> int:
        """What was counted in the period that a use would count in now."""
        uses, window = self.uses(limit), limit.window
        now = uses.instant(self.now)
        if window.kind == "ever":
            return uses.since(0)
        if window.kind == "session":
            first = opened = 0  # walk from session to session: each opens at the first use that the one before lacks
            while first < len(uses.times):
                opened = first
                first = bisect_left(uses.times, uses.times[opened] + window.length)
            is_open = bool(uses.times) and now < uses.times[opened] + window.length
            return uses.since(opened) if is_open else 0
        period = period_of(window, self.profile)
        return uses.since(bisect_left(uses.times, period(now), key=period))

    def bucket(self, limit: Limit) -> int:
        """Whole units in a bucket that was full at first, refills one unit in `unit` ms, and never overflows.

        What it lacks is kept as the instant at which it will be full again.
        """
        uses = self.uses(limit)
        full = 0  # in ticks
        for at, amount in zip(uses.times, uses.amounts, strict=True):
            full = max(full, at * limit.ticks) + amount * limit.spacing
        unit = Fraction(limit.spacing, limit.ticks)
        lacking = max(Fraction(0), Fraction(full, limit.ticks) - self.now)
        return floor((limit.max * unit - lacking) / unit)

    def blocker(self, kind: Blocking, limit: Limit, room: int, need: int) -> Blocker:
        """This limit stands in the way: it has `room` where `need` was asked for."""
        return Blocker(kind, limit.name, room, need - room, limit.per, self.scope(limit) or "")


def limits_of(rule: Rule) -> Iterator[Limit]:
    """All limits of a rule: ceilings, windows of allowances in layer order, spending limits, caps."""
    yield from rule.ceilings
    for layer in rule.waterfall:
        yield from layer.windows
    yield from rule.spending
    for layer in rule.waterfall:
        if layer.cap is not None:
            yield layer.cap


class Constraint(NamedTuple):
    """One thing that bounds a layer: so many units, and what to say if it is the one that blocks."""

    units: int
    blocker: Blocker


class Waterfall:
    """The layers of one attempt, poured one after the other."""

    def __init__(self, attempt: Attempt, rule: Rule) -> None:
        self.attempt = attempt
        self.profile = attempt.profile
        self.spending = attempt.applying(rule.spending)
        self.spent = 0  # micro-credits that layers of this request have taken so far
        self.legs: list[Leg] = []
        self.counted: list[tuple[Limit, int]] = []

    def give(self, layer: Layer, left: int) -> tuple[int, Blocker | None]:
        """How many of the units that are left the layer gives, and what stopped it if these are not all."""
        if layer.source == "allowance":
            return self.give_allowance(layer, left)
        if layer.source == "units":
            return self.give_units(left)
        if layer.consent and not self.profile.consent:  # law 5
            return 0, Blocker("consent", layer.source)
        if self.attempt.price is None:
            return 0, Blocker("credits", "price")
        if layer.source == "credits":
            return self.give_credits(self.attempt.price, left)
        return self.give_overage(layer, self.attempt.price, left)

    def give_allowance(self, layer: Layer, left: int) -> tuple[int, Blocker | None]:
        """Law 4: the room of the tightest window; what it gives counts in all its windows."""
        windows = self.attempt.applying(layer.windows)
        constraints = []
        for limit in windows:
            room = self.attempt.room(limit)
            if limit.of == "requests":
                units, need = (left if room else 0), 1
            else:
                units, need = room, left
            constraints.append(Constraint(units, self.attempt.blocker("window", limit, room, need)))
        given, blocker = tightest(constraints, left)
        if given:
            self.counted += [(limit, self.attempt.asked(limit, given)) for limit in windows]
            self.legs.append(Leg("allowance", given))
        return given, blocker

    def give_units(self, left: int) -> tuple[int, Blocker | None]:
        """Gifted units: lots in the feature's own measure."""
        name = self.attempt.feature.name
        total = sum(remains for _, remains in self.purse(name))
        given, blocker = tightest([Constraint(total, Blocker("units", name, total, left - total))], left)
        if given:
            self.legs.append(Leg("units", given, lots=self.draw(name, given)))
        return given, blocker

    def give_credits(self, price: int, left: int) -> tuple[int, Blocker | None]:
        """Prepaid credits, so many for a unit, as far as lots and spending limits go."""

        def amount(units: int) -> int:
            return units * price

        total = sum(remains for _, remains in self.purse("credits"))
        constraints = self.spending_constraints(amount, left)
        constraints.append(
            Constraint(most(amount, total, left), Blocker("credits", "credits", total, amount(left) - total))
        )
        given, blocker = tightest(constraints, left)
        if given:
            self.pay(Leg("credits", given, price, amount(given), self.draw("credits", amount(given))))
        return given, blocker

    def give_overage(self, layer: Layer, price: int, left: int) -> tuple[int, Blocker | None]:
        """Billed later, at a factor on the price, rounded once for the leg, as far as cap and spending limits go."""
        factor = Fraction(*layer.factor)

        def amount(units: int) -> int:
            return half_up(units * price * factor)

        constraints = self.spending_constraints(amount, left)
        caps = self.attempt.applying((layer.cap,)) if layer.cap else []
        for cap in caps:
            room = self.attempt.room(cap)
            constraints.append(
                Constraint(most(amount, room, left), self.attempt.blocker("cap", cap, room, amount(left)))
            )
        given, blocker = tightest(constraints, left)
        if given:
            self.pay(Leg("overage", given, half_up(price * factor), amount(given)))
            self.counted += [(cap, amount(given)) for cap in caps]
        return given, blocker

    def spending_constraints(self, amount: Callable[[int], int], left: int) -> list[Constraint]:
        """What each spending limit leaves after what this request has already been charged. Its blocker tells of the
        request as a whole: the room that there was before it, and how much more it needs altogether."""
        constraints = []
        for limit in self.spending:
            room = self.attempt.room(limit)
            blocker = self.attempt.blocker("spending", limit, room, self.spent + amount(left))
            constraints.append(Constraint(most(amount, room - self.spent, left), blocker))
        return constraints

    def pay(self, leg: Leg) -> None:
        """What a paid layer gave: it counts in all spending limits."""
        self.legs.append(leg)
        self.spent += leg.amount
        self.counted += [(limit, leg.amount) for limit in self.spending]

    def purse(self, measure: str) -> list[tuple[int, int]]:
        """Law 3: the eligible lots of a measure in the order in which they burn, with what remains of each."""

        def order(lot: Lot) -> tuple[int, int, int, int, int]:
            return lot.priority, lot.expires, 0 if lot.promotional else 1, lot.effective, lot.id

        now = self.attempt.now
        lots = [lot for lot in self.profile.lots if lot.measure == measure and lot.effective <= now < lot.expires]
        return [(lot.id, sum(self.attempt.account.lots[lot.id])) for lot in sorted(lots, key=order)]

    def draw(self, measure: str, amount: int) -> tuple[tuple[int, int], ...]:
        """Which lot gives how much."""
        parts = []
        for lot, remains in self.purse(measure):
            part = min(amount, remains)
            amount -= part
            if part:
                parts.append((lot, part))
        assert amount == 0
        return tuple(parts)


def tightest(constraints: list[Constraint], left: int) -> tuple[int, Blocker | None]:
    """What the constraints leave of `left`, and the first of those that leave least, if it is not all."""
    if not constraints:
        return left, None
    least = min(constraints, key=lambda constraint: constraint.units)  # min takes the first of equals
    return (least.units, least.blocker) if least.units < left else (left, None)


def most(amount: Callable[[int], int], room: int, left: int) -> int:
    """The largest number of units, at most `left`, whose amount fits into the room. Amounts never fall with units."""
    fits, fails = 0, left + 1
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if amount(middle) <= room:
            fits = middle
        else:
            fails = middle
    return fits
