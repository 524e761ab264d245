"""One transaction's worth of a batch: checked and applied in memory item by item, then written with few statements."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import apsw

from spillover.core.apply import apply
from spillover.model.commit import Cells, Commit, Committed, Conflict, Duplicate, Outcome, State
from spillover.ports import Again
from spillover.stores.sqlite.known import SQL, Account, Known, encode_profile

Key = tuple[int, str]


class Group:
    """Answers items under the write lock, in order; `write` puts what they changed into the file.

    Keys are looked up first and for the whole group: that costs 2 of about 25 microseconds an item, and in return a
    batch that is sent again is as quick as a new one, and no item is ever decided twice for a duplicate's sake.
    """

    def __init__(self, connection: apsw.Connection, known: Known, items: Sequence[Commit]) -> None:
        self._connection, self._known = connection, known
        self._accounts = known.accounts(connection, {item.account for item in items})
        known.fill(connection, ((self._accounts[i.account], (o[0] for o in i.operations)) for i in items))
        self._keys = _look_up(connection, {(item.account, item.key) for item in items})
        self._events: list[tuple[int, Commit]] = []  # each with its sequence
        self._changed: dict[int, Cells] = {}
        self._holds: dict[Key, tuple[int, bytes] | None] = {}  # by account and id; None: ended
        self._denied: dict[tuple[int, str, str, int], int] = {}

    def answer(self, index: int, item: Commit, again: Again | None) -> Outcome:
        """The item's outcome; a conflict is decided again once."""
        outcome = self._try(item)
        if outcome is not None:
            return outcome
        state = self._fresh(item)
        if again is None or (second := again(index, state)) is None:
            return Conflict(state)
        self._learn(second)
        return self._try(second) or Conflict(self._fresh(second))

    def _try(self, item: Commit) -> Committed | Duplicate | None:
        duplicate = self._keys[item.account, item.key]
        if duplicate is not None:
            return duplicate
        account = self._accounts[item.account]
        if item.version != account.version or (item.epoch != account.epoch and account.exists):
            return None
        changed = apply(account.cells, item.operations)
        if changed is None:
            return None
        if item.payload is None:
            if item.denied is not None:
                place = (item.account, *item.denied)
                self._denied[place] = self._denied.get(place, 0) + 1
            return Committed(account.sequence, {name: account.cells.get(name, 0) for name in changed})
        return self._admit(account, item, item.payload, changed)

    def _admit(self, account: Account, item: Commit, payload: bytes, changed: Cells) -> Committed:
        account.exists = True
        account.epoch = item.epoch
        account.sequence = sequence = account.sequence + 1
        if item.profile is not None:
            account.profile, account.version = item.profile, item.profile.version
        # Half of the cells in a box are only checked, such as the start of a window: they need not be written.
        known = account.cells
        moved = {name: value for name, value in changed.items() if known.get(name, 0) != value}
        known.update(changed)
        self._changed.setdefault(account.id, {}).update(moved)
        self._keys[item.account, item.key] = Duplicate(item.epoch, sequence, item.fingerprint, payload)
        self._events.append((sequence, item))
        if item.ended:
            self._holds[item.account, item.ended] = None
        if item.hold is not None:
            self._holds[item.account, item.hold[0]] = item.hold[1:]
        return Committed(sequence, changed)

    def _fresh(self, item: Commit) -> State:
        # Every cell there is: whatever the new decision needs, a missing name is truly 0.
        account = self._accounts[item.account]
        self._known.fill_all(self._connection, account)
        return self._known.state(self._connection, account, {o[0]: 0 for o in item.operations} | account.cells)

    def _learn(self, item: Commit) -> None:
        # What was decided again may carry another key; its account is complete since `_fresh`.
        if (item.account, item.key) not in self._keys:
            self._keys |= _look_up(self._connection, {(item.account, item.key)})

    def write(self) -> None:
        """Put everything into the file, each cell, account and hold once with its final value."""
        run, events = self._connection.executemany, self._events
        if self._denied:
            run(SQL["count_denial"], [(*place, count) for place, count in self._denied.items()])
        if not events:
            return
        last = self._connection.execute(SQL["last_entry"]).get
        rows = [(entry, n, e) for entry, (n, e) in enumerate(events, last + 1)]
        run(SQL["append"], [(entry, e.account, e.epoch, n, e.key, e.payload) for entry, n, e in rows])
        run(SQL["remember"], [(e.account, e.key, e.epoch, n, e.fingerprint, entry) for entry, n, e in rows])
        changed = [self._accounts[id_] for id_ in self._changed]
        run(SQL["put_place"], [(a.id, a.epoch, a.sequence, a.version) for a in changed])
        cells = [(id_, name, value) for id_, values in self._changed.items() for name, value in values.items()]
        run(SQL["put_cell"], [cell for cell in cells if cell[2]])
        run(SQL["drop_cell"], [cell[:2] for cell in cells if not cell[2]])
        if self._holds:
            self._write_holds()
        pushed = {e.account: encode_profile(e.profile) for _, e in events if e.profile is not None}
        run(SQL["put_profile"], list(pushed.items()))
        self._known.shrink(self._accounts.values())

    def _write_holds(self) -> None:
        run, holds = self._connection.executemany, self._holds.items()
        run(SQL["put_hold"], [(*place, *hold) for place, hold in holds if hold is not None])
        run(SQL["drop_hold"], [place for place, hold in holds if hold is None])


def find(connection: apsw.Connection, account: int, key: str) -> Duplicate | None:
    """What the file knows under the key. `connection` must be inside a transaction."""
    return _look_up(connection, {(account, key)})[account, key]


def _look_up(connection: apsw.Connection, keys: Set[Key]) -> dict[Key, Duplicate | None]:
    """What the file knows under each of the keys."""
    found: dict[Key, Duplicate | None] = dict.fromkeys(keys)
    rows: list[Any] = connection.executemany(SQL["find_key"], keys).fetchall()
    for account, key, epoch, sequence, fingerprint, entry in rows:
        payload = _payload(connection, entry, (account, epoch, sequence), key)
        found[account, key] = Duplicate(epoch, sequence, fingerprint, payload)
    return found


def _payload(connection: apsw.Connection, entry: int, place: tuple[int, int, int], key: str) -> bytes:
    # The books keep whatever was acknowledged, terms and quarantined events too, but they may lie in another file.
    payload = connection.execute(SQL["find_in_stream"], (entry, *place)).get
    if payload is None and connection.table_exists("main", "usage_events"):
        payload = connection.execute(SQL["find_in_books"], (*place, key)).get
    return payload or b""
