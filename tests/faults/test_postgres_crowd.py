"""Several programs on one account of PostgreSQL: its limit is exact, no answer is lost and none is counted twice."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spillover.engine.drive import drive
from spillover.model.errors import StoreError
from spillover.model.event import StreamEntry
from spillover.stores.postgres import PostgresHotStore
from tests import servers
from tests.servers import Postgres

ROOT = Path(__file__).parents[2]
PROGRAMS, SIZE, ACCOUNT = 4, 32, 7


def open_store(url: str) -> PostgresHotStore:
    return PostgresHotStore(url, booked=lambda account, key, epoch, sequence: None)


class Settler(threading.Thread):
    """Reads and acknowledges, in a random order and never all at once, until it is told to come to an end."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.ending, self.taken = url, threading.Event(), list[StreamEntry]()

    def run(self) -> None:
        store, ended = open_store(self.url), False
        while not ended:
            ending = self.ending.is_set()
            try:
                entries = drive(store.read(50))
                random.shuffle(entries)
                taken = entries if ending else entries[: len(entries) * 2 // 3]
                self.taken += taken  # as a ledger books them first: of a lost answer nobody knows what became
                drive(store.acknowledge(taken))
                ended = ending and not entries
            except StoreError:
                continue  # the server is down: it reads again what it could not acknowledge
        drive(store.close())


def stop_at_once(server: Postgres) -> None:
    """What `pg_ctl stop -m immediate` does."""
    os.kill(server.pid, signal.SIGQUIT)
    server._process.wait()


WAYS = {"calm": None, "killed": Postgres.kill, "stopped": stop_at_once}


def hear(program: subprocess.Popen[str], said: list[str]) -> None:
    with program.stdout as lines:
        said.extend(lines)


def run(server: Postgres, url: str, way: str, batches: int, limit: int) -> tuple[dict[str, str], list[StreamEntry]]:
    settler = Settler(url)
    settler.start()
    command = [sys.executable, "-m", "tests.faults.crowd", url]
    numbers = [str(batches), str(SIZE), str(limit)]
    crowd = [
        subprocess.Popen([*command, f"p{n}", *numbers], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for n in range(PROGRAMS)
    ]
    said: list[list[str]] = [[] for _ in crowd]
    some = batches * SIZE // 8  # each program has said this many more things before the next crash
    heard = [threading.Thread(target=hear, args=pair) for pair in zip(crowd, said, strict=True)]
    for one in heard:
        one.start()
    crash = WAYS[way]
    for n in itertools.count(1):
        while any(one.is_alive() for one in heard) and (crash is None or min(map(len, said)) < n * some):
            heard[0].join(0.01)
        if not any(one.is_alive() for one in heard):
            break
        crash(server)
        server.start()
    assert [one.wait() for one in crowd] == [0] * PROGRAMS
    settler.ending.set()
    settler.join()
    return dict(line.split() for lines in said for line in lines), settler.taken


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("batches", [60, pytest.param(1500, marks=pytest.mark.soak)])
def test_four_programs_on_one_account_get_exactly_its_limit_whatever_befalls_the_server(way, batches):
    asked = PROGRAMS * batches * SIZE
    limit = asked * 3 // 4
    with servers.postgres() as server:
        url = server.new_database()
        drive(open_store(url).close())
        answers, taken = run(server, url, way, batches, limit)
        assert len(answers) == asked
        granted = {key: int(sequence) for key, sequence in answers.items() if sequence != "denied"}
        assert sorted(granted.values()) == list(range(1, limit + 1))
        assert {entry.key: entry.sequence for entry in taken} == granted
        store = open_store(url)
        assert drive(store.load(ACCOUNT, ["used"])).cells == {"used": limit}
        assert drive(store.backlog()).entries == 0
        counted = sum(one.count for one in drive(store.denials(ACCOUNT, 0, 2**53, 1000)))
        assert counted >= asked - limit if WAYS[way] else counted == asked - limit
        drive(store.close())
