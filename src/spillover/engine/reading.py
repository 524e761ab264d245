"""What an account has: the hot state beside the books, so that every surface shows the same three numbers."""

from __future__ import annotations

from msgspec import Struct

from spillover.core.lots import lot_cell
from spillover.engine.known import Known
from spillover.model.account import AccountState, Lot
from spillover.model.reports import LotBalance, MeasureBalance
from spillover.ports import HotStore, Ledger


class LotStanding(Struct, frozen=True):
    """A live lot. `available` can be spent now (if the lot is in effect), `settled` is what the ledger has booked.

    Both in micro-credits or units, by the lot's measure; `granted` is what it began with.
    """

    lot: Lot
    available: int
    settled: int
    granted: int
    paid: str
    currency: str
    reference: str


class Standing(Struct, frozen=True):
    """What an account has in one measure: "credits" (micro-credits) or a feature (its gifted units).

    available: can be spent now. held: what open holds keep. settled: what the ledger has booked. owed: advanced by the
    overage line. `lots` in the order in which they burn.
    """

    measure: str
    available: int
    held: int
    settled: int
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
    account = await known.account(name)
    profile = await ledger.profile(account)
    state = await store.load(account, [lot_cell(lot.id) for lot in profile.lots])
    measures = await ledger.balances(account)
    standings = tuple(_standing(measure, state.cells, at) for measure in measures)
    return Balance(name, at, profile.plan, profile.state, standings)


def _standing(measure: MeasureBalance, cells: dict[str, int], at: int) -> Standing:
    lots = tuple(_lot(lot, cells) for lot in measure.lots)
    usable = sum(lot.available for lot in lots if lot.lot.effective <= at < lot.lot.expires)
    return Standing(measure.measure, usable, 0, measure.balance, measure.owed, lots)


def _lot(lot: LotBalance, cells: dict[str, int]) -> LotStanding:
    available = cells.get(lot_cell(lot.lot.id), 0)
    return LotStanding(lot.lot, available, lot.balance, lot.granted, lot.paid, lot.currency, lot.reference)
