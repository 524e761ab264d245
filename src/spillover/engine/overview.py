"""All that a customer's page tells of an account, in one consistent reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from spillover.core.decide import HOLDS, TOLERANCE, plan_of
from spillover.core.gauges import gauge_cells
from spillover.core.instants import period
from spillover.core.lots import lot_cell
from spillover.engine.holding import decode_hold
from spillover.engine.known import Known
from spillover.engine.limits import FeatureStanding, Whom, features_of, told
from spillover.engine.reading import Standing, standings_of
from spillover.model.account import NEVER, AccountState, Profile
from spillover.model.commit import Cells
from spillover.model.errors import UnknownName, shown
from spillover.model.hold import Hold
from spillover.model.policy import Policy, Window
from spillover.model.reports import MeasureBalance, UsageRow
from spillover.ports import HotStore, Ledger

ROUNDS_MAX = 4
"""How often it is read again because the account changed between; after that what is held may be a moment younger."""
NEXT_MAX = 32
"""Things told of what falls due next."""
VALUES_MAX = 100
"""Values told of an attribute, of today's usage."""

NextKind = Literal["plan", "gift", "lot starts", "lot ends", "hold ends", "limit ends"]


class HoldStanding(Struct, frozen=True):
    """An open hold: what it is on, when it is due (ms), and what it keeps: units, micro-credits, (lot, amount)."""

    key: str
    feature: str
    subject: str
    opened: int
    due: int
    usage: dict[str, int]
    units: int
    amount: int
    lots: tuple[tuple[int, int], ...]


class Next(Struct, frozen=True):
    """Something that falls due at an instant (ms): a plan, a gift, a lot's start or end, a hold's, another maximum's.

    `name` is the plan, PLAN/GIFT, the lot's id, the hold's key or the limit's title; `amount` what the gift brings, the
    lot has or the hold keeps.
    """

    at: int
    kind: NextKind
    name: str
    measure: str = ""
    amount: int = 0


class Today(Struct, frozen=True):
    """What was used since midnight of the account's own zone: by feature, and by attribute.

    It counts what is booked so far: what waits in the stream and what open holds keep is not in it. `charged` is in
    micro-credits. Of an attribute the 100 dearest values are told, of at most 1000 that were booked.
    """

    since: int
    until: int
    charged: int
    features: tuple[UsageRow, ...]
    attributes: tuple[tuple[str, tuple[UsageRow, ...]], ...]


class Overview(Struct, frozen=True):
    """An account at the instant `at` (ms): terms, what it has, its limits, open holds, today, and what is next.

    `next_plan` comes into force at `next_at`; "" and None where no change is scheduled. `measures`: credits first, each
    with its lots in burn order. `policy` is the hash of the policy that decides.
    """

    account: str
    at: int
    plan: str
    next_plan: str
    next_at: int | None
    state: AccountState
    consent: bool
    zone: str
    billing_day: int
    policy: str
    measures: tuple[Standing, ...]
    features: tuple[FeatureStanding, ...]
    holds: tuple[HoldStanding, ...]
    next: tuple[Next, ...]
    today: Today

    @property
    def credits(self) -> int:
        """Micro-credits that can be spent now."""
        return sum(standing.available for standing in self.measures if standing.measure == "credits")


class _Seen(NamedTuple):
    """What was read of an account at one place of its history."""

    profile: Profile
    cells: Cells
    holds: list[Hold]
    measures: Sequence[MeasureBalance]


async def overview_of(
    policy: Policy, store: HotStore, ledger: Ledger, known: Known, name: str, asked: Mapping[str, str], at: int
) -> Overview:
    """The overview of an account, without what was booked today. Raises UnknownName.

    `asked`: "subject" or an attribute -> the value whose own limits are told too.
    """
    account = await known.account_now(name)
    for label in asked:
        if label != "subject" and label not in policy.attributes:
            expected = f"one that the policy declares: {', '.join(policy.attributes) or 'none'}"
            raise UnknownName("attribute", shown(label), expected)
    hidden = [value for label, value in asked.items() if label not in policy.priced]
    tokens = await ledger.tokens_known(account, hidden) if hidden else {}
    whom = {
        label: (value, value if label in policy.priced else tokens.get(value, f"new {value}"))
        for label, value in asked.items()
    }
    seen = await _read(policy, store, ledger, account, whom, at)
    profile, plan = seen.profile, plan_of(seen.profile, at)
    names = await ledger.names(account) if _has_names(seen) else {}
    measures = tuple(_named(standing, names) for standing in _standings(seen, at))
    changes = bool(profile.next_plan) and profile.next_at > at
    since, until = period(Window("calendar", unit="day", zone="account"), profile, at)
    return Overview(
        name, at, plan, profile.next_plan if changes else "", profile.next_at if changes else None, profile.state,
        profile.consent, profile.zone, profile.anchor, policy.hash, measures,
        features_of(policy, plan, seen.profile, seen.cells, whom, at), tuple(_hold(hold, names) for hold in seen.holds),
        tuple(sorted(_next(policy, seen, measures, at), key=lambda one: (one.at, one.kind, one.name))[:NEXT_MAX]),
        Today(since, until, 0, (), tuple((attribute, ()) for attribute in policy.attributes)),
    )  # fmt: skip


async def today_of(ledger: Ledger, account: int, today: Today) -> Today:
    """What was booked of that day, for the attributes that it names."""
    features = (await ledger.usage(account, by=("feature",), since=today.since, until=today.until)).rows
    attributes = []
    for name, _ in today.attributes:
        rows = (await ledger.usage(account, by=(name,), since=today.since, until=today.until)).rows
        dearest = sorted(rows, key=lambda row: (-row.charged, -row.requests, row.group))
        attributes.append((name, tuple(dearest[:VALUES_MAX])))
    charged = sum(row.charged for row in features)
    return replace(today, charged=charged, features=features, attributes=tuple(attributes))


async def _read(policy: Policy, store: HotStore, ledger: Ledger, account: int, whom: Whom, at: int) -> _Seen:
    seen, tries = None, 0
    while seen is None or tries < ROUNDS_MAX:
        tries += 1
        profile = await ledger.profile(account)
        measures = await ledger.balances(account)
        plan = policy.plans.get(plan_of(profile, at))
        names = dict.fromkeys([HOLDS])
        for rule in plan.rules if plan else ():
            for limit, _, value in told(rule, whom):
                names.update(dict.fromkeys(gauge_cells(limit, value, "", policy.late > TOLERANCE)))
        lots = {lot.id for lot in profile.lots} | {lot.lot.id for measure in measures for lot in measure.lots}
        state = await store.load(account, [*names, *(lot_cell(lot) for lot in lots)])
        holds = [decode_hold(found.record) for found in await store.holds(account)] if state.cells[HOLDS] else []
        seen = _Seen(profile, state.cells, holds, measures)
        after = await store.load(account, ())
        if (after.epoch, after.sequence) == (state.epoch, state.sequence):
            break
    return seen


def _standings(seen: _Seen, at: int) -> tuple[Standing, ...]:
    return standings_of(seen.profile, seen.measures, seen.cells, seen.holds, at)


def _hold(hold: Hold, names: Mapping[str, str]) -> HoldStanding:
    amount = sum(part.leg.amount for part in hold.parts)
    return HoldStanding(
        hold.key, hold.feature, names.get(hold.subject, ""), hold.opened, hold.due, hold.usage, hold.units, amount,
        tuple(hold.lots.items()),
    )  # fmt: skip


def _next(policy: Policy, seen: _Seen, measures: Iterable[Standing], at: int) -> Iterator[Next]:
    """What falls due, in no order. What is overdue is told too: it will be seen to in a moment."""
    profile = seen.profile
    if profile.next_plan and profile.next_at > at:
        yield Next(profile.next_at, "plan", profile.next_plan)
    plan, given = policy.plans.get(plan_of(profile, at)), dict(profile.gifts)
    for gift in plan.gives if plan and profile.state != "closed" else ():
        title = f"{plan.name}/{gift.name}" if plan else gift.name
        due = given.get(title, at)
        if due < NEVER:
            yield Next(due, "gift", title, gift.measure, gift.amount)
    for standing in measures:
        for lot in standing.lots:
            left = lot.available + lot.held
            if left and lot.lot.effective > at:
                yield Next(lot.lot.effective, "lot starts", str(lot.lot.id), standing.measure, left)
            if left and lot.lot.expires < NEVER:
                yield Next(lot.lot.expires, "lot ends", str(lot.lot.id), standing.measure, left)
    for hold in seen.holds:
        yield Next(hold.due, "hold ends", hold.key, hold.feature, hold.units)
    for override in profile.overrides:
        if at < override.until < NEVER:
            yield Next(override.until, "limit ends", override.limit, "", override.max)


def _has_names(seen: _Seen) -> bool:
    """Whether anything of this names a person, or might."""
    return any(lot.scope for lot in seen.profile.lots) or any(hold.subject for hold in seen.holds)


def _named(standing: Standing, names: Mapping[str, str]) -> Standing:
    """The same, with the names of people in the scopes of lots."""
    lots = []
    for lot in standing.lots:
        scope = tuple((what, tuple(names.get(value, value) for value in values)) for what, values in lot.lot.scope)
        lots.append(replace(lot, lot=replace(lot.lot, scope=scope)) if scope else lot)
    return replace(standing, lots=tuple(lots))
