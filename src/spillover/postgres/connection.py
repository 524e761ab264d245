"""The driver's connection as it is used here: `$1` for parameters, columns in binary, a limit on every wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import psycopg
from psycopg import RawCursor
from psycopg.abc import PQGen
from psycopg.generators import send
from psycopg.pq import Format, PipelineStatus
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
        """Wait for the answers to all that was sent. Raises the first error among them."""
        with self._lock:
            self._conn.wait(self._received())

    def _received(self) -> PQGen[None]:
        # What the socket had no room for is in the driver's buffer still: who waits for answers only never sends it.
        yield from send(self.pgconn)
        yield from self._fetch_gen(flush=False)

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

    def _exit_gen(self) -> PQGen[None]:
        # By the driver's own, the errors of what follows a failed statement could take the place of that one's.
        self._enqueue_sync()
        first: psycopg.Error | None = None
        for step in (self._communicate_gen(), self._received()):
            try:
                yield from step
            except psycopg.Error as error:
                first = first or error
        if first is not None:
            raise first


class Connection(psycopg.Connection[Any]):
    """A connection no wait of which lasts longer than `patience_s`."""

    patience_s = 60.0
    under_way: Synced | None = None
    interrupted = False
    """Whether something else than an error of the driver's ended its work, a signal's handler say: answers that are
    still to come might then be taken for those to the next questions, so it is of no use any more."""

    @property
    def fit(self) -> bool:
        """Whether a transaction can begin: it is open, and nothing of an earlier one is under way or left over."""
        over = self._pipeline is None and self.pgconn.pipeline_status == PipelineStatus.OFF
        return over and not self.interrupted and not self.closed

    def __del__(self, *_: object) -> None:
        """Without the driver's warning: a session that nobody holds is given back, as a file is."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As the driver's. Raises TimedOut: then the connection is of no use any more."""
        self.interrupted = True
        try:
            answer = super().wait(_within(gen, self.patience_s), interval)
        except psycopg.Error:
            self.interrupted = False
            raise
        self.interrupted = False
        return answer

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
