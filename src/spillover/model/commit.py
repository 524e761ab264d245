"""What a store checks and changes in one atomic step; it never decides (design, section 5)."""

from __future__ import annotations

from msgspec import Struct

from spillover.model.account import Profile
from spillover.model.errors import StoreError
from spillover.model.event import StreamEntry

Cells = dict[str, int]
"""The account's fast numbers, name -> integer; a cell that is 0 is absent."""

Operation = tuple[str, int, int, int | None, int]
"""(name, low, high, floor, add): if low <= value <= high, the value becomes max(value, floor) + add."""


class Commit(Struct, frozen=True, gc=False):
    """The box of states in which a decision is true, and what to do then.

    `payload` is the encoded event to append (None for a denial, which only checks the box). `profile` replaces the
    account's (only the push of new terms does so; then `version` is the one it replaces, 0 for a new account).
    `denied` is (feature, reason, minute) to be counted for a denial. `hold` is (id, due, record) of an open hold to be
    put or replaced, `ended` the id of one to be removed; whether that may be is said by the box, on its cell.
    `seen` is the highest sequence of the account that this engine knows of in that epoch: a store that stands before it
    has lost something. `now` is the instant (ms) that was decided at, for stores to compare with their own clock; 0 for
    a clock that is turned by hand.
    """

    account: int
    epoch: int
    version: int
    operations: tuple[Operation, ...]
    key: str
    fingerprint: str
    payload: bytes | None = None
    profile: Profile | None = None
    denied: tuple[str, str, int] | None = None
    hold: tuple[str, int, bytes] | None = None
    ended: str = ""
    seen: int = 0
    now: int = 0


class Committed(Struct, frozen=True, gc=False):
    """Done. `sequence` is the event's (a denial: the account's present one), `cells` the values of those named."""

    sequence: int
    cells: Cells


class Duplicate(Struct, frozen=True, gc=False):
    """The key is known: the event that it made, and its fingerprint. Nothing was changed."""

    epoch: int
    sequence: int
    fingerprint: str
    payload: bytes


class Conflict(Struct, frozen=True, gc=False):
    """The state lies outside the box; nothing was changed. The fresh state to decide on again."""

    state: State


Outcome = Committed | Duplicate | Conflict


class Unanswered(Struct, frozen=True, gc=False):
    """The server that has the account did not answer, and others did: what it did is not known, the key decides."""

    error: StoreError


class OpenHold(Struct, frozen=True, gc=False):
    """An open hold as a store keeps it; `record` is its encoded `Hold`."""

    account: int
    id: str
    due: int
    record: bytes


class State(Struct):
    """An account's hot state as a store knows it: where it stands, its profile, and the cells asked for.

    `cells` holds every cell that was loaded, with 0 for one that is absent. A new account has sequence 0, version 0.
    `shut`: it is being rebuilt, and every commit is a Conflict until it is put back.
    """

    epoch: int
    sequence: int
    profile: Profile | None
    cells: Cells
    shut: bool = False


class Place(Struct, frozen=True, gc=False):
    """Where an account stands: `version` is that of its profile."""

    account: int
    epoch: int
    sequence: int
    version: int
    shut: bool = False


class Remembered(Struct, frozen=True, gc=False):
    """A key that made an event, and where that stands. `at`: the event's own instant (ms)."""

    key: str
    epoch: int
    sequence: int
    fingerprint: str
    at: int


class Standing(Struct, frozen=True):
    """All of an account's state at one moment: what a hot store knows, or the settled state that it is rebuilt from.

    `cells` has no zeros; `holds` stand in the order of their ids. `keys` are given only to put back.
    """

    account: int
    epoch: int
    sequence: int
    profile: Profile | None
    cells: Cells
    holds: tuple[OpenHold, ...] = ()
    keys: tuple[Remembered, ...] = ()
    shut: bool = False


class Backlog(Struct, frozen=True):
    """What waits in a stream: how many entries, and the oldest of them."""

    entries: int
    oldest: StreamEntry | None
