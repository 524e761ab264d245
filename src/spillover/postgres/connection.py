"""The driver's connection as it is used here: `$1` for parameters, columns in binary, a limit on every wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import psycopg
from psycopg import RawCursor
from psycopg.abc import PQGen
from psycopg.pq import Format
from psycopg.rows import RowFactory

from spillover.postgres.faults import TimedOut

T = TypeVar("T")


class Cursor(RawCursor[Any]):
    """A cursor whose columns come in binary: bytes as they are, numbers without being spelled."""

    def __init__(self, connection: psycopg.Connection[Any], *, row_factory: RowFactory[Any] | None = None) -> None:
        super().__init__(connection, row_factory=row_factory or connection.row_factory)
        self.format = Format.BINARY

    def fetchone(self) -> tuple[Any, ...] | None:
        """As the driver's."""
        self._receive()
        row: tuple[Any, ...] | None = super().fetchone()
        return row

    def fetchall(self) -> list[tuple[Any, ...]]:
        """As the driver's."""
        self._receive()
        return super().fetchall()

    def __iter__(self) -> Self:
        """As the driver's."""
        self._receive()
        return super().__iter__()

    def _receive(self) -> None:
        # Before the driver does, which would ask with a Flush: that stops the server's clock of idle transactions.
        connection = self.connection
        if isinstance(connection, Connection) and connection.under_way is not None:
            connection.under_way.receive()


class Synced(psycopg.Pipeline):
    """A pipeline in which each statement ends with a Sync of its own, and nobody waits for it.

    Between a statement and the Sync that follows it the server holds the transaction to be at work, and none of its
    limits (before release 17) ends one whose program stands still there, with all its locks. So both go to the driver's
    buffer before that is sent. Within a transaction a Sync commits nothing.
    """

    _synced = False

    def receive(self) -> None:
        """Wait for the answers to all that was sent."""
        with self._lock:
            self._conn.wait(self._fetch_gen(flush=False))

    def _enqueue_sync(self) -> None:
        super()._enqueue_sync()
        self._synced = True

    def _communicate_gen(self) -> PQGen[None]:
        if self.command_queue and not self._synced:
            super()._enqueue_sync()
        self._synced = False
        while self.command_queue:
            self.command_queue.popleft()()
        yield from super()._communicate_gen()


class Connection(psycopg.Connection[Any]):
    """A connection no wait of which lasts longer than `patience_s`."""

    patience_s = 60.0
    under_way: Synced | None = None

    def __del__(self, *_: object) -> None:
        """Without the driver's warning: a session that nobody holds is given back, as a file is."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As the driver's. Raises TimedOut: then the connection is of no use any more."""
        return super().wait(_within(gen, self.patience_s), interval)

    @contextmanager
    def synced(self) -> Iterator[Synced]:
        """A pipeline in which each statement ends with a Sync of its own."""
        self._pipeline = pipeline = Synced(self)
        with self.pipeline():
            yield pipeline

    def script(self, text: str) -> None:
        """Several statements, without parameters; what they give is dropped."""
        cursor = self.cursor()
        cursor.format = Format.TEXT  # in binary the driver would send it as a single statement
        cursor.execute(text, prepare=False)


def _within(gen: PQGen[T], seconds: float) -> PQGen[T]:
    # The driver asks its generator again at every interval, also where the socket has nothing.
    until = time.monotonic() + seconds
    try:
        want = next(gen)
        while True:
            ready = yield want
            if not ready and time.monotonic() > until:
                raise TimedOut(f"nothing for {seconds:g} s")
            want = gen.send(ready)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
