"""What an account has: the hot state beside the books, so that every surface shows the same three numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from spillover.core.decide import HOLDS, plan_of
from spillover.core.lots import burn_key, lot_cell
from spillover.engine.holding import decode_hold
from spillover.engine.known import Known
from spillover.model.account import AccountState, Lot, Profile
from spillover.model.commit import Cells
from spillover.model.hold import Hold
from spillover.model.reports import LotBalance, MeasureBalance
from spillover.ports import HotStore, Ledger


class LotStanding(Struct, frozen=True):
    """A live lot. `available` can be spent now (if the lot is in effect), `held` is what open holds keep of it,
    `settled` what the ledger has booked.

    All in micro-credits or units, by the lot's measure; `granted` is what it began with.
    """

    lot: Lot
    available: int
    held: int
    settled: int
    granted: int
    paid: str
    currency: str
    reference: str


class Standing(Struct, frozen=True):
    """What an account has in one measure: "credits" (micro-credits) or a feature (its gifted units).

    available: can be spent now. held: what open holds keep. settled: what the ledger has booked. receivable: advanced
    by the overage line. owed: overshoot that new credits have to pay first. `lots` in the order in which they burn.
    """

    measure: str
    available: int
    held: int
    settled: int
    receivable: int
    owed: int
    lots: tuple[LotStanding, ...]


class Balance(Struct, frozen=True):
    """An account's terms and what it has, credits first. `at` is the instant of reading."""

    account: str
    at: int
    plan: str
    state: AccountState
    measures: tuple[Standing, ...]

    @property
    def credits(self) -> int:
        """Micro-credits that can be spent now."""
        return sum(standing.available for standing in self.measures if standing.measure == "credits")


async def balance_of(store: HotStore, ledger: Ledger, known: Known, name: str, at: int) -> Balance:
    """The account's balance, read without changing anything. Raises UnknownName."""
    account = await known.account_now(name)
    profile = await ledger.profile(account)
    return await standing_of(store, ledger, profile, name, at)


async def standing_of(store: HotStore, ledger: Ledger, profile: Profile, name: str, at: int) -> Balance:
    """The balance of an account whose terms are known."""
    account = profile.account
    measures = await ledger.balances(account)
    lots = {lot.id for lot in profile.lots} | {lot.lot.id for measure in measures for lot in measure.lots}
    state = await store.load(account, [HOLDS, *(lot_cell(lot) for lot in lots)])
    holds = [decode_hold(found.record) for found in await store.holds(account)] if state.cells[HOLDS] else []
    standings = standings_of(profile, measures, state.cells, holds, at)
    return Balance(name, at, plan_of(profile, at), profile.state, standings)


def standings_of(
    profile: Profile, measures: Iterable[MeasureBalance], cells: Cells, holds: Sequence[Hold], at: int
) -> tuple[Standing, ...]:
    """What the account has in each measure, of which `holds` keep a part."""
    kept = held_of(holds)
    held: dict[str, int] = {}
    for hold in holds:  # also of lots that are not live any more: it is theirs until the hold ends
        for part in hold.parts:
            measure = hold.feature if part.leg.layer == "units" else part.leg.layer
            held[measure] = held.get(measure, 0) + sum(amount for _, amount in part.leg.lots)
    return tuple(_standing(profile, measure, cells, kept, held.get(measure.measure, 0), at) for measure in measures)


def held_of(holds: Iterable[Hold]) -> dict[int, int]:
    """Lot -> what open holds keep of it."""
    kept: dict[int, int] = {}
    for hold in holds:
        for lot, amount in hold.lots.items():
            kept[lot] = kept.get(lot, 0) + amount
    return kept


def _standing(
    profile: Profile, measure: MeasureBalance, cells: Cells, kept: Mapping[int, int], held: int, at: int
) -> Standing:
    lots = [_lot(lot, cells, kept) for lot in measure.lots]
    booked = {lot.lot.id for lot in lots}
    for lot in profile.lots:  # what has just rolled over can be spent before it is booked
        if lot.measure == measure.measure and lot.id not in booked and cells.get(lot_cell(lot.id), 0):
            lots.append(_lot(LotBalance(lot, 0, 0, 0, "", "", "", "", at), cells, kept))
    usable = sum(lot.available for lot in lots if lot.lot.effective <= at < lot.lot.expires)
    burning = tuple(sorted(lots, key=lambda lot: burn_key(lot.lot)))
    return Standing(measure.measure, usable, held, measure.balance, measure.receivable, measure.owed, burning)


def _lot(lot: LotBalance, cells: Cells, kept: Mapping[int, int]) -> LotStanding:
    available, held = cells.get(lot_cell(lot.lot.id), 0), kept.get(lot.lot.id, 0)
    return LotStanding(lot.lot, available, held, lot.balance, lot.granted, lot.paid, lot.currency, lot.reference)
