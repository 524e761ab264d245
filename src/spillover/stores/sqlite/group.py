"""A group's ground in a SQLite file, and how what it changed is written with few statements."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import apsw

from spillover.model.commit import Commit, Duplicate
from spillover.stores.accounts import Account
from spillover.stores.group import Found, Group, Key
from spillover.stores.sqlite.known import SQL, Known


class File:
    """What a group asks under the write lock, which nobody else holds meanwhile."""

    def __init__(self, connection: apsw.Connection, known: Known) -> None:
        self._connection, self._known = connection, known

    def group(self, items: Sequence[Commit]) -> Group:
        """A group on the accounts of these items."""
        accounts = self._known.accounts(self._connection, {item.account for item in items})
        self._known.fill(self._connection, ((accounts[i.account], [o[0] for o in i.operations]) for i in items))
        return Group(self, accounts, self.look_up({(item.account, item.key) for item in items}))

    def look_up(self, keys: Set[Key]) -> Found:
        """What the file knows under each of the keys."""
        found: Found = dict.fromkeys(keys)
        rows: list[Any] = self._connection.executemany(SQL["find_key"], keys).fetchall()
        for account, key, epoch, sequence, fingerprint, entry in rows:
            payload = self._payload(entry, (account, epoch, sequence), key)
            found[account, key] = Duplicate(epoch, sequence, fingerprint, payload)
        return found

    def _payload(self, entry: int, place: tuple[int, int, int], key: str) -> bytes:
        # The books keep whatever was acknowledged, terms and quarantined events too, but they may lie in another file.
        connection = self._connection
        payload = connection.execute(SQL["find_in_stream"], (entry, *place)).get
        if payload is None and connection.table_exists("main", "usage_events"):
            payload = connection.execute(SQL["find_in_books"], (*place, key)).get
        return payload or b""

    def complete(self, account: Account) -> None:
        """Learn every cell of the account, and its profile."""
        self._known.fill_all(self._connection, account)

    def write(self, group: Group) -> None:
        """Put everything into the file, each cell, account and hold once with its final value."""
        run, events = self._connection.executemany, group.events
        self._known.shrink(group.accounts.values())
        if group.denied:
            run(SQL["count_denial"], [(*place, count) for place, count in group.denied.items()])
        if not events:
            return
        last = self._connection.execute(SQL["last_entry"]).get
        rows = [(entry, *event) for entry, event in enumerate(events, last + 1)]
        run(SQL["append"], [(entry, e.account, e.epoch, n, e.key, payload) for entry, n, e, payload in rows])
        run(SQL["remember"], [(e.account, e.key, e.epoch, n, e.fingerprint, entry) for entry, n, e, _ in rows])
        touched, cells = group.touched(), group.cells()
        run(SQL["put_place"], [(a.id, a.epoch, a.sequence, a.version) for a in touched])
        run(SQL["put_cell"], [cell for cell in cells if cell[2]])
        run(SQL["drop_cell"], [cell[:2] for cell in cells if not cell[2]])
        if group.holds:
            holds = group.holds.items()
            run(SQL["put_hold"], [(*place, *hold) for place, hold in holds if hold is not None])
            run(SQL["drop_hold"], [place for place, hold in holds if hold is None])
        run(SQL["put_profile"], list(group.profiles().items()))


def find(connection: apsw.Connection, known: Known, account: int, key: str) -> Duplicate | None:
    """What the file knows under the key. `connection` must be inside a transaction."""
    return File(connection, known).look_up({(account, key)})[account, key]
