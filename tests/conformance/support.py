"""What the conformance suite needs to speak of any hot store: rungs to open stores on, and ways to write items."""

from __future__ import annotations

import itertools
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import apsw

from spillover.model.account import Profile
from spillover.model.commit import Commit, Committed, Conflict, Duplicate, OpenHold, Operation, Outcome, State
from spillover.model.event import SCHEMA, Event, EventKind, StreamEntry
from spillover.model.reports import DenialCount
from spillover.ports import Again, HotStore
from spillover.stores.memory import MemoryHotStore
from spillover.stores.sqlite import SQLiteHotStore

T = TypeVar("T")
Denials = dict[tuple[int, str, str, int], int]
MOST = 2**53 - 1
ANY = (-MOST, MOST)

_keys = (f"key-{n}" for n in itertools.count())


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """An embedded adapter never suspends, so its coroutine ends at the first step."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("an embedded store suspended")


class Hot:
    """A store with a synchronous face."""

    def __init__(self, store: HotStore) -> None:
        self.store = store

    def load(self, account: int, *names: str) -> State:
        return run(self.store.load(account, names))

    def commit(self, *batch: Commit, again: Again | None = None) -> list[Outcome]:
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

    def due(self, until: int = MOST, limit: int = 1_000_000, account: int | None = None) -> list[OpenHold]:
        return run(self.store.due(until, limit, account))

    def denials(self, account: int, since: int = 0, until: int = MOST, limit: int = 1_000_000) -> list[DenialCount]:
        return run(self.store.denials(account, since, until, limit))

    def read(self, limit: int = 1_000_000) -> list[StreamEntry]:
        return run(self.store.read(limit))

    def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        run(self.store.acknowledge(entries))

    def close(self) -> None:
        run(self.store.close())

    def values(self, account: int, *names: str) -> tuple[int, ...]:
        return tuple(self.load(account, *names).cells[name] for name in names)


class Rung(Protocol):
    """One kind of store, on a state of its own. A new rung of the ladder is one more class here."""

    def open(self) -> Hot:
        """A store object on that state: each call another one, where the rung can be shared."""
        ...

    def book(self, entries: Sequence[StreamEntry], table: str = "usage_events") -> None:
        """What settlement does besides acknowledging: the ledger keeps the events, or puts them into `quarantine`."""
        ...

    def denials(self) -> Denials: ...

    def close(self) -> None: ...


class MemoryRung:
    def __init__(self) -> None:
        self._store = MemoryHotStore()

    def open(self) -> Hot:
        return Hot(self._store)

    def book(self, entries: Sequence[StreamEntry], table: str = "usage_events") -> None:
        """The oracle keeps every event by itself."""

    def denials(self) -> Denials:
        return dict(self._store._tables.denials)

    def close(self) -> None:
        run(self._store.close())


class SQLiteRung:
    def __init__(self, folder: Path, **options: Any) -> None:
        self.path = folder / "hot.db"
        self._options = options
        self._open: list[Hot] = []

    def open(self) -> Hot:
        self._open.append(Hot(SQLiteHotStore(self.path, **self._options)))
        return self._open[-1]

    def book(self, entries: Sequence[StreamEntry], table: str = "usage_events") -> None:
        connection = apsw.Connection(str(self.path))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS usage_events (account, epoch, sequence, key, payload, UNIQUE (account, key));"
            "CREATE TABLE IF NOT EXISTS quarantine (account, epoch, sequence, key, payload)"
        )
        rows = [(e.account, e.epoch, e.sequence, e.key, e.payload) for e in entries]
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", rows)
        connection.close()

    def denials(self) -> Denials:
        connection = apsw.Connection(str(self.path))
        rows: list[Any] = connection.execute("SELECT account, feature, reason, minute, count FROM denials").fetchall()
        connection.close()
        return {(account, feature, reason, minute): count for account, feature, reason, minute, count in rows}

    def close(self) -> None:
        for hot in self._open:
            hot.close()


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


def solid(conflict: Outcome | State) -> State:
    """The state (of a conflict) without its zeros: a store may name cells that are absent."""
    state = conflict.state if isinstance(conflict, Conflict) else conflict
    assert isinstance(state, State)
    return State(state.epoch, state.sequence, state.profile, {k: v for k, v in state.cells.items() if v != 0})


def kinds(outcomes: Sequence[Outcome]) -> str:
    """One letter each: c(ommitted), d(uplicate), x (conflict)."""
    return "".join({Committed: "c", Duplicate: "d", Conflict: "x"}[type(outcome)] for outcome in outcomes)
