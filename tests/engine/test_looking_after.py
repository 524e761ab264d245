"""An engine that does not settle looks after itself: what others published, its journal, and a quiet end."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

import spillover
from spillover.bootstrap.connect import connect_as_set
from spillover.engine.drive import drive
from spillover.journal import SQLiteJournal
from spillover.model.errors import StoreUnavailable
from tests.outage.bed import POLICY
from tests.servers import Proxy
from tests.servers.process import wait_for
from tests.support import clock, policy

OTHER = policy(POLICY.replace("max: 3", "max: 4"))


def looking() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("spillover ")]


@pytest.fixture(params=["file", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"sqlite:///{tmp_path}/a.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_it_learns_what_another_engine_publishes_and_books_nothing(url):
    with spillover.connect(url, policy=policy(POLICY), settle=False) as access:
        access.accounts.put("acme", "plus")
        assert all(access.consume("acme", "chat", key=f"{number}") for number in range(3))
        waits = drive(access.desk.store.backlog()).entries
        with spillover.connect(url, settle=False, tend=False) as other:
            other.policies.publish(OTHER)
        wait_for(lambda: access.policy.hash == OTHER.hash, "found it deciding by the policy of before")
        assert access.consume("acme", "chat", key="fourth")
        assert drive(access.desk.store.backlog()).entries == waits + 1
    assert looking() == []


def test_it_asks_the_books_beside_its_decisions_where_nothing_is_new(tmp_path, monkeypatch):
    with spillover.connect(f"sqlite:///{tmp_path}/a.db", policy=policy(POLICY), settle=False) as access:
        ask, alone = access.desk.ledger.publications, []

        async def publications():
            alone.append(access._lock.locked())
            return await ask()

        monkeypatch.setattr(access.desk.ledger, "publications", publications)
        wait_for(lambda: len(alone) >= 3, "found it asking no more")
        assert alone[:3] == [False, True, False], "beside; once to learn; beside"


def test_it_records_what_its_journal_holds_while_it_is_open(postgres_server, postgres_url, tmp_path):
    with Proxy(postgres_server.port) as proxy:
        options = {"settle": False, "deadline": 0.5, "journal": tmp_path / "app.journal"}
        with spillover.connect(proxy.through(postgres_url), policy=policy(POLICY), **options) as access:
            access.accounts.put("acme", "plus")
            access.consume("acme", "chat", key="before")
            for outage in range(2):  # the second one has an amount of its own
                proxy.cut()
                assert access.consume("acme", "chat", 5, key=f"away {outage}").journaled
                proxy.heal()
                seen = SQLiteJournal(tmp_path / "app.journal")
                wait_for(lambda seen=seen: not seen.waiting(10), "found it in the journal still")
                seen.close()
            assert not access.consume("acme", "chat", 5, key="away 1").journaled


def test_it_says_what_fails_and_that_it_goes_on_in_words_of_its_own(postgres_server, postgres_url, caplog):
    caplog.set_level("INFO", "spillover")
    with Proxy(postgres_server.port) as proxy:
        where = proxy.through(postgres_url)
        with spillover.connect(where, policy=policy(POLICY), settle=False, deadline=0.5) as access:
            proxy.cut()
            assert isinstance(wait_for(lambda: access.trouble, "found no trouble"), StoreUnavailable)
            proxy.heal()
            wait_for(lambda: access.trouble is None, "found trouble that is over")
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("background work failed and is tried again: StoreUnavailable: ")
    assert said[-1] == "background work goes on"
    assert not any("settlement" in line for line in said)


def test_it_ends_while_its_server_is_away_and_leaves_no_thread(postgres_server, postgres_url, caplog):
    with Proxy(postgres_server.port) as proxy:
        where = proxy.through(postgres_url)

        async def opened() -> None:
            async with spillover.connect_async(where, policy=policy(POLICY), settle=False, deadline=0.5):
                assert len(looking()) == 1
                proxy.blackhole()

        asyncio.run(asyncio.wait_for(opened(), 20))
        assert looking() == []


def test_a_forked_child_leaves_it_alone(url):
    with spillover.connect(url, policy=policy(POLICY), settle=False) as access:
        if not (child := os.fork()):
            try:
                access.close()
                os._exit(7)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        access.accounts.put("acme", "plus")
        with spillover.connect(url, settle=False, tend=False) as other:
            other.policies.publish(OTHER)
        wait_for(lambda: access.policy.hash == OTHER.hash, "found it deciding by the policy of before")


@pytest.mark.parametrize("how", ["a turnable clock", "memory", "a command", "nothing is to run"])
def test_nothing_runs_beside_an_engine_that_needs_none(how, tmp_path):
    where = "memory://" if how == "memory" else f"sqlite:///{tmp_path}/a.db"
    opens = connect_as_set if how == "a command" else spillover.connect
    options = {"a turnable clock": {"clock": clock()}, "nothing is to run": {"tend": False}}.get(how, {})
    with opens(where, policy=policy(POLICY), settle=False, **options):
        assert looking() == []
