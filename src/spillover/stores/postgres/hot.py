"""The hot store in PostgreSQL: any number of programs share it, each group of decisions is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from spillover.core.decide import RULES
from spillover.core.shards import SHARDS
from spillover.model.commit import Backlog, Commit, Duplicate, OpenHold, Outcome, Place, Standing, State
from spillover.model.errors import NewerRules
from spillover.model.event import StreamEntry
from spillover.model.reports import DenialCount
from spillover.ports import Again, Durability
from spillover.postgres import Connection, ints, open_database
from spillover.sql import Component
from spillover.stores.accounts import NOWHERE, decode_profile
from spillover.stores.postgres import standing as whole
from spillover.stores.postgres.clocks import Clock
from spillover.stores.postgres.group import Locked
from spillover.stores.postgres.known import SQL, Known, cells, learn
from spillover.stores.postgres.stream import ALL, Stream

HOT = Component.of("hot", "spillover.stores.postgres")
ROLE = "spillover_hot"
GROUP_MAX = 128
"""Items committed in one transaction: it holds its accounts for some milliseconds, then others may have them."""
RETENTION_MS = 24 * 60 * 60 * 1000
TIMEOUT_MS = 2_000
ASKED_MAX = 1_000
"""Keys of one account of which the books are asked, when it is put back, whether they have the event."""

Booked = Callable[[int, str, int, int], bytes | None]
"""The payload that the books have of (account, key, epoch, sequence); None where they have none."""


class PostgresHotStore:
    """A `HotStore` in the database at `url`, beside the ledger's schemas or without them.

    `strict`: durable when answered. `fast`: what was answered in the last moments before the server crashes may be lost
    (three times its `wal_writer_delay`, 0.6 s unless it says otherwise). `booked` is asked for an event whose entry was
    acknowledged. Keys are remembered for `retention_ms` after their commit by the server's clock, and longer until
    something is acknowledged; denials stay counted for 30 days.
    A batch longer than `group_max` takes several transactions: if it raises, no item of the failing one and after was
    applied, unless the connection was lost at its commit; those before answer Duplicate when sent again, as do items of
    a group that was tried again by itself after its commit's answer was lost (its denials are then counted twice).
    Used by one thread at a time. Raises the StoreErrors of `open_database`, ClockAhead, ClockBehind; after any, the
    next call starts afresh.
    """

    def __init__(
        self,
        url: str,
        durability: Durability = "strict",
        *,
        booked: Booked,
        timeout_ms: int = TIMEOUT_MS,
        retention_ms: int = RETENTION_MS,
        rules: int = RULES,
        group_max: int = GROUP_MAX,
    ) -> None:
        self._booked, self._group_max, self._rules = booked, group_max, rules
        self._db = open_database(url, HOT, role=ROLE, rules=rules, durability=durability, timeout_ms=timeout_ms)
        self._stream = Stream(self._db, retention_ms)
        self._known, self._clock = Known(), Clock(self._db.name, timeout_ms)

    @property
    def shards(self) -> int:
        return SHARDS

    async def load(self, account: int, names: Sequence[str]) -> State:
        def work(connection: Connection) -> tuple[Known, State]:
            known, self._known = self._known.over(connection), Known()  # should this be interrupted half-way
            asked = [(account, name) for name in names]
            stands = connection.execute(SQL["find_places"], (ints([account]),))
            terms = connection.execute(SQL["find_profile"], (account,))
            rows = cells(connection, asked).fetchall()
            stand, profile = stands.fetchone(), terms.fetchone()
            found = known.at(account, tuple(stand[1:]) if stand else NOWHERE)
            learn({account: found}, asked, rows)
            if found.profile is None and profile is not None:
                found.profile = decode_profile(profile[0])
            known.shrink([found])
            return known, found.state({name: found.cells[name] for name in names})

        self._known, state = self._db.read(work)
        return state

    async def commit(self, batch: Sequence[Commit], again: Again | None = None) -> list[Outcome]:
        told = [item.now for item in batch]
        outcomes: list[Outcome] = []
        for start in range(0, len(batch), self._group_max):
            outcomes += self._commit_group(start, batch[start : start + self._group_max], again, told)
            told = []  # later groups have waited for this one
        return outcomes

    def _commit_group(
        self, start: int, items: Sequence[Commit], again: Again | None, told: Sequence[int]
    ) -> list[Outcome]:
        def work(connection: Connection) -> tuple[Known, Locked, list[Outcome]]:
            # What a failed try taught or changed here never came into the database: know nothing then.
            known, self._known = self._known.over(connection), Known()
            locked = Locked(connection, known)
            group = locked.group(items)
            self._require_rules(locked.rules)
            self._clock.require(told, locked.now)

            def timely(index: int, state: State) -> Commit | None:
                second = again(index, state) if again is not None else None
                self._clock.require(() if second is None else (second.now,), locked.now)
                return second

            outcomes = [group.answer(index, item, timely) for index, item in enumerate(items, start)]
            locked.write(group)
            return known, locked, outcomes

        self._known, locked, outcomes = self._db.write(work)
        if locked.elsewhere:  # the books are asked when the accounts are free again
            outcomes = [
                self._with_payload(item.account, one, locked) for item, one in zip(items, outcomes, strict=True)
            ]
        return outcomes

    def _with_payload(self, account: int, outcome: Outcome, locked: Locked) -> Outcome:
        if isinstance(outcome, Duplicate):
            key = locked.elsewhere.get((account, outcome.epoch, outcome.sequence))
            if key is not None:
                return replace(outcome, payload=self._booked(account, key, outcome.epoch, outcome.sequence) or b"")
        return outcome

    def _require_rules(self, rules: int) -> None:
        if rules > self._rules:
            raise NewerRules(
                f"{self._db.name}: found decisions of rules version {rules}, expected at most {self._rules};"
                " use the version of Spillover that made them, or a newer one"
            )

    async def find(self, account: int, key: str) -> Duplicate | None:
        def work(connection: Connection) -> tuple[Duplicate | None, bool]:
            locked = Locked(connection, Known())
            return locked.look_up({(account, key)})[account, key], bool(locked.elsewhere)

        found, elsewhere = self._db.read(work)
        if found is not None and elsewhere:
            return replace(found, payload=self._booked(account, key, found.epoch, found.sequence) or b"")
        return found

    async def hold(self, account: int, id: str) -> OpenHold | None:
        found = self._holds("find_hold", account, id)
        return found[0] if found else None

    async def holds(self, account: int) -> list[OpenHold]:
        return self._holds("holds_of", account)

    async def due(
        self, until: int, limit: int, account: int | None = None, shards: Sequence[int] | None = None
    ) -> list[OpenHold]:
        chosen = ints(ALL if shards is None else shards)
        if account is None:
            return self._holds("due_of_all", until, chosen, limit)
        return self._holds("due_of", account, until, chosen, limit)

    def _holds(self, statement: str, *values: object) -> list[OpenHold]:
        return [OpenHold(*row) for row in self._rows(statement, *values)]

    async def denials(self, account: int, since: int, until: int, limit: int) -> list[DenialCount]:
        return [DenialCount(*row) for row in self._rows("denials", account, since, until, limit)]

    async def read(self, limit: int, shards: Sequence[int] | None = None) -> list[StreamEntry]:
        return self._stream.read(limit, shards)

    async def entries(self, account: int, limit: int) -> list[StreamEntry]:
        return self._stream.entries(account, limit)

    async def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        self._stream.acknowledge(entries)

    async def backlog(self, shards: Sequence[int] | None = None) -> Backlog:
        return self._stream.backlog(shards)

    async def places(self, accounts: Sequence[int]) -> dict[int, Place]:
        return self._db.read(lambda connection: whole.places(connection, accounts))

    async def standing(self, account: int) -> Standing | None:
        return (await self.standings([account])).get(account)

    async def standings(self, accounts: Sequence[int]) -> dict[int, Standing]:
        return self._db.read(lambda connection: whole.standings(connection, accounts))

    async def shut(self, account: int) -> Place:
        return self._db.write(lambda connection: whole.shut(connection, account))

    async def shut_accounts(self, limit: int) -> list[int]:
        return [row[0] for row in self._rows("shut_accounts", limit)]

    async def put_back(self, standing: Standing) -> bool:
        account, unknown = standing.account, whole.perhaps_lost(self._db, standing)
        # The books are asked before the account is locked. Beyond the bound they are not: they know by themselves a key
        # that they have, when it comes again.
        known = {one for one in unknown[:ASKED_MAX] if self._booked(account, *one) is not None}
        lost = [one for one in unknown if one not in known]
        return self._db.write(lambda connection: whole.put_back(connection, standing, lost))

    def _rows(self, statement: str, *values: object) -> list[Any]:
        return self._db.read(lambda connection: connection.execute(SQL[statement], values).fetchall())

    async def close(self) -> None:
        self._db.close()
