"""A group's ground in PostgreSQL: its accounts' rows locked and what it needs read, in one round trip if all goes well.

The writes go along with the commit, so a group takes two round trips; three where another program has changed an
account since this one last used it, and one more for each account that is decided again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from psycopg import Cursor

from spillover.core.shards import shard_of
from spillover.model.commit import Commit, Duplicate
from spillover.postgres import Connection, blobs, ints, texts
from spillover.stores.accounts import Account
from spillover.stores.group import Found, Group, Key
from spillover.stores.postgres.known import SQL, Known, cells, learn, read_all

Names = dict[str, None]


class Locked:
    """What a group asks while it holds its accounts' rows.

    Then `now` is the server's clock (ms), `rules` the newest rules version that has decided in this database, and
    `elsewhere` says for places (account, epoch, sequence) of known events under which key the books have them.
    """

    def __init__(self, connection: Connection, known: Known) -> None:
        self._connection, self._known = connection, known
        self.now = self.rules = 0
        self.elsewhere: dict[tuple[int, int, int], str] = {}

    def group(self, items: Sequence[Commit]) -> Group:
        """A group on the accounts of these items, locked until the transaction ends."""
        wanted: dict[int, Names] = {}
        for item in items:
            wanted.setdefault(item.account, {}).update((operation[0], None) for operation in item.operations)
        ids = sorted(wanted)
        before = {id_: self._known.touch(id_) for id_ in ids}
        new = [id_ for id_, account in before.items() if account is None or not account.exists]
        asked = [(id_, name) for id_, names in wanted.items() for name in _unsure(before[id_], names)]
        keys = {(item.account, item.key) for item in items}
        if new:
            self._connection.execute(SQL["enter"], (ints(new),))
        stands = self._connection.execute(SQL["lock"], (ints(ids),))
        found = self._find(keys)
        rows = cells(self._connection, asked) if asked else None
        accounts = {}
        for id_, epoch, sequence, version, shut, self.now, self.rules in stands.fetchall():
            accounts[id_] = self._known.now_at(id_, (epoch, sequence, version, shut))
        if rows is not None:
            learn(accounts, asked, rows.fetchall())
        self._read_rest({id_: account for id_, account in accounts.items() if account is not before[id_]}, wanted)
        return Group(self, accounts, self._found(keys, found.fetchall()))

    def _read_rest(self, changed: dict[int, Account], wanted: dict[int, Names]) -> None:
        asked = [(id_, name) for id_, account in changed.items() for name in account.missing(wanted[id_])]
        if asked:
            learn(changed, asked, cells(self._connection, asked).fetchall())

    def look_up(self, keys: Set[Key]) -> Found:
        """What the database remembers under each of the keys; the payload is empty where it was acknowledged."""
        return self._found(keys, self._find(keys).fetchall())

    def _find(self, keys: Set[Key]) -> Cursor[Any]:
        accounts, names = zip(*keys, strict=True)
        return self._connection.execute(SQL["find_keys"], (ints(accounts), texts(names)))

    def _found(self, keys: Set[Key], rows: Iterable[Any]) -> Found:
        found: Found = dict.fromkeys(keys)
        for account, key, epoch, sequence, fingerprint, payload in rows:
            found[account, key] = Duplicate(epoch, sequence, fingerprint, payload or b"")
            if payload is None:
                self.elsewhere[account, epoch, sequence] = key
        return found

    def complete(self, account: Account) -> None:
        """Learn every cell of the account, and its profile."""
        read_all(self._connection, account)

    def write(self, group: Group) -> None:
        """Send everything that the group changed, each cell, account and hold once with its final value."""
        run = self._connection.execute
        self._known.shrink(group.accounts.values())
        if group.denied:
            who, feature, reason, minute = zip(*group.denied, strict=True)
            counts = list(group.denied.values())
            run(SQL["count_denials"], (ints(who), texts(feature), texts(reason), ints(minute), ints(counts)))
        if not group.events:
            return
        self._append(group)
        touched = group.touched()
        places = [[a.id for a in touched], *zip(*(a.stand[:3] for a in touched), strict=True)]
        run(SQL["put_places"], tuple(map(ints, places)))
        put_cells(self._connection, group.cells())
        if group.holds:
            holds = group.holds.items()
            put_holds(self._connection, [(*place, *hold) for place, hold in holds if hold is not None])
            gone = [place for place, hold in holds if hold is None]
            run(SQL["drop_holds"], (ints([one[0] for one in gone]), texts([one[1] for one in gone])))
        if profiles := group.profiles():
            run(SQL["put_profiles"], (ints(list(profiles)), blobs(list(profiles.values()))))

    def _append(self, group: Group) -> None:
        items = [item for _, item, _ in group.events]
        accounts = [item.account for item in items]
        self._connection.execute(
            SQL["append"],
            (
                ints(accounts),
                ints([shard_of(account) for account in accounts]),
                ints([item.epoch for item in items]),
                ints([sequence for sequence, _, _ in group.events]),
                texts([item.key for item in items]),
                texts([item.fingerprint for item in items]),
                blobs([payload for _, _, payload in group.events]),
            ),
        )


def put_cells(connection: Connection, values: Sequence[tuple[int, str, int]]) -> None:
    """Write (account, name, value); a cell that is 0 has no row."""
    put = [cell for cell in values if cell[2]]
    gone = [cell for cell in values if not cell[2]]
    if put:
        accounts, names, numbers = zip(*put, strict=True)
        connection.execute(SQL["put_cells"], (ints(accounts), texts(names), ints(numbers)))
    if gone:
        accounts, names, _ = zip(*gone, strict=True)
        connection.execute(SQL["drop_cells"], (ints(accounts), texts(names)))


def put_holds(connection: Connection, holds: Sequence[tuple[int, str, int, bytes]]) -> None:
    """Write (account, id, due, record)."""
    if holds:
        accounts, ids, dues, records = zip(*holds, strict=True)
        shards = [shard_of(account) for account in accounts]
        connection.execute(SQL["put_holds"], (ints(accounts), texts(ids), ints(shards), ints(dues), blobs(records)))


def _unsure(account: Account | None, names: Names) -> Iterable[str]:
    # What another program keeps changing is read at once, and not only when it is found to have changed again.
    return names if account is None or account.contested else account.missing(names)
