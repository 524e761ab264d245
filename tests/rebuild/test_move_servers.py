"""Moves to, between and back from servers: the same rows, the same digest, the same accounts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.model.errors import SpilloverError, StoreUnavailable
from spillover.move import move
from spillover.move.tables import KEYS
from spillover.postgres import Connection
from tests.rebuild.support import NAMES, dies_in, engine, looked, ports, shop
from tests.servers import Databases
from tests.support import clock

COMPARED = tuple(table for table in KEYS if table not in ("accounts", "epochs", "outbox", "pushed"))
SCHEMAS = (
    "spillover_usage, spillover_monetization, spillover_balances, spillover_ledger, spillover_names, spillover_hot"
)


def rows(url: str, table: str) -> list[tuple[Any, ...]]:
    """A table's rows, its columns by name."""
    if url.startswith("sqlite"):
        with apsw.Connection(url.removeprefix("sqlite:///")) as connection:
            names = sorted(
                str(name) for (name,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')")
            )
            return sorted(connection.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall(), key=repr)
    with psycopg.connect(url) as server:
        server.execute(f"SET search_path TO {SCHEMAS}")
        cursor = server.execute(f"SELECT * FROM {table} LIMIT 0")
        names = sorted(column.name for column in cursor.description or ())
        return sorted(server.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall(), key=repr)


def books_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


@pytest.fixture
def two(postgres_server: Databases) -> Iterator[tuple[str, str]]:
    urls = postgres_server.new_database(), postgres_server.new_database()
    yield urls
    for url in urls:
        postgres_server.drop_database(url)


@pytest.mark.parametrize("way", ["sqlite to postgres", "postgres to postgres", "postgres to sqlite"])
def test_a_move_carries_everything(way: str, two: tuple[str, str], tmp_path: Path) -> None:
    files = f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db"
    source = files[0] if way.startswith("sqlite") else two[0]
    target = files[1] if way.endswith("sqlite") else two[1]
    with shop(source) as old:
        report = move(source, target, actor="ops", clock=clock())
        with pytest.raises(SpilloverError):
            old.consume("acme", "video.seconds", 1)
        with pytest.raises(StoreUnavailable, match=r"these books were moved to .*; connect to where they live now$"):
            old.accounts.put("dora", "plus")
        with pytest.raises(SpilloverError):
            old.credits.add("acme", 1, key="too late")
    assert report.accounts == 3
    for table in (*COMPARED, "denials"):
        assert rows(target, table) == rows(source, table), table
    assert audit(books_of(target)).digest == audit(books_of(source)).digest
    assert (audit(books_of(target)).findings, audit(books_of(source)).findings) == ((), ())
    with engine(target) as access:
        access.holds.commit("acme", "kept", 3)
        access.credits.add("bolt", 1, key="after the move")  # a number of the database's own
        access.settle(tend=False)
        assert [looked(access, name).status for name in NAMES] == ["same"] * 3
    assert audit(books_of(target)).findings == ()


def test_a_move_to_a_hot_store_of_its_own_and_back(two: tuple[str, str], valkey_url: str, tmp_path: Path) -> None:
    source, there = f"sqlite:///{tmp_path}/source.db", f"{valkey_url}?ledger={two[0]}"
    with shop(source):
        pass
    report = move(source, there, clock=clock())
    assert report.notes == ("counts of denials begin anew: they lie with the hot state, and one has no table of them",)
    with engine(there) as access:
        access.holds.commit("acme", "kept", 3)
        access.settle(tend=False)
        assert [looked(access, name).status for name in NAMES] == ["same"] * 3
        access.consume("acme", "video.seconds", 1, key="waits in the stream")
    report = move(there, two[1], clock=clock())
    assert (report.accounts, report.settled) == (3, 1)
    for table in COMPARED:
        assert rows(two[1], table) == rows(two[0], table), table
    with engine(two[1]) as access:
        access.settle(tend=False)
        assert [looked(access, name).status for name in NAMES] == ["same"] * 3
        assert access.holds.list("bolt")
    assert audit(two[1]).findings == ()


def every_death(server: Databases, steps: range) -> int:
    """Die at these statements of a move, each time of fresh databases; then the same call again. How many deaths."""

    def filled(url: str) -> None:
        with shop(url):
            pass

    deaths = 0
    for step in steps:
        source, target = server.new_database(filled), server.new_database()
        died = dies_at(step, lambda: move(source, target, clock=clock()))  # noqa: B023 (called at once)
        deaths += died
        if died:
            move(source, target, clock=clock())
        for table in (*COMPARED, "denials"):
            assert rows(target, table) == rows(source, table), table
        with engine(target) as access:
            access.settle(tend=False)
            assert [looked(access, name).status for name in NAMES] == ["same"] * 3
            assert drive(ports(access)[1].quarantined()) == ()
        assert audit(target).findings == ()
        server.drop_database(source)
        server.drop_database(target)
        if not died:
            break
    return deaths


def dies_at(step: int, work: Callable[[], Any]) -> bool:
    """Run `work` in a child that is gone before its n-th statement to a server; whether it got that far."""

    def counted() -> None:
        left, execute = [step], Connection.execute

        def dying(self: Connection, *values: Any, **named: Any) -> Any:
            if left[0] == 0:
                os._exit(0)
            left[0] -= 1
            return execute(self, *values, **named)

        Connection.execute = dying  # type: ignore[method-assign]
        work()

    return dies_in(counted)


def test_a_move_on_servers_killed_at_one_statement_of_many_is_ended_by_the_same_call(
    postgres_server: Databases,
) -> None:
    assert every_death(postgres_server, range(11, 100_000, 431)) > 1


@pytest.mark.soak
def test_a_move_on_servers_killed_at_any_of_many_statements_is_ended_by_the_same_call(
    postgres_server: Databases,
) -> None:
    assert every_death(postgres_server, range(0, 100_000, 29)) > 30
