"""What is read back from the books: balances, usage, statements. Credits are micro-credits, instants milliseconds."""

from __future__ import annotations

from msgspec import Struct

from spillover.model.account import AccountState, Lot
from spillover.model.books import Charge, UpdateKind
from spillover.model.event import Event


class LotBalance(Struct, frozen=True):
    """A live lot: its terms, what is left of it in the books, and what was paid for it, as given at the grant."""

    lot: Lot
    granted: int
    balance: int
    spent: int
    paid: str
    currency: str
    tax: str
    reference: str
    granted_at: int


class MeasureBalance(Struct, frozen=True):
    """What the account has in one measure: "credits" (micro-credits), or a feature (its gifted units).

    `balance` is the settled one: granted and not yet booked as spent. `granted` and `spent` count all lots there ever
    were, `receivable` what the overage line has advanced, `owed` what overshoot left to be paid (both credits only).
    `lots` are the live ones, in burn order.
    """

    measure: str
    balance: int
    granted: int
    spent: int
    receivable: int
    owed: int
    lots: tuple[LotBalance, ...]


class PastBalance(Struct, frozen=True):
    """What the books say of one measure as of an instant that is past."""

    measure: str
    balance: int
    receivable: int
    owed: int


class EndedLot(Struct, frozen=True):
    """A lot whose time is over and of which the books still have something, or that holds still draw on; `key` is that
    of its grant."""

    lot: Lot
    balance: int
    key: str


class Publication(Struct, frozen=True):
    """A policy in force from `since` on, as it was published at `at`."""

    number: int
    hash: str
    since: int
    at: int


class LayerUse(Struct, frozen=True):
    """What one layer gave: `units`, and the micro-credits charged for them (0 for allowance and gifted units)."""

    layer: str
    units: int
    amount: int


class UsageRow(Struct, frozen=True):
    """The usage of one group. `group` has a value for each name of `by`, in that order; "" where an event has none.

    `charged` is in micro-credits. `units` of different features are only comparable where the group is by feature.
    """

    group: tuple[str, ...]
    requests: int
    units: int
    charged: int
    layers: tuple[LayerUse, ...]


class UsagePage(Struct, frozen=True):
    """Groups in order. `after` continues behind the last one; None: there is no more."""

    rows: tuple[UsageRow, ...]
    after: tuple[str, ...] | None


class StatementRow(Struct, frozen=True):
    """One balance update, as booked. `actor_name` is the name behind `actor`, where that is a token not erased."""

    number: int
    at: int
    kind: UpdateKind
    measure: str
    lot: int
    delta: int
    source: str
    target: str
    lot_after: int
    account_after: int
    cause: str
    reason: str
    actor: str
    actor_name: str


class StatementPage(Struct, frozen=True):
    """Balance updates in the order of the books. `after` continues behind the last one; None: there is no more."""

    rows: tuple[StatementRow, ...]
    after: int | None


class AccountRow(Struct, frozen=True):
    """An account as listed; `name` is None for one that was erased."""

    account: int
    name: str | None
    plan: str
    state: AccountState
    version: int
    epoch: int
    settled_sequence: int


class AccountPage(Struct, frozen=True):
    """Accounts in the order of their ids. `after` continues behind the last one; None: there is no more."""

    rows: tuple[AccountRow, ...]
    after: int | None


class BookedEvent(Struct, frozen=True):
    """A usage event as the books have it, with what is charged for it."""

    epoch: int
    sequence: int
    event: Event
    charge: Charge | None


class PlacedEvent(Struct, frozen=True):
    """A usage event with its place."""

    epoch: int
    sequence: int
    event: Event


class EventPage(Struct, frozen=True):
    """Booked events in order. `after` continues behind the last one; None: there is no more."""

    rows: tuple[PlacedEvent, ...]
    after: tuple[int, int, int] | None


class QuarantinedEvent(Struct, frozen=True):
    """An event that could not be booked, and why. `counted`: it took its sequence in the account's order."""

    account: int
    epoch: int
    sequence: int
    key: str
    reason: str
    at: int | None
    counted: bool
    payload: bytes
