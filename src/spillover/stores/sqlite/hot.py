"""The hot store in a SQLite file: several processes may share it, each group of decisions is one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apsw

from spillover.core.decide import RULES
from spillover.model.commit import Backlog, Commit, Duplicate, OpenHold, Outcome, Place, Standing, State
from spillover.model.event import StreamEntry
from spillover.model.reports import DenialCount
from spillover.ports import Again, Durability
from spillover.sql import Component
from spillover.sqlite import open_database
from spillover.stores.sqlite import standing as whole
from spillover.stores.sqlite.group import File, find
from spillover.stores.sqlite.known import SQL, Known, find_stands

HOT = Component.of("hot", "spillover.stores.sqlite")
TABLES = frozenset({"hot_accounts", "hot_profiles", "cells", "stream", "keys", "denials", "holds"})
GROUP_MAX = 128
"""Items committed under one turn: at about 25 microseconds each it lasts some 3 ms, then others may write."""
FORGET_MAX = 1_000


class SQLiteHotStore:
    """A `HotStore` whose state lies in the file at `path`, beside the ledger's tables.

    `strict`: durable when answered. `fast`: not synced at each commit; a killed process loses nothing, a power loss may
    lose what was written since the last sync (a checkpoint of the log, at the latest each 8 MB, or any strict commit in
    the same file, such as a settler's). A batch longer than `group_max` takes several turns, each a transaction: if it
    raises, no item of the failing turn and after was applied, and those before answer Duplicate when sent again.
    The same holds for a write that failed in the disk itself just before a crash: its keys decide.
    A Duplicate's payload is empty if its event was acknowledged and its books are not in this file.
    Its writers share the machine's clock, so a commit's `now` is not compared.
    Used by one thread at a time. Raises the StoreErrors of `open_database`; after any, the next call starts afresh.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        durability: Durability = "strict",
        *,
        rules: int = RULES,
        group_max: int = GROUP_MAX,
        wait_ms: int = 10_000,
        vfs: str | None = None,
    ) -> None:
        self._known = Known()
        self._group_max = group_max
        self._db = open_database(path, HOT, durability=durability, writes=TABLES, rules=rules, wait_ms=wait_ms, vfs=vfs)

    @property
    def shards(self) -> int:
        return 1

    async def load(self, account: int, names: Sequence[str]) -> State:
        with self._reading() as (connection, known):
            found = known.accounts(connection, [account])[account]
            known.fill(connection, [(found, names)])
            state = known.state(connection, found, {name: found.cells.get(name, 0) for name in names})
            known.shrink([found])
        return state

    async def commit(self, batch: Sequence[Commit], again: Again | None = None) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(batch), self._group_max):
            outcomes += self._commit_group(start, batch[start : start + self._group_max], again)
        return outcomes

    def _commit_group(self, start: int, items: Sequence[Commit], again: Again | None) -> list[Outcome]:
        with self._knowing() as known, self._db.write() as connection:
            self._refresh(connection, known)
            file = File(connection, known)
            group = file.group(items)
            outcomes = [group.answer(index, item, again) for index, item in enumerate(items, start)]
            file.write(group)
        return outcomes

    @contextmanager
    def _reading(self) -> Iterator[tuple[apsw.Connection, Known]]:
        with self._knowing() as known, self._db.read() as connection:
            self._refresh(connection, known)
            yield connection, known

    @contextmanager
    def _knowing(self) -> Iterator[Known]:
        # What a failed transaction taught or changed here never came into the file: know nothing then.
        known, self._known = self._known, Known()
        yield known
        self._known = known

    def _refresh(self, connection: apsw.Connection, known: Known) -> None:
        if known.others_wrote(connection):
            self._db.require_current()

    async def find(self, account: int, key: str) -> Duplicate | None:
        with self._reading() as (connection, known):
            return find(connection, known, account, key)

    async def hold(self, account: int, id: str) -> OpenHold | None:
        found = self._open_holds("find_hold", account, id)
        return found[0] if found else None

    async def holds(self, account: int) -> list[OpenHold]:
        return self._open_holds("holds_of", account)

    async def due(
        self, until: int, limit: int, account: int | None = None, shards: Sequence[int] | None = None
    ) -> list[OpenHold]:
        if not _asked(shards):
            return []
        if account is None:
            return self._open_holds("due_of_all", until, limit)
        return self._open_holds("due_of", account, until, limit)

    def _open_holds(self, statement: str, *values: int | str) -> list[OpenHold]:
        with self._reading() as (connection, _):
            return [OpenHold(*row) for row in connection.execute(SQL[statement], values)]

    async def denials(self, account: int, since: int, until: int, limit: int) -> list[DenialCount]:
        with self._db.read() as connection:
            rows = connection.execute(SQL["denials"], (account, since, until, limit))
            return [DenialCount(*row) for row in rows]

    async def read(self, limit: int, shards: Sequence[int] | None = None) -> list[StreamEntry]:
        return self._entries("oldest", limit) if _asked(shards) else []

    async def entries(self, account: int, limit: int) -> list[StreamEntry]:
        return self._entries("entries", account, limit)

    def _entries(self, statement: str, *values: int) -> list[StreamEntry]:
        with self._db.read() as connection:
            return [StreamEntry(*row) for row in connection.execute(SQL[statement], values)]

    async def backlog(self, shards: Sequence[int] | None = None) -> Backlog:
        if not _asked(shards):
            return Backlog(0, None)
        with self._db.read() as connection:
            oldest = [StreamEntry(*row) for row in connection.execute(SQL["oldest"], (1,))]
            return Backlog(connection.execute(SQL["backlog"]).get, oldest[0] if oldest else None)

    async def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        rows = [(entry.account, entry.key, entry.epoch, entry.sequence) for entry in entries]
        for start in range(0, len(rows), FORGET_MAX):
            with self._db.write() as connection:
                connection.executemany(SQL["forget"], rows[start : start + FORGET_MAX])

    async def places(self, accounts: Sequence[int]) -> dict[int, Place]:
        with self._reading() as (connection, _):
            stands = find_stands(connection, accounts)
        return {id_: Place(id_, *stand[:3], shut=bool(stand[3])) for id_, stand in stands.items()}

    async def standing(self, account: int) -> Standing | None:
        with self._reading() as (connection, _):
            return whole.standing(connection, account)

    async def standings(self, accounts: Sequence[int]) -> dict[int, Standing]:
        with self._reading() as (connection, _):
            found = (whole.standing(connection, account) for account in accounts)
            return {one.account: one for one in found if one is not None}

    async def shut(self, account: int) -> Place:
        with self._replacing(account) as connection:
            return whole.shut(connection, account)

    async def shut_accounts(self, limit: int) -> list[int]:
        with self._reading() as (connection, _):
            return [row[0] for row in connection.execute(SQL["shut_accounts"], (limit,))]

    async def put_back(self, standing: Standing) -> bool:
        with self._replacing(standing.account) as connection:
            return whole.put_back(connection, standing)

    @contextmanager
    def _replacing(self, account: int) -> Iterator[apsw.Connection]:
        # Our own commit is no reason to look at the row again, so what is known of the account must go.
        with self._knowing() as known, self._db.write() as connection:
            self._refresh(connection, known)
            yield connection
            known.forget(account)

    async def close(self) -> None:
        self._db.close()


def _asked(shards: Sequence[int] | None) -> bool:
    # All accounts lie in shard 0, the only one.
    return shards is None or 0 in shards
