"""A Spillover database in PostgreSQL, and the two ways to use it: `read` one snapshot, `write` one transaction."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TypeVar

import psycopg

from spillover.model.errors import StoreError, StoreUnavailable
from spillover.postgres.connection import Connection
from spillover.postgres.faults import AGAIN, is_lost, is_out_of_step, parameters, shown, translate
from spillover.postgres.forks import inherited
from spillover.postgres.session import Durability, connect
from spillover.sql import Component

TIMEOUT_MS = 2_000
TRIES = 3
"""How often a piece of work is done at most, in all."""
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

T = TypeVar("T")


class Database:
    """One session with the server, made anew when it is lost; threads take turns at it."""

    def __init__(self, name: str, connect: Callable[[], Connection], secret: str = "") -> None:
        self.name = name
        self._connect, self._secret = connect, secret
        self._turn = threading.RLock()
        self._busy = self._inside = self._closed = False
        self._connection: Connection | None = None
        self._pid = os.getpid()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Its result, over one snapshot; nothing may be written. Raises StoreErrors."""
        return self._repeated(READ, work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Its result, once what it wrote is committed, and with `strict` durable. Any exception rolls all of it back.

        Work is run again, at most 3 times in all, after a deadlock, a key that another transaction was first with, or a
        lost connection, also one that was lost at the commit: then it may stand already, and its keys decide.
        """
        return self._repeated(WRITE, work)

    def outside(self, work: Callable[[Connection], T]) -> T:
        """Its result, outside of any transaction and without a time limit, for what PostgreSQL does not do inside."""
        self._require_own_process()
        with self._turn:
            try:
                connection = self._ready()
                patience, connection.patience_s = connection.patience_s, float("inf")
                try:
                    return work(connection)
                finally:
                    connection.patience_s = patience
            except psycopg.Error as error:
                self._drop()
                raise translate(error, self.name, self._secret) from error

    def open(self) -> None:
        """Connect now, and not with the first piece of work. Raises StoreErrors."""
        self.outside(lambda _: None)

    def close(self) -> None:
        """Give back the session. Safe to repeat; in a forked child it leaves the parent's alone."""
        if os.getpid() != self._pid:
            return
        with self._turn:
            self._closed = True
            self._drop()

    def _repeated(self, begin: str, work: Callable[[Connection], T]) -> T:
        self._require_own_process()
        with self._turn:
            if self._inside:
                raise StoreError(f"{self.name}: found work begun inside other work, expected one after the other")
            self._inside = True
            try:
                return self._tried(begin, work)
            except psycopg.Error as error:
                raise translate(error, self.name, self._secret) from error
            finally:
                self._inside = False

    def _tried(self, begin: str, work: Callable[[Connection], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                return self._once(begin, work)
            except psycopg.Error as error:
                if not (isinstance(error, AGAIN) or is_lost(error)):
                    raise
        return self._once(begin, work)

    def _once(self, begin: str, work: Callable[[Connection], T]) -> T:
        connection = self._ready()
        self._busy = True
        pipeline = connection.synced()
        try:
            connection.under_way = pipeline.__enter__()
            connection.execute(begin, prepare=False)
            answer = work(connection)
            ended = connection.execute("COMMIT", prepare=False)
            connection.under_way = None
            pipeline.__exit__(None, None, None)  # here all that is left is sent, and its errors come
            if ended.statusmessage != "COMMIT":  # work has swallowed an error, so the server rolled back
                raise StoreError(f"{self.name}: found a failed transaction, expected one to commit; report this")
        except BaseException as error:
            self._end(connection, pipeline, error)
            raise
        self._busy = False
        return answer

    def _end(self, connection: Connection, pipeline: AbstractContextManager[object], error: BaseException) -> None:
        """Roll back what was begun; a session where that cannot be done is given up."""
        connection.under_way = None
        useless = is_lost(error) or is_out_of_step(error) or connection.interrupted or connection.closed
        if useless:
            self._drop()
        with suppress(Exception):  # of what was sent and is rolled back now
            pipeline.__exit__(None, None, None)
        if useless:
            return
        try:
            connection.execute("ROLLBACK", prepare=False)
            self._busy = False
        except psycopg.Error:
            self._drop()

    def _require_own_process(self) -> None:
        # Before the turn: at the fork, a thread that the child does not have may have held it.
        if os.getpid() != self._pid:
            raise inherited(self.name)

    def _ready(self) -> Connection:
        """The session with no transaction open. Raises StoreUnavailable, and psycopg's errors of connecting."""
        if self._closed:
            raise StoreUnavailable(f"{self.name}: found the store closed, expected an open one; connect again")
        if self._connection is not None and (self._busy or not self._connection.fit):
            self._drop()  # work was interrupted at a moment where nothing could end it, or the server has hung up
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _drop(self) -> None:
        connection, self._connection, self._busy = self._connection, None, False
        if connection is not None:
            connection.close()


def open_database(
    url: str,
    component: Component,
    *,
    role: str,
    rules: int,
    durability: Durability = "strict",
    timeout_ms: int = TIMEOUT_MS,
) -> Database:
    """Connect, check the server, bring this component's schema up to date, and become the role.

    `rules`: the newest rules version that the caller knows (core.decide.RULES).
    `url` is postgresql://... as libpq takes it: several hosts, sslmode, target_session_attrs and the like too.
    `strict`: a commit is answered when it is on the server's disk (with `synchronous_commit` off in the server's
    configuration, it is on for this session), and on its standbys if the server says so. `fast`: before; a killed
    program loses nothing, a server that crashes up to three times its `wal_writer_delay`, 0.6 s.
    `timeout_ms`: how long a statement, a lock, and the program's own pauses inside a transaction may last.
    Raises InvalidInput for the URL, WrongSettings, NotADatabase, NewerSchema, NewerRules, StoreUnavailable, StoreError.
    """
    given = parameters(url)
    name = shown(given)
    database = Database(
        name,
        lambda: connect(given, name, component, role, durability, rules, timeout_ms),
        given.get("password", ""),
    )
    database.open()
    return database
