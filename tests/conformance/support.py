"""What the conformance suite needs to speak of any hot store: a face, the ground of a rung, ways to write items."""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw
from msgspec.structs import replace

from spillover.model.account import Profile
from spillover.model.commit import (
    Backlog,
    Commit,
    Committed,
    Conflict,
    Duplicate,
    OpenHold,
    Operation,
    Outcome,
    Place,
    Remembered,
    Standing,
    State,
)
from spillover.model.event import SCHEMA, Event, EventKind, StreamEntry
from spillover.model.reports import DenialCount
from spillover.ports import Again, HotStore
from spillover.stores.sqlite import SQLiteHotStore

T = TypeVar("T")
Denials = dict[tuple[int, str, str, int], int]
MOST = 2**53 - 1
MANY = 1_000_000
MINUTE = 60_000
ANY = (-MOST, MOST)

_keys = (f"key-{n}" for n in itertools.count())


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """No adapter suspends (decision 0006), so its coroutine ends at the first step."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a store suspended")


class Hot:
    """A store with a synchronous face. `accounts` learns which accounts something was committed for."""

    def __init__(self, store: HotStore, accounts: set[int] | None = None) -> None:
        self.store = store
        self._accounts = set[int]() if accounts is None else accounts

    def load(self, account: int, *names: str) -> State:
        return run(self.store.load(account, names))

    def commit(self, *batch: Commit, again: Again | None = None) -> list[Outcome]:
        self._accounts.update(item.account for item in batch)
        return run(self.store.commit(batch, again))

    def one(self, item: Commit, again: Again | None = None) -> Outcome:
        (outcome,) = self.commit(item, again=again)
        return outcome

    def find(self, account: int, key: str) -> Duplicate | None:
        return run(self.store.find(account, key))

    def hold(self, account: int, id_: str) -> OpenHold | None:
        return run(self.store.hold(account, id_))

    def holds(self, account: int) -> list[OpenHold]:
        return run(self.store.holds(account))

    def due(
        self, until: int = MOST, limit: int = MANY, account: int | None = None, shards: Sequence[int] | None = None
    ) -> list[OpenHold]:
        return run(self.store.due(until, limit, account, shards))

    def denials(self, account: int, since: int = 0, until: int = MOST, limit: int = MANY) -> list[DenialCount]:
        return run(self.store.denials(account, since, until, limit))

    def read(self, limit: int = MANY, shards: Sequence[int] | None = None) -> list[StreamEntry]:
        return run(self.store.read(limit, shards))

    def entries(self, account: int, limit: int = MANY) -> list[StreamEntry]:
        return run(self.store.entries(account, limit))

    def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        run(self.store.acknowledge(entries))

    def backlog(self, shards: Sequence[int] | None = None) -> Backlog:
        return run(self.store.backlog(shards))

    def places(self, *accounts: int) -> dict[int, Place]:
        return run(self.store.places(accounts))

    def standing(self, account: int) -> Standing | None:
        return run(self.store.standing(account))

    def standings(self, *accounts: int) -> dict[int, Standing]:
        return run(self.store.standings(accounts))

    def shut(self, account: int) -> Place:
        return run(self.store.shut(account))

    def shut_accounts(self, limit: int = MANY) -> list[int]:
        return run(self.store.shut_accounts(limit))

    def put_back(self, standing: Standing) -> bool:
        return run(self.store.put_back(standing))

    def close(self) -> None:
        run(self.store.close())

    def values(self, account: int, *names: str) -> tuple[int, ...]:
        return tuple(self.load(account, *names).cells[name] for name in names)


def by_account(entries: Sequence[StreamEntry]) -> list[StreamEntry]:
    """Each account's entries in the order in which they came: a store of several streams promises no other order."""
    return sorted(entries, key=lambda entry: entry.account)


class Rung(ABC):
    """One kind of store.

    `locked`: conflicts are decided again under a lock, once, and a batch whose `again` raises leaves nothing. Otherwise
    they are decided again outside and sent again, a stated number of times. `own_clock`: a commit's `now` is compared
    with the server's clock. `nul`: texts may hold a NUL (the door lets none in).
    """

    locked = True
    own_clock = False
    nul = True

    def __init__(self) -> None:
        self._accounts = set[int]()
        self._open: list[Hot] = []

    @abstractmethod
    def store(self) -> HotStore:
        """One more store object, where the rung can be shared."""

    def open(self) -> Hot:
        """A store object on that state: each call another one, where the rung can be shared."""
        self._open.append(Hot(self.store(), self._accounts))
        return self._open[-1]

    @abstractmethod
    def book(self, entries: Sequence[StreamEntry], table: str = "usage_events") -> None:
        """What settlement does besides acknowledging: the ledger keeps the events, or puts them into `quarantine`."""

    def denials(self) -> Denials:
        """All that were counted, of the accounts that something was committed for."""
        hot = Hot(self.store())
        counts = {
            (account, one.feature, one.reason, one.minute // MINUTE): one.count
            for account in self._accounts
            for one in hot.denials(account, 0, MOST, MANY)
        }
        self._leave(hot)
        return counts

    def clock(self) -> int:
        """The store's own clock, in ms."""
        return time.time_ns() // 1_000_000

    def close(self) -> None:
        for hot in self._open:
            hot.close()
        self._open.clear()

    def _leave(self, hot: Hot) -> None:
        hot.close()


class SQLiteRung(Rung):
    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__()
        self.path = folder / "hot.db"
        self._options = options

    def store(self) -> HotStore:
        return SQLiteHotStore(self.path, **self._options)

    def book(self, entries: Sequence[StreamEntry], table: str = "usage_events") -> None:
        connection = apsw.Connection(str(self.path))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS usage_events (account, epoch, sequence, key, payload, UNIQUE (account, key));"
            "CREATE TABLE IF NOT EXISTS quarantine (account, epoch, sequence, key, payload)"
        )
        rows = [(e.account, e.epoch, e.sequence, e.key, e.payload) for e in entries]
        with connection:
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", rows)
        connection.close()


def add(name: str, amount: int, low: int = -MOST, high: int = MOST, floor: int | None = None) -> Operation:
    return (name, low, high, floor, amount)


def grant(
    *operations: Operation, account: int = 1, key: str | None = None, epoch: int = 1, version: int = 0, **more: Any
) -> Commit:
    """A decision that appends an event; its key is new unless given."""
    key = next(_keys) if key is None else key
    more = {"fingerprint": f"request of {key}", "payload": f"event of {key}".encode()} | more
    return Commit(account, epoch, version, operations, key, **more)


def denial(*operations: Operation, denied: tuple[str, str, int] | None = None, **more: Any) -> Commit:
    return grant(*operations, payload=None, denied=denied, **more)


def event(kind: EventKind, **more: Any) -> Event:
    """An event with all that it must have, of account 1 and key `k`."""
    common = {"schema": SCHEMA, "rules": 2, "account": 1, "key": "k", "fingerprint": "f", "at": 5, "profile": 1}
    return Event(kind=kind, changes=(), **common, **more)


def profile(version: int, account: int = 1, plan: str = "plus") -> Profile:
    return Profile(account, version, plan, anchor=1_700_000_000_000)


def push(version: int, *operations: Operation, account: int = 1, **more: Any) -> Commit:
    """New terms: profile `version` replaces the one before."""
    terms = profile(version, account)
    return grant(*operations, account=account, version=version - 1, profile=terms, **more)


def settled(account: int = 1, epoch: int = 2, sequence: int = 0, version: int = 0, **more: Any) -> Standing:
    """A state to be put back: of an epoch above the first."""
    terms = profile(version, account) if version else None
    return Standing(account, epoch, sequence, terms, **{"cells": {}} | more)


def remembered(item: Commit, epoch: int, sequence: int, at: int = 1_700_000_000_000) -> Remembered:
    """The item's key as the books give it back."""
    return Remembered(item.key, epoch, sequence, item.fingerprint, at)


def solid(conflict: Outcome | State) -> State:
    """The state (of a conflict) without its zeros: a store may name cells that are absent."""
    state = conflict.state if isinstance(conflict, Conflict) else conflict
    assert isinstance(state, State)
    return replace(state, cells={name: value for name, value in state.cells.items() if value})


def kinds(outcomes: Sequence[Outcome]) -> str:
    """One letter each: c(ommitted), d(uplicate), x (conflict)."""
    return "".join({Committed: "c", Duplicate: "d", Conflict: "x"}[type(outcome)] for outcome in outcomes)
