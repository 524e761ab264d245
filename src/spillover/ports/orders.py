"""What the ledger is asked to book besides usage, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from spillover.model.account import AccountState, Lot, Override, Profile
from spillover.model.commit import Standing
from spillover.model.event import Entry, StreamEntry
from spillover.model.reports import LotBalance, PlacedEvent, StatementRow
from spillover.model.terms import Lower, Reset


class Push(Struct, frozen=True):
    """New terms that the ledger has booked and the hot state does not know yet (the outbox).

    Replaces profile `profile.version - 1`, adds `raised` (lot id -> amount) to the lots' cells, takes `relieved` off
    what the overage line has advanced, lowers lots and resets limits, once. `entries` go into the event as they are.
    `at` is the instant (ms) at which it was booked: it comes into force then or later, whoever's clock pushes it.
    """

    profile: Profile
    raised: tuple[tuple[int, int], ...] = ()
    relieved: int = 0
    lowers: tuple[Lower, ...] = ()
    resets: tuple[Reset, ...] = ()
    entries: tuple[Entry, ...] = ()
    reason: str = ""
    actor: str = ""
    at: int = 0


class InBooks(Struct, frozen=True):
    """What the books have of one account at one moment, for a hot state to be compared with.

    `version`: of the newest terms. `settled`: the settled state, without keys. `lots`: all that it ever had, by id.
    `waiting`: the terms in the outbox, in version order.
    """

    version: int
    settled: Standing
    lots: tuple[LotBalance, ...]
    waiting: tuple[Push, ...]


class Since(Struct, frozen=True):
    """Which news are wanted of an account: what is behind this place (`updates`: the number of a balance update).

    `most`: of events, and of balance updates, at most so many. `cells`: its settled state too, where that has at most
    so many cells; 0 for none.
    """

    account: int
    epoch: int
    sequence: int
    updates: int
    most: int
    cells: int = 0


class News(Struct, frozen=True):
    """What came to an account behind a place, all of one moment.

    `name`: None for one that was erased. `reached`: the (epoch, sequence) up to which `events` go: where the books
    stand, or the last of these where there are more. `updates`: how many balance updates the account has in all.
    `rows`: the first of those behind the place, without the names behind their actors and without keys; `more` follow.
    `settled`: the settled state, without holds and keys, if it was asked for.
    """

    name: str | None
    reached: tuple[int, int]
    events: tuple[PlacedEvent, ...]
    updates: int
    rows: tuple[StatementRow, ...]
    more: bool
    settled: Standing | None


class Terms(Struct, frozen=True):
    """What `accounts.put` may set; None leaves a thing as it is (a new account gets the default).

    `next_plan` from `next_at` on; a `plan` that is set drops what was scheduled, unless it sets that too. `gift`:
    (PLAN/NAME, the instant from which the next is due), remembered beside those there are.
    """

    plan: str | None = None
    zone: str | None = None
    anchor: int | None = None
    consent: bool | None = None
    state: AccountState | None = None
    next_plan: str | None = None
    next_at: int | None = None
    gift: tuple[str, int] | None = None


class Grant(Struct, frozen=True):
    """A lot to be raised: its terms (id 0: the ledger gives the next one), the amount, and what it is for.

    `amount` is micro-credits or units, by the lot's measure; `paid`, `currency`, `tax` and `reference` are carried as
    they were given.
    """

    lot: Lot
    amount: int
    key: str
    reason: str
    actor: str
    paid: str = ""
    currency: str = ""
    tax: str = ""
    reference: str = ""
    gift: tuple[str, int] | None = None


class Change(Struct, frozen=True):
    """Any other change of an account that is ordered once, under a key.

    `adds`: (lot, amount) to raise lots by, as adjustments. `lowers`: what the hot state is to take from lots; `into`
    are the terms of new lots (id 0) that rollovers go to: `Lower.to` is then -1 for the first, -2 for the second.
    `overrides` replace those of the same limit and scope.
    """

    key: str
    reason: str
    actor: str
    adds: tuple[tuple[int, int], ...] = ()
    lowers: tuple[Lower, ...] = ()
    into: tuple[Lot, ...] = ()
    resets: tuple[Reset, ...] = ()
    overrides: tuple[Override, ...] = ()


class Refund(Struct, frozen=True):
    """A refund of the last `units` of a settled usage event (None: all that is left of it), known by its `event_key`.

    A lot that has expired by then gets nothing: it becomes a new lot that lives `lasts` ms, or with 0 is posted and
    posted as expired.
    """

    event_key: str
    key: str
    reason: str
    actor: str
    units: int | None = None
    lasts: int = 0


class Refunded(Struct, frozen=True):
    """What a refund gave back: units in all, (lot, amount) in order, what the overage line was relieved of, and of the
    amounts what was posted as expired at once, and (lot, amount) of those posted as revoked: nobody can spend these."""

    units: int
    lots: tuple[tuple[int, int], ...]
    relieved: int = 0
    expired: int = 0
    revoked: tuple[tuple[int, int], ...] = ()


class Settled(Struct, frozen=True):
    """What became of a batch: entries to acknowledge (booked now or before, or quarantined), those left for later
    because an earlier one of their account is missing, and how many were quarantined."""

    done: tuple[StreamEntry, ...]
    parked: tuple[StreamEntry, ...]
    quarantined: int
