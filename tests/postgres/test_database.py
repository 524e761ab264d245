"""Snapshots and transactions, what is refused, and the words of refusals."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from contextlib import suppress

import psycopg
import pytest

from spillover.model.errors import InvalidInput, StoreError, StoreUnavailable
from spillover.postgres import Connection, Database, blobs, ints, texts
from tests.postgres.support import add, ids, opened, own_pid
from tests.servers import Databases


def test_what_was_written_is_read_back_exactly(things: Database) -> None:
    columns = (ints([3, 2**53 - 1, -(2**62)]), texts(["ü", None, ""]), blobs([b"\0\xff", b"x" * 5000, None]))
    things.write(lambda c: c.execute("INSERT INTO things SELECT * FROM unnest($1, $2, $3)", columns))
    rows = things.read(lambda c: c.execute("SELECT * FROM things ORDER BY id").fetchall())
    assert rows == [(-(2**62), "", None), (3, "ü", b"\0\xff"), (2**53 - 1, None, b"x" * 5000)]


def test_empty_arrays_are_arrays(things: Database) -> None:
    values = (ints([]), texts([]), blobs([]))
    assert things.read(lambda c: c.execute("SELECT * FROM unnest($1, $2, $3)", values).fetchall()) == []


def test_a_read_sees_one_snapshot(things: Database, url: str) -> None:
    other = opened(url)

    def work(connection: Connection) -> tuple[list[int], list[int]]:
        before = ids(connection)
        other.write(add(1))
        return before, ids(connection)

    assert things.read(work) == ([], [])
    assert things.read(ids) == [1]
    other.close()


def test_a_read_writes_nothing(things: Database) -> None:
    with pytest.raises(StoreError):
        things.read(add(1))
    assert things.read(ids) == []


def test_any_exception_rolls_all_of_it_back_and_the_session_goes_on(things: Database) -> None:
    pid = things.read(own_pid)

    def work(connection: Connection) -> None:
        add(1)(connection)
        raise ValueError("changed my mind")

    with pytest.raises(ValueError, match="changed my mind"):
        things.write(work)
    assert things.read(ids) == []
    assert things.read(own_pid) == pid


def test_an_error_that_work_swallowed_cannot_commit(things: Database) -> None:
    def work(connection: Connection) -> None:
        add(1)(connection)
        with suppress(psycopg.Error):
            connection.execute("SELECT 1 / 0").fetchone()

    with pytest.raises(StoreError, match="failed transaction"):
        things.write(work)
    assert things.read(ids) == []


def test_work_inside_work_is_refused(things: Database) -> None:
    with pytest.raises(StoreError, match="inside other work"):
        things.read(lambda _: things.read(ids))
    assert things.read(ids) == []


def test_threads_take_turns(things: Database) -> None:
    threads = [
        threading.Thread(target=lambda n=n: [things.write(add(n * 100 + i)) for i in range(20)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(things.read(ids)) == 80


def test_a_forked_child_refuses_the_session_and_leaves_it_whole(things: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def working(connection: Connection) -> list[int]:
        begun.set()
        assert go_on.wait(20)
        return ids(connection)

    thread = threading.Thread(target=things.read, args=(working,))  # a turn that the child's copy would never get
    thread.start()
    begun.wait()
    with warnings.catch_warnings(action="ignore"):  # of threads beside a fork: that is what is tried
        child = os.fork()
    if not child:
        signal.alarm(10)
        status = 1
        try:
            things.read(ids)
        except StoreUnavailable as error:
            status = 0 if "before this process was forked" in str(error) else 2
        things.close()
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go_on.set()
    thread.join()
    assert things.read(ids) == []


def test_a_closed_database_says_so_and_closing_again_is_safe(things: Database) -> None:
    things.close()
    things.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        things.read(ids)


def test_an_interrupted_piece_of_work_leaves_a_database_that_serves(things: Database) -> None:
    def work(connection: Connection) -> None:
        add(1)(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        things.write(work)
    assert things.read(ids) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hush@127.0.0.1:1/books",
        "postgresql://user:hush@127.0.0.1:wrong/books",
        "postgresql://user:hu@sh@127.0.0.1:1/hush",
        "postgresql://user:hush@127.0.0.1:1/books?nonsense=hush",
        "mysql://user:hush@host/books",
        "postgresql://127.0.0.1:1/books?password=hush",
    ],
)
def test_no_error_shows_a_password(url: str) -> None:
    with pytest.raises((StoreUnavailable, InvalidInput)) as caught:
        opened(url)
    assert "hush" not in str(caught.value)
    assert "sh@" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_is_not_there_is_named(server: Databases) -> None:
    with pytest.raises(StoreUnavailable, match=r'127.0.0.1:.*/nowhere: .*"nowhere" does not exist'):
        opened(server.url_of("nowhere"))


def test_a_full_disk_is_store_full(things: Database) -> None:
    with pytest.raises(StoreError, match="no space left"):
        things.write(lambda c: c.execute("DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$"))


def test_a_server_that_takes_no_writes_is_named(things: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute("SET TRANSACTION READ ONLY")
        add(1)(connection)

    with pytest.raises(StoreUnavailable, match=r"takes no writes.*target_session_attrs=read-write"):
        things.write(work)


def test_a_program_that_stands_still_anywhere_in_a_transaction_leaves_no_session_at_work(
    things: Database, url: str
) -> None:
    """The server's limit is on idle transactions: one that it holds to be at work would keep its locks for ever."""
    things.write(add(1))
    seen = []

    def work(connection: Connection) -> None:
        pid = own_pid(connection)
        with psycopg.connect(url) as other:
            for step in (
                lambda: connection.execute("SELECT id FROM things WHERE id = 1 FOR UPDATE"),
                lambda: connection.execute("UPDATE things SET name = 'x' WHERE id = 1"),
                lambda: connection.execute("SELECT 1").fetchall(),
                lambda: connection.execute("SELECT id FROM things WHERE id = 1 FOR UPDATE"),
            ):
                step()
                (state,) = other.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
                other.rollback()
                seen.append(state)

    things.write(work)
    assert set(seen) == {"idle in transaction"}
