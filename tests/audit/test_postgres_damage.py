"""A damaged PostgreSQL, and one in use: the audit ends with findings that are true of one moment."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import spillover
from spillover.audit import audit
from spillover.policy import read_policy_text
from tests import servers
from tests.audit.copying import copy_books, make_tables
from tests.audit.stories import POLICY
from tests.audit.worlds import World
from tests.servers import Databases, Postgres


@pytest.fixture
def server() -> Iterator[Postgres]:
    """One that may be spoilt."""
    with servers.postgres() as server:
        yield server


def test_a_page_that_cannot_be_read_hides_its_accounts_only(server: Postgres, tmp_path: Path) -> None:
    path = World(tmp_path / "x.db", 4, accounts=40).play(600).close()
    url = server.new_database(make_tables)
    copy_books(path, url)
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_relation_filepath('spillover_ledger.profiles')").fetchone()
        pages = connection.execute("SELECT pg_relation_size('spillover_ledger.profiles') / 8192").fetchone()
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    assert row is not None
    assert pages is not None
    assert pages[0] > 2
    server.stop()
    with (server.data / row[0]).open("r+b") as file:
        file.seek(8192 + 4000)
        file.write(os.urandom(64))
    server.start()
    report = audit(server.url_of(url.rpartition("/")[2]))
    assert 0 < report.found["pages"] < 40
    assert 0 < report.accounts < 40
    assert {one.check for one in report.findings} == {"pages"}
    assert all(one.account for one in report.findings)


def test_beside_an_engine_each_audit_sees_one_moment(postgres_server: Databases) -> None:
    url = postgres_server.new_database(make_tables)
    with spillover.connect(url, policy=read_policy_text(POLICY), settle=False) as access:
        for name in ("acme", "zeta"):
            access.accounts.put(name, "plus", billing_day=1_780_000_000_000)
            access.credits.add(name, "20", key="first")
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with spillover.connect(url, durability="fast") as access:
                number = 0
                while not stop.is_set():
                    number += 1
                    access.consume("zeta", "chat", 1, key=f"live {number}")
                    if number % 9 == 0:
                        access.credits.add("zeta", "1", key=f"credits {number}")
                    access.consume("acme", "video", 1, key=f"live {number}")
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [audit(url, processes=1 + turn % 2) for turn in range(6)]
    finally:
        stop.set()
        writer.join()
    assert not failures
    assert [str(one) for report in reports for one in report.findings] == []
    assert reports[-1].events + reports[-1].unsettled > reports[0].events + reports[0].unsettled
