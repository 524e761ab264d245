"""The database as the hot store uses it: in each new session plans are kept to the indexes before anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from spillover.postgres import Connection, Database
from spillover.stores.postgres.known import SQL

T = TypeVar("T")
Work = Callable[[Connection], T]


class Session:
    """A `Database` whose sessions are tuned. `name` is how errors call it."""

    def __init__(self, database: Database) -> None:
        self._database, self.name = database, database.name
        self._tuned: Connection | None = None
        self._used: Connection | None = None

    def read(self, work: Work[T]) -> T:
        """As the database's."""
        return self._done(self._database.read(lambda connection: self._with(connection, work)))

    def write(self, work: Work[T]) -> T:
        """As the database's."""
        return self._done(self._database.write(lambda connection: self._with(connection, work)))

    def close(self) -> None:
        """Give back the session. Safe to repeat."""
        self._database.close()

    def _with(self, connection: Connection, work: Work[T]) -> T:
        self._used = connection
        if connection is not self._tuned:
            connection.execute(SQL["tune"])
        return work(connection)

    def _done(self, answer: T) -> T:
        # A transaction that is rolled back takes its settings back too.
        self._tuned = self._used
        return answer
