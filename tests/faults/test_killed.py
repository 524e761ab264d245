"""kill -9 of a server, an engine or a settler under load, again and again: nothing answered is lost, none doubled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import servers
from tests.faults.people import People, people
from tests.faults.shop import Where, open_shop
from tests.servers import Server

MORE = 20
"""Answers between two deaths."""
ONCE = pytest.param(1, id="short")
TIMES = [pytest.param(2, id="short"), pytest.param(60, id="long", marks=pytest.mark.soak)]
HOT: dict[str, Callable[[], Server]] = {"valkey": servers.valkey, "redis62": servers.redis62}


def load(clients: People) -> None:
    """Two clients and a settler, all at work."""
    clients.engine()
    clients.engine()
    clients.settler()
    clients.wait_for_more(MORE, settled=1)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("kind", HOT)
def test_a_hot_store_killed_under_load_has_lost_nothing_that_was_answered(
    kind: str, times: int, books: str, tmp_path: Path
) -> None:
    with HOT[kind]() as server:
        where = Where(server.url, books)
        open_shop(where)
        with people(tmp_path, where) as clients:
            load(clients)
            for _ in range(times):
                server.kill()
                server.start()
                clients.wait_for_more(MORE, settled=1)
            assert clients.check() > MORE * times


@pytest.mark.parametrize("times", [ONCE, TIMES[1]])
@pytest.mark.parametrize("hot", ["postgres", "valkey"])
def test_a_postgresql_stopped_at_once_under_load_has_lost_nothing_that_was_answered(
    hot: str, times: int, valkey_url: str, tmp_path: Path
) -> None:
    with servers.postgres() as server:
        url = server.new_database()
        where = Where(url) if hot == "postgres" else Where(valkey_url, url)
        open_shop(where)
        with people(tmp_path, where) as clients:
            load(clients)
            for _ in range(times):
                server.kill()
                server.start()
                clients.wait_for_more(MORE, settled=1)
            assert clients.check() > MORE * times


@pytest.mark.parametrize("times", TIMES)
def test_an_engine_killed_under_load_has_told_nobody_what_is_not_booked(
    where: Where, times: int, tmp_path: Path
) -> None:
    with people(tmp_path, where) as clients:
        load(clients)
        for _ in range(times):
            victim = clients.engine()
            clients.wait_for_more(MORE)
            victim.kill()
        clients.check()


@pytest.mark.parametrize("times", TIMES)
def test_a_settler_killed_under_load_books_nothing_twice_and_leaves_nothing_out(
    where: Where, times: int, tmp_path: Path
) -> None:
    with people(tmp_path, where) as clients:
        load(clients)
        for _ in range(times):
            clients.all[-1].kill()  # the settler of now
            clients.settler(batch=16)
            clients.wait_for_more(settled=20)
        clients.check()
