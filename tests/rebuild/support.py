"""A shop with everything that a rebuild or a move must carry, open engines over it, and programs that die in it."""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

import spillover
from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.engine.rebuilding import Rebuilt, rebuild
from spillover.engine.reconciling import Looked, look
from spillover.engine.settlement import settle_account
from spillover.model.account import Lot
from spillover.model.commit import Standing
from spillover.model.event import StreamEntry
from spillover.move.tables import KEYS
from spillover.ports import Grant, HotStore, Ledger
from tests.support import clock, policy

T = TypeVar("T")
NAMES = ("acme", "bolt", "carl")
SURVIVED = 77


@contextmanager
def shop(url: str, names: tuple[str, ...] = NAMES) -> Iterator[Access]:
    """An engine over the story, which no settler disturbs."""
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False) as access:
        for name in names:
            story(access, name)
        for name in names:
            order_unpushed(access, name)
        yield access


@contextmanager
def engine(url: str) -> Iterator[Access]:
    """Another engine on what is there."""
    with spillover.connect(url, clock=clock(), settle=False) as access:
        yield access


def story(access: Access, name: str, seed: int = 1) -> None:
    """A plan, lots, usage, holds in every state, denials, a refund; some of it settled, some in the stream."""
    pick = random.Random(f"{name} {seed}")
    access.accounts.put(name, "plus", reason="signed up")
    access.credits.add(name, 1000, key="first", paid="10.00 EUR", ref="ch_1")
    access.units.add(name, "video.seconds", 7, key="welcome")
    use(access, name, pick, "settled")
    access.open_hold(name, "video.seconds", 6, key="kept")
    access.open_hold(name, "video.seconds", 5, key="ended", subject="ann")
    drive(settle_account(*ports(access), account_of(access, name)))
    access.refund(name, "settled 3", key="sorry")
    access.holds.commit(name, "ended", 2)
    access.open_hold(name, "video.seconds", 3, key="fresh")
    use(access, name, pick, "waiting")
    for _ in range(3):
        access.consume(name, "video.seconds", 100_000)


def order_unpushed(access: Access, name: str) -> None:
    """A gift that is booked, and whose orderer died before it was pushed."""
    account = account_of(access, name)
    late = Grant(Lot(0, "credits"), 5_000_000, "unpushed", "a gift", "ops")
    drive(access.desk.ledger.grant(account, late, at=access.desk.clock()))


def use(access: Access, name: str, pick: random.Random, key: str, count: int = 6) -> None:
    """Usage of every kind, each event under its own key."""
    for number in range(count):
        subject, team = pick.choice([None, "ann", "bob"]), {"team": pick.choice(["blue", "red"])}
        if number % 2:
            access.consume(name, "video.seconds", 1 + number, key=f"{key} {number}", subject=subject)
        else:
            access.consume(name, "chat.messages", key=f"{key} {number}", subject=subject or "eve", attributes=team)


def account_of(access: Access, name: str) -> int:
    """The id behind a name."""
    return access.run(access.desk.account(name))


def ports(access: Access) -> tuple[HotStore, Ledger]:
    """What stands below an engine."""
    return access.desk.store, access.desk.ledger


def rebuilt(access: Access, name: str, reason: str = "test", **more: Any) -> Rebuilt:
    """Rebuild one account."""
    store, ledger = ports(access)
    now = access.desk.clock()
    return drive(rebuild(store, ledger, account_of(access, name), now=now, reason=reason, actor="ops", **more))


def looked(access: Access, name: str) -> Looked:
    """What reconciliation says of one account."""
    return drive(look(*ports(access), account_of(access, name)))


def standing(access: Access, name: str) -> Standing:
    """The hot state of an account that is known."""
    found = drive(access.desk.store.standing(account_of(access, name)))
    assert found is not None
    return found


def waiting(access: Access, name: str) -> list[StreamEntry]:
    """What the stream has of an account."""
    return drive(access.desk.store.entries(account_of(access, name), 10_000))


def meddle(path: Path | str, *statements: str) -> None:
    """What someone with another tool does to the file, behind the triggers' back."""
    connection = apsw.Connection(str(path))
    kept = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in kept:
        connection.execute(f"DROP TRIGGER {name}")
    for sql in statements:
        connection.execute(sql)
    for _, sql in kept:
        connection.execute(str(sql))
    connection.close()


class Mortal:
    """A port whose process is gone at the n-th call of any of the ports that share `left`."""

    def __init__(self, port: Any, left: list[int]) -> None:
        self._port, self._left = port, left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*values: Any, **named: Any) -> Any:
            if self._left[0] == 0:
                os._exit(0)
            self._left[0] -= 1
            return await found(*values, **named)

        return call


def dies_in(work: Callable[[], Any]) -> bool:
    """Run `work` in a child that may end itself; whether it did so before the work's end."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(SURVIVED)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, SURVIVED), "the child failed in another way"
    return status == 0


def run(work: Coroutine[Any, Any, T]) -> T:
    """To its end, without a loop."""
    return drive(work)


HOT = ("hot_accounts", "hot_profiles", "cells", "holds", "stream", "keys")


def hot_tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = apsw.Connection(str(path))
    found = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in HOT}
    connection.close()
    return found


def put_tables(tables: dict[str, list[tuple[object, ...]]]) -> list[str]:
    said = []
    for table, rows in tables.items():
        said.append(f"DELETE FROM {table}")
        said += [f"INSERT INTO {table} VALUES ({', '.join(map(apsw.format_sql_value, row))})" for row in rows]
    return said


def back_up(path: Path, copy: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()


def restore_books(copy: Path, path: Path) -> None:
    """The books as they were, beside the hot state as it is."""
    steps = [f"ATTACH '{copy}' AS old"]
    for table in KEYS:
        steps += [f"DELETE FROM main.{table}", f"INSERT INTO main.{table} SELECT * FROM old.{table}"]
    meddle(path, *steps)
