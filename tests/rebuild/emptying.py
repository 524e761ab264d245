"""A hot store that is emptied, and who has in his hands what it then knows nothing of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw
import psycopg

from spillover.ports import HotStore
from spillover.stores.memory import MemoryHotStore, _Tables
from tests.rebuild.test_races import Paused
from tests.rungs.opening import TABLES, Place
from tests.servers import empty

if TYPE_CHECKING:
    from tests.rebuild.disorder import Shop

CUT = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""


class Books(Paused):
    """A ledger before each call of which others may go on, and which tells who has first terms in his hands."""

    def __init__(self, port: Any, shop: Shop) -> None:
        super().__init__(port)
        self._shop = shop

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if name not in ("unpushed", "pushed"):
            return found

        async def call(*values: Any) -> Any:
            told = await found(*values)
            begins = name == "unpushed" and any(push.profile.version == 1 for push in told)
            (self._shop.beginning.add if begins else self._shop.beginning.discard)(self._shop.current)
            return told

        return call


def empty_hot_state(where: Place, store: HotStore) -> None:
    """Nothing of it is left, whatever it lies in."""
    if isinstance(store, MemoryHotStore):
        store._tables = _Tables()
    elif where.rung == "sqlite":
        with apsw.Connection(str(where.books)) as connection:
            for table in TABLES["spillover_hot"]:
                connection.execute(f"DELETE FROM {table}")
        connection.close()
    elif where.rung == "postgres":
        with psycopg.connect(where.url) as server:
            server.execute("; ".join(f"DELETE FROM spillover_hot.{one}" for one in TABLES["spillover_hot"]))
            server.execute(CUT)  # as with whatever does this to a server
    else:
        empty(where.url)
