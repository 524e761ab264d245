"""The booked usage of a PostgreSQL database gives the same comparison as that of a file with the same books."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

import spillover
from spillover.backtest import backtest
from spillover.backtest.recent import check_recent
from spillover.model.errors import StoreError
from tests.audit.copying import copy_books, make_tables
from tests.backtest.support import PRESENT, PROPOSED, T0, policy
from tests.servers import Databases


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Two accounts whose requests come in turn; some are denied, credits come between."""
    path, hour = tmp_path / "app.db", [T0]
    with spillover.connect(f"sqlite:///{path}", policy=policy(PRESENT), clock=lambda: hour[0], settle=False) as access:
        access.accounts.put("ada", "free")
        access.accounts.put("bob", "pro")
        access.credits.add("ada", 4, key="first")
        for second in range(1, 30):
            hour[0] = T0 + second * 1000
            access.consume(
                "ada" if second % 3 else "bob", "images", 1 + second % 2, subject="someone", key=f"k{second}"
            )
            if second == 9:
                access.credits.add("ada", 3, key="second")
            access.settle()
    return path


@pytest.fixture
def url(books: Path, postgres_server: Databases) -> str:
    url = postgres_server.new_database(make_tables)
    copy_books(books, url)
    return url


@pytest.mark.parametrize("limit", [None, 5])
def test_the_comparison_is_that_of_the_file(books: Path, url: str, limit: int | None) -> None:
    of_file = backtest(policy(PROPOSED), database=str(books), limit=limit)
    of_server = backtest(policy(PROPOSED), database=url, limit=limit)
    assert of_file.present.requests > 4
    assert of_file.newly_denied.requests
    assert of_server.source == url.replace("postgres@", "")
    assert replace(of_server, source="") == replace(of_file, source="")


def test_recent_usage_is_that_of_the_file(books: Path, url: str) -> None:
    for since in (0, T0 + 20_000):
        assert check_recent(policy(PROPOSED), url, since) == check_recent(policy(PROPOSED), str(books), since)


def test_denials_that_are_counted_elsewhere_are_not_said_to_be_none(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA spillover_hot CASCADE")
    notes = " ".join(backtest(policy(PROPOSED), database=url).notes)
    assert "Denied requests are not recorded." in notes


def test_an_event_that_cannot_be_read_is_an_error_that_says_so(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE spillover_usage.usage_events SET payload = '\\xff00' WHERE key = 'k1'")
    with pytest.raises(StoreError, match="found an event that cannot be read"):
        backtest(policy(PROPOSED), database=url)
