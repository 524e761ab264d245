"""Statements sent one behind the other: nobody waits for answers to what is not sent, and the first error counts."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from psycopg.abc import PQGen
from psycopg.generators import fetch_many

from spillover.model.errors import StoreUnavailable
from spillover.postgres import Connection, Database
from spillover.postgres.connection import Synced
from tests.postgres.support import add, ids, own_pid

LONG = "x" * 2_000_000
"""More than the socket takes at once: as a batch may be where the network is far, or the socket a local one."""


@pytest.fixture
def narrow(things: Database) -> Database:
    """A database whose socket takes little at once."""

    def work(connection: Connection) -> None:
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 50_000)

    things.outside(work)
    return things


def test_a_statement_longer_than_the_socket_takes_at_once_is_answered(narrow: Database) -> None:
    def work(connection: Connection) -> Any:
        return connection.execute("SELECT length($1::text)", (LONG,)).fetchone()

    assert narrow.write(work) == (len(LONG),)


def test_a_statement_behind_longer_ones_is_answered_however_much_they_answer(narrow: Database) -> None:
    def work(connection: Connection) -> Any:
        for _ in range(3):
            connection.execute("SELECT $1::text", (LONG,))
        return connection.execute("SELECT 1").fetchall()

    assert narrow.write(work) == [(1,)]


def test_an_error_is_told_before_those_of_what_followed_it(things: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    things.write(add(1))
    seen: list[list[int]] = []
    communicate = Synced._communicate_gen

    def reading(pipeline: Synced) -> PQGen[None]:
        ending = pipeline._synced
        yield from communicate(pipeline)
        while ending and pipeline.result_queue:  # as far as the first error: no answer to what follows has come yet
            results = yield from fetch_many(pipeline.pgconn)
            pipeline._process_results(pipeline.result_queue.popleft(), results)

    def work(connection: Connection) -> None:
        if seen:
            seen.append(ids(connection))
            return
        seen.append([])
        connection.execute("INSERT INTO things SELECT 1, 'b', NULL FROM pg_sleep(0.2)")
        add(2, 3)(connection)

    monkeypatch.setattr(Synced, "_communicate_gen", reading)
    things.write(work)
    assert seen == [[], [1]], "somebody was first with the key, so it was done again"


def test_a_session_that_has_lost_its_statements_is_given_up(things: Database) -> None:
    for _ in range(3):
        things.read(ids)
    things.outside(lambda connection: connection.pgconn.exec_(b"DEALLOCATE ALL"))  # as a pooler does
    with pytest.raises(StoreUnavailable, match="do not fit"):
        things.read(ids)
    assert things.read(ids) == []


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, TimeoutError])
@pytest.mark.parametrize("at", ["_communicate_gen", "_process_results", "_exit"])
def test_a_session_whose_driver_was_interrupted_is_given_up(
    things: Database, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException], at: str
) -> None:
    """Else answers that are still to come could be taken for those to the next questions."""
    pid = things.read(own_pid)

    def interrupted(*_: Any) -> None:
        monkeypatch.undo()
        raise interrupt

    def work(connection: Connection) -> list[int]:
        monkeypatch.setattr(Synced, at, interrupted)
        add(1)(connection)
        return ids(connection)

    with pytest.raises(interrupt):
        things.write(work)
    assert things.read(own_pid) != pid
    assert things.read(ids) == ([1] if at == "_exit" else []), "the last of these comes after the commit"
