"""`spillover settle --follow`: shares shards, outlives its servers and other workers, and ends as it is told to."""

import contextlib
import json
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

import spillover
from spillover.bootstrap import following
from spillover.cli.following import teller
from spillover.engine.settlement import Progress
from spillover.model.commit import Backlog
from spillover.model.errors import StoreUnavailable
from tests import servers
from tests.cli.support import PROGRAM, run
from tests.cli.test_process import ENVIRONMENT
from tests.support import policy

WAIT = 30.0
SOON = """
from spillover.bootstrap import working
from spillover.cli.main import main
from spillover.ledgers.postgres import PostgresClaims
working.CLAIM_SECONDS, PostgresClaims.__init__.__kwdefaults__["lasts"] = 1.0, 3_000
main()
"""
"""The program, with claims that end in a third of the time."""


class Worker:
    """One settler in a process of its own, and what it says, line by line."""

    def __init__(self, program: list[str], *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*program, "settle", "--follow", *arguments], env=ENVIRONMENT, text=True, bufsize=1,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def line(self) -> str:
        line = self._lines.get(timeout=WAIT)
        assert line is not None, self.process.communicate()
        return line

    def says(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The next line of which that is true."""
        while True:
            found = json.loads(self.line())
            if condition(found):
                return found

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Its status, what it wrote since, and its errors, after this signal."""
        self.process.send_signal(number)
        self.process.wait(WAIT)
        rest = list(iter(lambda: self._lines.get(timeout=WAIT), None))
        assert self.process.stderr is not None
        return self.process.returncode, "".join(rest), self.process.stderr.read()


@contextmanager
def worker(*arguments: str, program: list[str] = PROGRAM) -> Iterator[Worker]:
    made = Worker(program, *arguments)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


def shop_at(url: str, accounts: int = 1) -> None:
    with spillover.connect(url, policy=policy(), settle=False) as access:
        for number in range(accounts):
            access.accounts.put(f"acme-{number}", plan="plus")
            access.credits.add(f"acme-{number}", 100, key="order")


def consume(url: str, key: str, accounts: int = 1) -> None:
    with spillover.connect(url, settle=False) as access:
        for number in range(accounts):
            assert access.consume(f"acme-{number}", "video.seconds", 6, key=key)


def booked(url: str) -> int:
    return run("audit", "--db", url, "--json").document["events"]


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def url(request, folder: Path) -> str:
    if request.param == "sqlite":
        return "sqlite:///spillover.db"
    books = request.getfixturevalue("postgres_url")
    return books if request.param == "postgres" else f"{request.getfixturevalue('valkey_url')}?ledger={books}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_settles_what_comes_and_ends_when_it_is_told_to(url, number):
    shop_at(url)
    consume(url, "before")
    with worker("--json", "--db", url) as one:
        shards = 1 if url.startswith("sqlite") else 64
        first = one.says(lambda now: now["settled"] and not now["waiting"])
        assert (first["shards"], first["trouble"], first["quarantined"]) == (shards, None, 0)
        consume(url, "while")
        one.says(lambda now: now["settled"] > first["settled"] and not now["waiting"])
        status, out, error = one.end(number)
    assert (status, error) == (0, "")
    assert json.loads(out.splitlines()[-1])["stopped"] is True
    report = run("audit", "--db", url, "--json").document
    assert (report["ok"], report["unsettled"]) == (True, 0)
    if not url.startswith("sqlite"):  # its shards are free at once, and need not run out
        assert "0 alive, 0 of 64 shards taken" in run("doctor", "--db", url).out


def test_it_says_to_people_what_has_changed_and_nothing_twice(shop):
    with worker("--db", "sqlite:///spillover.db") as one:
        assert one.line() == "1 shard; 0 events settled; 0 waiting\n"
        consume_one = ("consume", "acme", "video.seconds", "1", "--db", "sqlite:///spillover.db")
        assert run(*consume_one).status == 0
        while (line := one.line()) != "1 shard; 1 event settled; 0 waiting\n":
            assert line.startswith("1 shard; "), line
        status, out, error = one.end()
    assert (status, error) == (0, "")
    assert out == "Stopped: 1 shard; 1 event settled; 0 waiting; its shards are left to others.\n"


def test_the_second_signal_interrupts_it(postgres_url):
    with servers.valkey() as hot:
        url = f"{hot.url}?ledger={postgres_url}"
        shop_at(url)
        with worker("--json", "--db", url) as one:
            one.says(lambda now: now["shards"] == 64)
            hot.pause()  # so that it cannot finish what is under way
            status = None
            while status is None:  # one that comes before the first was heard is none, and one while it ends kills it
                one.process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = one.process.wait(2)
            hot.resume()
            assert status == 130
            assert one.process.stderr.read() == ""


def test_two_share_the_shards_and_what_a_killed_one_leaves_is_taken_over(postgres_url, valkey_url):
    url = f"{valkey_url}?ledger={postgres_url}"
    shop_at(url, 20)
    soon = [*PROGRAM[:-1], SOON]
    with worker("--json", "--db", url, program=soon) as one, worker("--json", "--db", url, program=soon) as two:
        for each in (one, two):
            each.says(lambda now: now["shards"] == 32)
        assert "2 alive, 64 of 64 shards taken" in run("doctor", "--db", url).out
        consume(url, "both", 20)
        settled = [each.says(lambda now: now["settled"] and not now["waiting"])["settled"] for each in (one, two)]
        assert min(settled) > 0
        two.process.send_signal(signal.SIGKILL)
        two.process.wait(WAIT)
        consume(url, "left", 20)
        one.says(lambda now: now["shards"] == 64 and not now["waiting"])
        assert one.end()[0] == 0
    report = run("audit", "--db", url, "--json").document
    assert (report["ok"], report["unsettled"]) == (True, 0)


def test_trouble_is_told_while_a_server_is_away_and_it_goes_on_when_it_is_back(postgres_url, folder, monkeypatch):
    monkeypatch.setattr(following, "TIMEOUT_MS", 500)
    said: list[following.Following] = []
    ends: list[following.Following] = []
    stop = threading.Event()

    def wait_until(condition: Callable[[following.Following], object]) -> None:
        begun = len(said)
        servers.process.wait_for(lambda: any(map(condition, said[begun:])), "found other words", WAIT)

    with servers.valkey() as hot:
        url = f"{hot.url}?ledger={postgres_url}"
        shop_at(url)
        settler = threading.Thread(target=lambda: ends.append(following.follow(url, stop, said.append)))
        settler.start()
        wait_until(lambda now: now.settled)
        for _ in range(2):
            hot.kill()
            wait_until(lambda now: str(hot.port) in now.trouble)
            hot.start()
            wait_until(lambda now: not now.trouble)
        consume(url, "after")
        servers.process.wait_for(lambda: booked_all(url), "found events that wait")
        hot.kill()
        wait_until(lambda now: now.trouble)
        stop.set()  # with its server away it ends as well
        settler.join(WAIT)
    assert (len(ends), str(hot.port) in ends[0].trouble, ends[0].settled > 2) == (1, True, True)


class Steps:
    """A settler that does as it is told: what each step, and each look, fails with; the shards that it has then."""

    def __init__(self, stop: threading.Event, *steps: tuple[list[int], str, str]) -> None:
        self._stop, self._steps = stop, list(steps)
        self.shards: list[int] = []
        self.untended = None
        self._looks = ""

    def step(self) -> Progress:
        self.shards, fails, self._looks = self._steps.pop(0)
        if not self._steps:
            self._stop.set()
        if fails:
            raise StoreUnavailable(fails)
        return Progress(0, 0, 0)

    def look(self) -> None:
        if self._looks:
            raise StoreUnavailable(self._looks)

    def backlog(self) -> Backlog:
        return Backlog(0, None)


def test_trouble_is_told_until_the_store_was_read_again_also_by_one_who_has_no_shard(monkeypatch):
    monkeypatch.setattr(following, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(following, "BACKOFF_SECONDS_MAX", 0.0)
    stop, said = threading.Event(), list[following.Following]()
    steps = Steps(
        stop, ([1], "", ""), ([1], "away", ""), ([], "", "gone"), ([], "", ""), ([1], "off", ""), ([1], "", "")
    )
    last = following._follow(steps, stop, said.append)
    assert [now.trouble for now in (*said, last)] == ["", "away", "gone", "", "off", "", ""]


def test_trouble_is_told_in_one_line_and_what_follows_in_another(capsys):
    tell = teller(as_json=False)
    for trouble in ("", "valkey://x: away", "valkey://x: away", ""):
        tell(following.Following(64, 3, 1, 0, 2, 1500, trouble))
    assert capsys.readouterr().out.splitlines() == [
        "64 shards; 3 events settled; 2 waiting, the oldest for 1.5 s; 1 parked behind a gap",
        "trouble, tried again: valkey://x: away",
        "64 shards; 3 events settled; 2 waiting, the oldest for 1.5 s; 1 parked behind a gap",
    ]


def booked_all(url: str) -> bool:
    return run("audit", "--db", url, "--json").document["unsettled"] == 0


def test_its_status_tells_that_something_could_not_be_booked(shop):
    with spillover.connect("sqlite:///spillover.db", settle=False) as access:
        access.consume("acme", "video.seconds", 1, key="next")
    connection = apsw.Connection("spillover.db")
    connection.execute("UPDATE stream SET payload = X'00'")
    connection.close()
    with worker("--json", "--db", "sqlite:///spillover.db") as one:
        one.says(lambda now: now["quarantined"] == 1)
        status, _, error = one.end()
    assert (status, error) == (1, "")


def test_it_begins_nothing_where_there_is_nothing_and_makes_nothing(folder, postgres_url):
    assert "found no file" in run("settle", "--follow").complaint
    assert "without Spillover's tables" in run("settle", "--follow", "--db", postgres_url).complaint
    assert list(folder.iterdir()) == []
