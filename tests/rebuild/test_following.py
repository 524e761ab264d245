"""`spillover reconcile --follow` finds a drift of one unit within a round or two, however many accounts there are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
import redis

import spillover
from spillover.cli.reconcile import RATE, READERS
from tests.cli.support import PROGRAM
from tests.cli.test_process import ENVIRONMENT
from tests.servers import plain
from tests.support import clock, policy

SECONDS = 60
"""Within which a drift among 10,000 accounts is found, at the rate that is the default."""


def fill(url: str, accounts: int) -> None:
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False, durability="fast") as access:
        for number in range(accounts):
            access.accounts.put(f"account {number}", "plus")
            if number % 10 == 0:
                access.consume(f"account {number}", "video.seconds", 2)
        access.settle(tend=False)


@contextmanager
def following(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A reconciliation that follows in another process, as fast as it can."""
    command = [*PROGRAM, "reconcile", "--follow", "--json", "--rate", "100000", "--db", url]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines_of(pipe: int, said: bytes = b"") -> Iterator[dict[str, Any]]:
    """What it writes, line by line, after what was read before."""
    while True:
        *whole, said = said.split(b"\n")
        yield from map(json.loads, whole)
        more = os.read(pipe, 65_536)
        assert more, "it ended by itself"
        said += more


def read_all(pipe: int) -> bytes:
    """What it has written up to now."""
    said = b""
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        while more := os.read(pipe, 65_536):
            said += more
    os.set_blocking(pipe, True)
    return said


def is_found(url: str, accounts: int, plant: Callable[[], None]) -> int:
    """How many accounts were looked at, at most, from when the drift was planted to when it was told."""
    with following(url) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        first = next(lines_of(pipe))
        assert (first["accounts"], first["same"]) == (accounts, accounts)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        begun = read_all(pipe).rpartition(b"\n")[2]
        plant()
        process.send_signal(signal.SIGCONT)
        looked = accounts  # of the round in which it is found
        for line in lines_of(pipe, begun):
            if "what" in line:
                assert (line["kind"], line["what"], abs(line["hot"] - line["expected"])) == ("cell", "t", 1)
                return looked
            looked += line["accounts"]
    raise AssertionError


def drift(path: Path) -> None:
    """One unit more, in an account in the middle."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(60_000)
    ids = connection.execute("SELECT account FROM cells WHERE name = 't' ORDER BY account").fetchall()
    connection.execute("UPDATE cells SET value = value + 1 WHERE name = 't' AND account = ?", ids[len(ids) // 2])
    connection.close()


def test_in_a_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    fill(url, 150)
    assert is_found(url, 150, lambda: drift(tmp_path / "shop.db")) <= 2 * 150


def test_on_a_server_read_by_several(postgres_url: str) -> None:
    fill(postgres_url, 100)

    def drifts() -> None:
        with psycopg.connect(postgres_url) as server:
            one = "SELECT max(account) FROM spillover_hot.cells WHERE name = 't'"
            changed = server.execute(
                f"UPDATE spillover_hot.cells SET value = value - 1 WHERE name = 't' AND account = ({one})"
            )
            assert changed.rowcount == 1

    assert READERS > 1
    assert is_found(postgres_url, 100, drifts) <= 2 * 100


def test_in_a_hot_store_of_its_own(postgres_url: str, valkey_url: str) -> None:
    url = f"{valkey_url}?ledger={postgres_url}"
    fill(url, 60)

    def drifts() -> None:
        with redis.Redis.from_url(plain(valkey_url)) as server:
            names = [name for name in server.scan_iter("spillover:*:a:*") if server.hget(name, "t")]
            server.hincrby(names[0], "t", 1)

    assert is_found(url, 60, drifts) <= 2 * 60


@pytest.mark.soak
def test_among_ten_thousand_accounts_within_a_minute_at_the_rate_that_is_the_default(tmp_path: Path) -> None:
    url, accounts = f"sqlite:///{tmp_path}/shop.db", 10_000
    fill(url, accounts)
    assert is_found(url, accounts, lambda: drift(tmp_path / "shop.db")) <= 2 * accounts
    # Wherever it is planted, the round under way may have passed it; the next one finds it.
    assert 2 * accounts / RATE <= SECONDS
