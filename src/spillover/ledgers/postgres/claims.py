"""Claims on shards, kept as rows with the database's clock: shared out evenly among the settlers that are alive.

A settler that is alive says so with each `take`; one that has not for `lasts` ms counts as dead, and its shards are
free. Who joins gets his share as the others give back what is above theirs, at their next `take`.
"""

from __future__ import annotations

from spillover.core.decide import RULES
from spillover.core.shards import SHARDS
from spillover.ledgers.postgres.desks import LEDGER
from spillover.ledgers.postgres.tables import PACKAGE, PostgresTables
from spillover.postgres import Connection, open_database
from spillover.postgres.database import TIMEOUT_MS
from spillover.sql import statements

SQL = statements(PACKAGE, "claims.sql")
LASTS_MS = 10_000


class PostgresClaims:
    """`Claims` of one settler, `owner`, a name that no other has. Safe to use from several threads.

    Claims are not worth a wait for the disk: a server that crashes may forget the latest, which costs spared work.
    Raises what `open_database` does.
    """

    def __init__(
        self, url: str, owner: str, *, shards: int = SHARDS, lasts: int = LASTS_MS, timeout_ms: int = TIMEOUT_MS
    ) -> None:
        self._database = open_database(
            url, LEDGER, role="spillover_claims", rules=RULES, durability="fast", timeout_ms=timeout_ms
        )
        self._owner, self._shards, self._lasts = owner, shards, lasts

    async def take(self) -> list[int]:
        """Its shards for the next `lasts` ms: those that it has, up to an even share, and free ones."""
        return self._database.write(self._take)

    async def release(self) -> None:
        """Leave all of them to others. Safe to repeat."""
        self._database.write(self._leave)

    async def close(self) -> None:
        """Give back the session; claims that were not released end by themselves. Safe to repeat."""
        self._database.close()

    def _take(self, connection: Connection) -> list[int]:
        PostgresTables(connection).alone("claims")
        connection.execute(SQL["beat"], (self._owner, self._lasts))
        connection.execute(SQL["bury"])
        connection.execute(SQL["free"], (self._shards,))
        connection.execute(SQL["give_back"], (self._owner, self._shards))
        connection.execute(SQL["renew"], (self._owner, self._lasts))
        connection.execute(SQL["take"], (self._owner, self._lasts, self._shards))
        return [shard for (shard,) in connection.execute(SQL["mine"], (self._owner,)).fetchall()]

    def _leave(self, connection: Connection) -> None:
        PostgresTables(connection).alone("claims")
        connection.execute(SQL["leave"], (self._owner,))
        connection.execute(SQL["drop"], (self._owner,))
