"""What is tried again, at most three times: lost sessions, deadlocks, unknown outcomes; and that every wait ends."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from spillover.model.errors import StoreUnavailable
from spillover.postgres import Connection, Database
from tests.postgres.support import add, as_admin, ids, opened, own_pid
from tests.servers import Proxy, postgres
from tests.servers.process import wait_for


def test_a_lost_session_is_made_anew(things: Database, url: str) -> None:
    things.write(add(1))
    for _ in range(3):
        pid = things.read(own_pid)
        as_admin(url, f"SELECT pg_terminate_backend({pid}, 5000)")
        assert things.read(ids) == [1]


def test_work_whose_session_is_lost_is_done_again_whole(things: Database, url: str) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(own_pid(connection))
        add(len(tries), 10)(connection)
        if len(tries) < 3:
            as_admin(url, f"SELECT pg_terminate_backend({tries[-1]}, 5000)")
        ids(connection)

    things.write(work)
    assert len(set(tries)) == 3
    assert things.read(ids) == [3, 10]


def test_after_three_losses_it_is_unavailable_and_nothing_was_written(things: Database, url: str) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(own_pid(connection))
        add(1)(connection)
        as_admin(url, f"SELECT pg_terminate_backend({tries[-1]}, 5000)")
        ids(connection)

    with pytest.raises(StoreUnavailable, match="same again"):
        things.write(work)
    assert len(tries) == 3
    assert things.read(ids) == []


def test_a_commit_whose_answer_is_lost_is_tried_again_and_its_keys_decide() -> None:
    with postgres() as server, Proxy(server.port) as proxy:
        database = opened(proxy.through(server.new_database()))
        seen: list[list[int]] = []

        def work(connection: Connection) -> None:
            seen.append(ids(connection))
            if not seen[-1]:
                add(1)(connection)
                proxy.lose_reply(b"COMMIT")

        database.write(work)
        assert seen == [[], [1]], "the first try had committed, and the second saw it"
        database.close()


def test_a_key_that_another_was_first_with_is_seen_by_the_next_try(things: Database, url: str) -> None:
    other, seen = opened(url), list[list[int]]()

    def work(connection: Connection) -> None:
        seen.append(ids(connection))
        if len(seen) == 1:
            other.write(add(1))
        if 1 not in seen[-1]:
            add(1)(connection)

    things.write(work)
    assert seen == [[], [1]]
    other.close()


def test_a_deadlock_is_tried_again(things: Database, url: str) -> None:
    things.write(add(1, 2))
    other, meet = opened(url), threading.Barrier(2, timeout=20)
    tries: list[int] = []

    def crossing(first: int, second: int) -> Any:
        begun = threading.Event()

        def work(connection: Connection) -> None:
            tries.append(first)
            connection.execute("UPDATE things SET name = name || 'x' WHERE id = $1 RETURNING id", (first,)).fetchone()
            if not begun.is_set():
                begun.set()
                meet.wait()
            connection.execute("UPDATE things SET name = name || 'x' WHERE id = $1 RETURNING id", (second,)).fetchone()

        return work

    thread = threading.Thread(target=other.write, args=(crossing(2, 1),))
    thread.start()
    things.write(crossing(1, 2))
    thread.join()
    assert len(tries) in (3, 4), "one of the two was done again, or each once"
    assert things.read(lambda c: c.execute("SELECT name FROM things").fetchall()) == [("axx",), ("axx",)]
    other.close()


def test_a_row_that_stays_locked_is_a_time_limit_and_nothing_is_written(url: str) -> None:
    first, second = opened(url), opened(url, timeout_ms=100)
    first.write(add(1))

    def holding(connection: Connection) -> None:
        connection.execute("SELECT id FROM things FOR UPDATE").fetchall()
        with pytest.raises(StoreUnavailable, match="time limit"):
            second.write(lambda c: c.execute("UPDATE things SET name = 'b' RETURNING id").fetchall())

    first.write(holding)
    assert first.read(lambda c: c.execute("SELECT name FROM things").fetchall()) == [("a",)]
    first.close()
    second.close()


def test_a_server_that_stands_still_is_unavailable_and_found_again() -> None:
    with postgres() as server:
        database = opened(server.new_database(), timeout_ms=200)
        server.pause()
        with pytest.raises(StoreUnavailable, match="time limit"):
            database.read(ids)
        server.resume()
        assert database.read(ids) == []
        database.close()


def test_a_silent_network_is_unavailable_and_found_again() -> None:
    with postgres() as server, Proxy(server.port) as proxy:
        database = opened(proxy.through(server.new_database()), timeout_ms=200)
        proxy.blackhole()
        with pytest.raises(StoreUnavailable, match="time limit"):
            database.read(ids)
        proxy.heal()
        assert database.read(ids) == []
        database.close()


def test_a_server_that_was_started_again_is_found_again() -> None:
    with postgres() as server:
        database = opened(server.new_database())
        database.write(add(1))
        server.kill()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            database.read(ids)
        server.start()
        assert database.read(ids) == [1], "what was answered is there after a crash"
        database.close()


def test_a_transaction_that_its_program_leaves_open_is_ended_and_done_again(url: str) -> None:
    idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'"
    database, tries = opened(url, timeout_ms=100), list[int]()

    def work(connection: Connection) -> None:
        tries.append(len(tries))
        ids(connection)
        if len(tries) == 1:
            wait_for(lambda: as_admin(url, idle) == [(0,)], "the server ended the idle transaction")
        add(len(tries))(connection)

    database.write(work)
    assert database.read(ids) == [2]
    database.close()


def test_an_answer_that_does_not_fit_is_told_as_such(things: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute("SELECT $1::bigint + $2::bigint", (1,)).fetchone()  # as if another prepared it differently

    with pytest.raises(StoreUnavailable, match=r"do not fit.*supplies 1.*behind a pooler use its session mode"):
        things.write(work)
    things.write(add(1))
    assert things.read(ids) == [1]
