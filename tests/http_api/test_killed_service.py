"""A service under a load of all verbs is killed and started again: what it answered is on the books, once."""

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import spillover
from tests.http_api.booked import Books, asked_in, compare
from tests.http_api.served import PROGRAM, Served, environment
from tests.servers.process import wait_for

ACCOUNTS = ("acme", "other", "third")
POLICY = """
spillover: 1
features:
  chat.messages: {unit: message, count: requests, price: {credits: 5}}
  video.seconds: {unit: second, count: seconds, price: {credits: 10}}
plans:
  plus:
    rules:
      - for: [chat.messages]
        ceilings: [{name: burst, max: 1000000, refill: 1m, per: subject}]
        waterfall:
          - {from: allowance, windows: [{name: daily, max: 200, every: day, in: UTC}]}
          - from: units
          - from: credits
      - for: [video.seconds]
        waterfall:
          - {from: allowance, windows: [{name: rolling, max: 300, sliding: 7d}]}
          - from: units
          - from: credits
        overshoot: {forgive: 100, every: month, in: UTC}
"""
KINDS = {"consume", "record", "hold", "extend", "commit", "release", "lot", "order", "refund"}


def quiet_port():
    """A free port that no outgoing connection is given: one to a service that is away could meet itself."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("found no free port from 20000 to 29999")


def started(folder, port, db, ledger):
    flags = ["--ledger", ledger] if ledger else []
    service = Served(folder, *flags, "--port", str(port), db=db, policy=POLICY)
    service.port = port
    return service


def loaded(folder, port):
    """The load, which is at work."""
    loader = subprocess.Popen(
        [sys.executable, "-m", "tests.http_api.loading"], stdin=subprocess.PIPE, text=True, env=environment(),
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    told = {"port": port, "ledger": str(folder / "ledger.jsonl"), "accounts": ACCOUNTS, "seed": 7}
    loader.stdin.write(json.dumps(told) + "\n")
    loader.stdin.flush()
    return loader


def answered(folder):
    """How many calls of each verb were answered so far."""
    path = folder / "ledger.jsonl"
    found = asked_in(path).values() if path.exists() else ()
    return Counter(one.verb for one in found if one.how == "told" and one.told is not None)


def lost(folder):
    """How many calls are given up by now, with nobody knowing whether they were done; some are asked again later."""
    path = folder / "ledger.jsonl"
    return Counter(one.how for one in asked_in(path).values())["lost"] if path.exists() else 0


def wait_for_answers(folder, loader, many=50):
    """So many more are answered, and by now some of every verb."""
    begun, deadline = answered(folder).total(), time.monotonic() + 120
    while (told := answered(folder)).total() < begun + many or set(told) != KINDS:
        assert loader.poll() is None
        assert time.monotonic() < deadline, f"found {told} answered, expected {many} more than {begun}, of each verb"
        time.sleep(0.1)


def play(folder, seconds, kills, db="", ledger=None):
    """The load for so long, with so many kills spread over it. (the caller's ledger, the books' address)"""
    db = db or f"sqlite:///{folder / 'served.db'}"
    port = quiet_port()
    service = started(folder, port, db, ledger)
    for name in ACCOUNTS:
        service.post("accounts/put", {"account": name, "plan": "plus"})
    loader = loaded(folder, port)
    try:
        for _ in range(kills):
            wait_for_answers(folder, loader)
            time.sleep(seconds / (kills + 1))  # the length of the load, which nothing waits for
            before = lost(folder)
            assert service.stop(signal.SIGKILL) == -signal.SIGKILL
            wait_for(lambda before=before: lost(folder) > before, "found nobody who was there when it was killed")
            service = started(folder, port, db, ledger)
        wait_for_answers(folder, loader)
        time.sleep(seconds / (kills + 1))
    finally:
        loader.communicate("", timeout=60)
        service.stop()
    assert loader.returncode == 0
    with spillover.connect(db, ledger=ledger, settle=False) as access:
        access.settle()
    return asked_in(folder / "ledger.jsonl"), ledger or db


def require_kept(folder, asked, db, ledger):
    books = Books(ledger)
    assert list(compare(asked, books)) == []
    assert set(answered(folder)) == KINDS
    address = db if ledger == db else f"{db}?ledger={ledger}"
    audit = subprocess.run(
        [*PROGRAM, "audit", "--db", address], capture_output=True, text=True, check=False, env=environment()
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_what_a_killed_service_answered_is_on_the_books_once(tmp_path):
    asked, books = play(tmp_path, seconds=1, kills=1)
    require_kept(tmp_path, asked, books, books)


@pytest.mark.soak
@pytest.mark.parametrize("rung", ["sqlite", "postgres", "valkey"])
def test_a_minute_of_all_verbs_over_a_service_that_is_killed_twice(tmp_path, request, rung):
    db, ledger = "", None
    if rung != "sqlite":
        db = request.getfixturevalue("postgres_url")
    if rung == "valkey":
        db, ledger = request.getfixturevalue("valkey_url"), db
    asked, books = play(tmp_path, 60, 2, db, ledger)
    require_kept(tmp_path, asked, db or books, books)
