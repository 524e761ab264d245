"""`connect(..., journal=...)`: both faces are open in an outage as the plan says, and record what they admitted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import apsw
import pytest

import spillover
from spillover.engine.answers import Decision
from spillover.journal import SQLiteJournal
from spillover.model.errors import InvalidInput, Overloaded, StoreUnavailable
from tests.outage.bed import policy

PATIENCE_S = 20


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Another program holds the file."""
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@contextmanager
def engine(folder: Path, **options: object) -> Iterator[spillover.Access]:
    """An engine that knows acme, with a journal, whose store gives up soon."""
    url = f"sqlite:///{folder}/x.db"
    with spillover.connect(url, policy=policy(), journal=folder / "j.db", **options) as access:  # type: ignore[arg-type]
        access.accounts.put("acme", "plus")
        access.consume("acme", "chat", key="first")
        access.desk.store._db.connection.set_busy_timeout(20)  # type: ignore[attr-defined]
        yield access


def keys_booked(access: spillover.Access) -> list[str]:
    """The keys of acme's booked usage."""
    access.settle()
    account = access.run(access.desk.account("acme"))
    rows = access.look(access.desk.ledger.events(account=account)).rows
    return [row.event.key for row in rows if row.event.kind == "usage"]


def test_plain_code_is_answered_in_an_outage(tmp_path):
    with engine(tmp_path, settle=False) as access:
        with away(tmp_path / "x.db"):
            assert access.consume("acme", "chat", key="a").journaled
            assert access.record("acme", "chat", key="b").journaled
            many = access.consume_many([{"account": "acme", "feature": "chat", "key": key} for key in "cd"])
            assert all(isinstance(one, Decision) and one.journaled for one in many)
            with pytest.raises(StoreUnavailable):
                access.open_hold("acme", "chat", key="h")
        access.run(access.desk.drain())
        assert not access.consume("acme", "chat", key="a").journaled
        assert sorted(keys_booked(access)) == ["a", "b", "c", "d", "first"]


@pytest.mark.parametrize("url", ["memory://", "sqlite:///{}/x.db"])
def test_an_open_engine_records_by_itself_what_it_admitted(tmp_path, monkeypatch, url):
    with spillover.connect(url.format(tmp_path), policy=policy(), journal=tmp_path / "j.db") as access:
        access.accounts.put("acme", "plus")
        access.consume("acme", "chat", key="first")

        async def lost(*_: object) -> object:
            raise StoreUnavailable("planted: no answer")

        monkeypatch.setattr(access.desk.store, "commit", lost)
        assert access.consume("acme", "chat", key="a").journaled
        monkeypatch.undo()
        looked, journal = Event(), SQLiteJournal(tmp_path / "j.db")
        for _ in range(PATIENCE_S * 100):
            if not journal.waiting(1):
                break
            looked.wait(0.01)
        journal.close()
        assert not access.consume("acme", "chat", key="a").journaled
        assert sorted(keys_booked(access)) == ["a", "first"]


def test_asynchronous_code_is_answered_in_an_outage(tmp_path):
    async def run() -> None:
        url = f"sqlite:///{tmp_path}/x.db"
        async with spillover.connect_async(url, policy=policy(), journal=tmp_path / "j.db", settle=False) as access:
            await access.accounts.put("acme", "plus")
            await access.consume("acme", "chat", key="first")
            access._access.desk.store._db.connection.set_busy_timeout(20)  # type: ignore[attr-defined]
            with away(tmp_path / "x.db"):
                found = await asyncio.gather(
                    *(access.consume("acme", "chat", key=f"{number}") for number in range(7)), return_exceptions=True
                )
            assert [isinstance(one, Decision) for one in found] == [True] * 5 + [False] * 2

    asyncio.run(run())
    with spillover.connect(f"sqlite:///{tmp_path}/x.db", settle=False) as access:
        assert sorted(keys_booked(access)) == [*"01234", "first"], "closing recorded them"


def test_what_waits_too_long_for_a_slow_store_is_admitted_as_the_plan_says(tmp_path):
    slow, go = Event(), Event()
    with engine(tmp_path, settle=False) as access:
        decide = access.desk.deciding.answer

        async def late(wishes):  # type: ignore[no-untyped-def]
            slow.set()
            go.wait(PATIENCE_S)
            return await decide(wishes)

        access.desk.deciding.answer = late  # type: ignore[method-assign]
        access._gather._deadline = 0.02
        first = Thread(target=access.consume, args=("acme", "chat"), kwargs={"key": "slow"})
        first.start()
        assert slow.wait(PATIENCE_S)
        assert access.consume("acme", "chat", key="a").journaled
        with pytest.raises(Overloaded):
            access.consume("acme", "video", 11, key="v", attributes={"size": "large", "team": "red"})
        go.set()
        first.join(PATIENCE_S)
        access.desk.deciding.answer = decide  # type: ignore[method-assign]
        access.run(access.desk.drain())
        assert sorted(keys_booked(access)) == ["a", "first", "slow"]


def test_a_shadow_goes_on_beside_the_journal(tmp_path):
    with engine(tmp_path, settle=False, shadow=policy()) as access:
        assert access.shadow is not None
        with away(tmp_path / "x.db"):
            assert access.consume("acme", "chat", key="a").journaled
        seen = access.shadow.requests
        access.run(access.desk.drain())
        assert access.shadow.requests == seen + 1, "what is recorded is given to it as well"


def test_the_database_is_not_taken_for_a_journal(tmp_path):
    with pytest.raises(InvalidInput, match="journal"):
        spillover.connect(f"sqlite:///{tmp_path}/x.db", policy=policy(), journal=tmp_path / "x.db")


def test_without_a_journal_every_plan_is_closed(tmp_path):
    with spillover.connect(f"sqlite:///{tmp_path}/x.db", policy=policy(), settle=False) as access:
        access.accounts.put("acme", "plus")
        access.consume("acme", "chat", key="first")
        access.desk.store._db.connection.set_busy_timeout(20)  # type: ignore[attr-defined]
        with away(tmp_path / "x.db"), pytest.raises(StoreUnavailable):
            access.consume("acme", "chat", key="a")
