"""The driver's connection as it is used here: `$1` for parameters, columns in binary, a limit on every wait."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any, Self, TypeVar

import psycopg
from psycopg import RawCursor
from psycopg.abc import PQGen
from psycopg.pq import Format
from psycopg.rows import RowFactory

from spillover.postgres.faults import TimedOut

T = TypeVar("T")


class Cursor(RawCursor[Any]):
    """A cursor whose columns come in binary: bytes as they are, numbers without being spelled.

    A fetch ends the pipeline's present stretch (Sync, where the driver would only flush): else the server would hold
    the transaction to be at work still, and its limit on idle ones would never end one whose program stands still.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, row_factory: RowFactory[Any] | None = None) -> None:
        super().__init__(connection, row_factory=row_factory or connection.row_factory)
        self.format = Format.BINARY

    def fetchone(self) -> tuple[Any, ...] | None:
        """As the driver's."""
        self._sync()
        row: tuple[Any, ...] | None = super().fetchone()
        return row

    def fetchall(self) -> list[tuple[Any, ...]]:
        """As the driver's."""
        self._sync()
        return super().fetchall()

    def __iter__(self) -> Self:
        """As the driver's."""
        self._sync()
        return super().__iter__()

    def _sync(self) -> None:
        connection = self.connection
        if self.pgresult is None and isinstance(connection, Connection) and connection.under_way is not None:
            connection.under_way.sync()


class Stretch(psycopg.Pipeline):
    """A pipeline that sends nothing but whole stretches: all statements up to a Sync, and the Sync, in one go.

    The driver sends each statement at once. A program that is stopped between that and the Sync would keep its locks for
    as long as it stands still, as no limit of the server ends a transaction in the midst of a stretch (before release
    17). One write of the kernel's is not stopped half way; only a stretch of more than its buffers could be.
    """

    _due = False

    def _enqueue_sync(self) -> None:
        super()._enqueue_sync()
        self._due = True

    def _communicate_gen(self) -> PQGen[None]:
        if not self._due:
            return
        self._due = False
        while self.command_queue:
            self.command_queue.popleft()()  # into the driver's buffer, which the Sync empties
        yield from super()._communicate_gen()


class Connection(psycopg.Connection[Any]):
    """A connection no wait of which lasts longer than `patience_s`."""

    patience_s = 60.0
    under_way: psycopg.Pipeline | None = None

    def __del__(self, *_: object) -> None:
        """Without the driver's warning: a session that nobody holds is given back, as a file is."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As the driver's. Raises TimedOut: then the connection is of no use any more."""
        return super().wait(_within(gen, self.patience_s), interval)

    def stretches(self) -> AbstractContextManager[psycopg.Pipeline]:
        """A pipeline that sends whole stretches."""
        self._pipeline = Stretch(self)
        return self.pipeline()

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
