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
    """A policy in force from `since` on, as it was published at `at`, why and by whom.

    `withdraws` is not 0: this puts nothing in force, but takes back the publication with that number, whose `hash` and
    `since` it repeats.
    """

    number: int
    hash: str
    since: int
    at: int
    reason: str = ""
    actor: str = ""
    withdraws: int = 0


class Published(Struct, frozen=True):
    """What publishing a policy came to: by which publication it is in force from the wanted instant on.

    `changed` is False where it is so anyway; nothing was written then. `replaces`: those that were scheduled and will
    never come into force now. `coming`: the others that will, in the order in which they come.
    """

    publication: Publication
    changed: bool
    replaces: tuple[Publication, ...] = ()
    coming: tuple[Publication, ...] = ()


class Withdrawn(Struct, frozen=True):
    """The publication that was taken back, and those that will come into force, in that order.

    `returns`: those of them that it would have replaced.
    """

    publication: Publication
    coming: tuple[Publication, ...] = ()
    returns: tuple[Publication, ...] = ()


MOVED = "moved to "
"""How the reason of an epoch begins in which the account is shut for good, because it lives elsewhere now."""


class RaisedEpoch(Struct, frozen=True):
    """One rebuild of an account: since when and why its events are of `epoch`; `ended` is the last settled sequence of
    the epoch before."""

    account: int
    epoch: int
    ended: int
    at: int
    reason: str
    actor: str

    @property
    def moved_to(self) -> str:
        """Where the account lives since then; "" if it was not moved away. What was lost on the way stands behind."""
        return self.reason.removeprefix(MOVED).partition("; lost: ")[0] if self.reason.startswith(MOVED) else ""


class DenialCount(Struct, frozen=True):
    """How often a feature was denied in the minute that begins at `minute` (ms), for one reason: a kind of blocker."""

    feature: str
    reason: str
    minute: int
    count: int


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
    """One balance update, as booked. `actor_name` is the name behind `actor`, where that is a token not erased.

    `key` is that of the request behind `cause`, or of the hold that ended there, by which it is explained and refunded;
    "" where the cause is no usage (an order, new terms).
    """

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
    key: str


class PolicyChange(Struct, frozen=True):
    """Another policy, and so perhaps other prices, for all accounts from `at` on: hashes, why and by whom."""

    at: int
    before: str
    after: str
    reason: str
    actor: str


class StatementPage(Struct, frozen=True):
    """Balance updates in the order of the books. `after` continues behind the last one; None: there is no more.

    `policies` are the changes of policy within the time asked for, on the first page; they are no rows of the account's
    own chain.
    """

    rows: tuple[StatementRow, ...]
    after: int | None
    policies: tuple[PolicyChange, ...] = ()


class AccountRow(Struct, frozen=True):
    """An account as listed; `name` is None for one that was erased.

    `settled` is what the books have of its credits, `owed` what new credits pay first, `receivable` what the overage
    line has advanced; all in micro-credits.
    """

    account: int
    name: str | None
    plan: str
    state: AccountState
    version: int
    epoch: int
    settled_sequence: int
    settled: int
    owed: int
    receivable: int


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
