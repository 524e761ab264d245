"""The stream's reading side: the oldest entries of some shards, what waits, and what is acknowledged."""

from __future__ import annotations

from collections.abc import Sequence

from spillover.core.shards import SHARDS
from spillover.model.commit import Backlog
from spillover.model.event import StreamEntry
from spillover.postgres import Connection, Database, ints
from spillover.stores.postgres.head import Head
from spillover.stores.postgres.known import SQL

ALL = tuple(range(SHARDS))
CHOICES_MAX = 16
"""Choices of shards whose head is remembered; a settler has one, and another whenever settlers come or go."""
FORGET_MAX = 1_000
"""Entries taken away in one transaction, and keys and denial counts forgotten along with them."""
LOOK_AGAIN = 1_000
"""Transactions after which what is to be forgotten is looked for from the start again: others may have left some."""
DENIALS_MINUTES = 30 * 24 * 60
"""How long denials stay counted."""


class Stream:
    """The stream of one database, as one reader sees it."""

    def __init__(self, database: Database, retention_ms: int) -> None:
        self._database, self._retention_ms = database, retention_ms
        self._heads: dict[tuple[int, ...], Head] = {}
        self._connection: Connection | None = None
        # Like the head of the stream, for what was forgotten. A day lies between, so nothing comes before it any more.
        self._gone_until = {"forget_keys": 0, "forget_denials": 0}
        self._taken_since_look = 0

    def read(self, limit: int, shards: Sequence[int] | None) -> list[StreamEntry]:
        """The oldest entries of these shards or of all."""
        chosen = ALL if shards is None else tuple(shards)

        def work(connection: Connection) -> list[StreamEntry]:
            head = self._head(connection, chosen)
            oldest = connection.execute(SQL["oldest"], (head.sure, ints(chosen), limit))
            ((ended,),) = connection.execute(SQL["running"]).fetchall()
            rows = oldest.fetchall()
            head.read(rows[0][0] if rows else None, rows[-1][0] if rows else None, ended)
            return [StreamEntry(*row[1:]) for row in rows]

        return self._database.read(work) if limit > 0 else []

    def entries(self, account: int, limit: int) -> list[StreamEntry]:
        """The oldest entries of one account."""
        rows = self._database.read(lambda c: c.execute(SQL["entries"], (account, limit)).fetchall())
        return [StreamEntry(*row) for row in rows]

    def backlog(self, shards: Sequence[int] | None) -> Backlog:
        """What waits in these shards or in all."""
        chosen = ALL if shards is None else tuple(shards)

        def work(connection: Connection) -> Backlog:
            head = self._head(connection, chosen)
            oldest = connection.execute(SQL["oldest"], (head.sure, ints(chosen), 1))
            ((count,),) = connection.execute(SQL["backlog"], (head.sure, ints(chosen))).fetchall()
            return Backlog(count, next((StreamEntry(*row[1:]) for row in oldest), None))

        return self._database.read(work)

    def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        """Take these entries away, and forget some of what is remembered for long enough."""
        places = sorted((entry.account, entry.epoch, entry.sequence) for entry in entries)  # two never wait for another
        for start in range(0, len(places), FORGET_MAX):
            columns = tuple(map(ints, zip(*places[start : start + FORGET_MAX], strict=True)))
            number = self._database.write(lambda c, columns=columns: self._taken(c, columns))  # type: ignore[misc]
            for head in self._heads.values():
                head.acknowledged(number)

    def _taken(self, connection: Connection, columns: tuple[object, ...]) -> int:
        connection.execute(SQL["acknowledge"], columns)
        gone = [
            connection.execute(SQL[name], (self._gone_until[name], lasts, FORGET_MAX))
            for name, lasts in (("forget_keys", self._retention_ms), ("forget_denials", DENIALS_MINUTES))
        ]
        ((number,),) = connection.execute(SQL["own_number"]).fetchall()
        for name, rows in zip(self._gone_until, gone, strict=True):
            ((until,),) = rows.fetchall()
            self._gone_until[name] = until or self._gone_until[name]
        self._taken_since_look += 1
        if self._taken_since_look >= LOOK_AGAIN:
            self._taken_since_look, self._gone_until = 0, dict.fromkeys(self._gone_until, 0)
        return int(number)

    def _head(self, connection: Connection, chosen: tuple[int, ...]) -> Head:
        if connection is not self._connection or len(self._heads) >= CHOICES_MAX:
            # Another connection may lead to another server, which had not heard of all that the one before told.
            self._connection, self._heads = connection, {}
        return self._heads.setdefault(chosen, Head())
