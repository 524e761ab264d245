"""Accounts that are read together: whatever happens between two reads is no finding, and no drift hides behind it."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import spillover
from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.engine.reconciling import GROUP_MAX, look, look_at_all
from spillover.ports import Terms
from tests.rebuild.support import account_of, engine, looked, ports, rebuilt, shop
from tests.support import clock, policy

NAMES = ("acme", "bolt")


class Told:
    """A port that tells what it is asked, before it answers."""

    def __init__(self, port: Any, tell: Callable[[str], None]) -> None:
        self._port, self._tell = port, tell

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*values: Any, **named: Any) -> Any:
            self._tell(name)
            return await found(*values, **named)

        return call


def ids(access: Access, *names: str) -> list[int]:
    return [account_of(access, name) for name in names]


def test_accounts_at_rest_cost_two_reads_a_group_however_many_they_are(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False, durability="fast") as access:
        names = [f"account {number}" for number in range(GROUP_MAX + 1)]
        for name in names:
            access.accounts.put(name, "plus")
        access.settle(tend=False)
        asked: list[str] = []
        store, ledger = (Told(port, asked.append) for port in ports(access))
        accounts = ids(access, *names)
        assert {one.status for one in drive(look_at_all(store, ledger, accounts))} == {"same"}
        assert asked == ["in_books", "standings"] * 2
        del asked[:]
        access.consume(names[7], "video.seconds", 1)
        found = drive(look_at_all(store, ledger, accounts[:20]))
        assert [(one.account, one.status) for one in found] == [(account, "same") for account in accounts[:20]]
        assert asked == ["in_books", "standings", "in_books", "standing", "entries"]


def settled(access: Access, name: str) -> None:
    access.consume(name, "video.seconds", 1)
    access.settle(tend=False)


def turned(access: Access, name: str) -> None:
    """A hold that is opened, and the one before it ended."""
    key = f"turn {len(access.holds.list(name))}"
    access.open_hold(name, "video.seconds", 2, key=key)
    access.holds.commit(name, key, 1)


def ordered(access: Access, name: str) -> None:
    """Other terms, booked and not pushed."""
    zone = access.desk.clock() % 2
    terms = Terms(zone=("Europe/Paris", "Europe/Berlin")[zone])
    drive(access.desk.ledger.put_account(name, terms, at=access.desk.clock(), reason="", actor=""))


HAPPENS: dict[str, Callable[[Access, str], object]] = {
    "a decision": lambda access, name: access.consume(name, "video.seconds", 1),
    "a decision that is settled": settled,
    "settlement": lambda access, name: access.settle(tend=False),
    "a hold": turned,
    "a lot": lambda access, name: access.credits.add(name, 1, key=f"lot {len(access.lots.list(name))}"),
    "an order": ordered,
    "a push": lambda access, name: access.run(access.desk.push()),
    "a rebuild": rebuilt,
}
AT = ("standings", "standing", "entries", "in_books")


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("what", HAPPENS)
@pytest.mark.parametrize("times", [1, 1000], ids=["once", "each time"])
def test_whatever_happens_before_a_read_is_no_finding(tmp_path: Path, what: str, at: str, times: int) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    with shop(url, NAMES) as access, engine(url) as other:
        left = [times]

        def tell(name: str) -> None:
            if name == at and left[0]:
                left[0] -= 1
                HAPPENS[what](other, "acme")

        store, ledger = (Told(port, tell) for port in ports(access))
        for _ in range(2):
            for one in drive(look_at_all(store, ledger, ids(access, *NAMES))):
                assert one.findings == ()
                assert one.status in ("same", "busy")
            assert looked(access, "bolt").status == "same"
        left[0] = 0
        assert looked(access, "acme").status == "same"


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("what", [what for what in HAPPENS if what != "a rebuild"])
def test_a_drift_is_found_whatever_happens_before_a_read(tmp_path: Path, what: str, at: str) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    with shop(url, NAMES) as access, engine(url) as other:
        drifted, left = account_of(access, "acme"), [1]
        file = apsw.Connection(str(tmp_path / "shop.db"))
        file.execute("UPDATE cells SET value = value + 1 WHERE name = 'scopes' AND account = ?", (drifted,))
        file.close()

        def tell(name: str) -> None:
            if name == at and left[0]:
                left[0] -= 1
                HAPPENS[what](other, "acme")

        store, ledger = (Told(port, tell) for port in ports(access))
        found = {one.account: one for one in drive(look_at_all(store, ledger, ids(access, *NAMES)))}
        assert [(one.kind, one.what) for one in found[drifted].findings] == [("cell", "scopes")]
        assert found[account_of(access, "bolt")].status == "same"


READS = ("in_books", "standing", "entries")
"""Of one account, in one reading; each may be the moment at which something happens, in three readings."""


@pytest.mark.parametrize("first", [what for what in HAPPENS if what != "settlement"])
@pytest.mark.parametrize("then", ["settlement", "a rebuild", "a lot"])
def test_whatever_happens_in_one_reading_and_in_the_next_is_no_finding(tmp_path: Path, first: str, then: str) -> None:
    with shop(f"sqlite:///{tmp_path}/shop.db", NAMES) as access, engine(f"sqlite:///{tmp_path}/shop.db") as other:
        for one, two in itertools.product(READS, repeat=2):
            due, readings = [(1, one, first), (2, two, then)], [0]

            def tell(name: str, due: list[tuple[int, str, str]] = due, readings: list[int] = readings) -> None:
                readings[0] += name == "in_books"
                while due and (readings[0], name) == due[0][:2]:
                    HAPPENS[due.pop(0)[2]](other, "acme")

            store, ledger = (Told(port, tell) for port in ports(access))
            assert drive(look(store, ledger, account_of(access, "acme"))).findings == (), (one, two)
            access.settle(tend=False)
