"""Whoever dies between any two steps of a rebuild is followed by another; then nothing is lost and nothing doubled."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest

from spillover.access.plain import Access
from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.engine.rebuilding import Recovery, rebuild
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.stores.sqlite import SQLiteHotStore
from tests.ledger.test_killed import dies_at
from tests.rebuild.support import Mortal, account_of, dies_in, engine, looked, ports, shop
from tests.support import clock


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    path = tmp_path_factory.mktemp("killed") / "shop.db"
    with shop(f"sqlite:///{path}", ("acme",)) as access:
        account = account_of(access, "acme")
    return path, account


def rebuild_there(path: Path, account: int, left: list[int]) -> None:
    store, ledger = SQLiteHotStore(path), SQLiteLedger(path)
    mortal = Mortal(store, left), Mortal(ledger, left)
    drive(rebuild(*mortal, account, now=clock()(), reason="killed", actor="ops"))
    drive(store.close())
    drive(ledger.close())


def recover_there(path: Path) -> int:
    """What a worker does that sees it shut for long enough."""
    seconds = iter((0.0, 11.0))
    store, ledger = SQLiteHotStore(path), SQLiteLedger(path)
    recovery = Recovery(store, ledger, lambda: next(seconds))
    done = sum(drive(recovery.step(clock()())) for _ in range(2))
    drive(store.close())
    drive(ledger.close())
    return done


def check(path: Path, booked: int) -> None:
    """The account serves, everything is on the books once, hot state and books agree."""
    with engine(f"sqlite:///{path}") as access:
        access.settle(tend=False)
        assert looked(access, "acme").status == "same"
        assert _granted(access) == 5_000_000 + 1_000_000_000
        assert len(drive(ports(access)[1].epochs(account_of(access, "acme")))) <= 2
        access.consume("acme", "video.seconds", 1, key="it serves")
        access.settle(tend=False)
    report = audit(path)
    assert report.findings == ()
    assert report.events == booked + 1


def _granted(access: Access) -> int:
    return sum(lot.granted for lot in access.lots.list("acme") if lot.lot.measure == "credits")


def every_death(before: tuple[Path, int], folder: Path, dies: object) -> int:
    path, account = before
    whole = Path(shutil.copy(path, folder / "whole.db"))
    rebuild_there(whole, account, [-1])
    with engine(f"sqlite:///{whole}") as access:
        access.settle(tend=False)
    booked = audit(whole).events
    step = recovered = 0
    while True:
        broken = Path(shutil.copy(path, folder / "broken.db"))
        died = dies(step, broken, account)  # type: ignore[operator]
        recovered += recover_there(broken)
        check(broken, booked)
        for file in folder.glob("broken.db*"):
            file.unlink()
        if not died:
            assert recovered > 2  # a worker found it shut at more than one of these steps
            return step
        step += 1


def test_a_rebuild_killed_before_any_call_of_a_port_is_ended_by_a_worker(
    before: tuple[Path, int], tmp_path: Path
) -> None:
    def dies(step: int, path: Path, account: int) -> bool:
        return dies_in(lambda: rebuild_there(path, account, [step]))

    assert every_death(before, tmp_path, dies) > 10


@pytest.mark.soak
def test_a_rebuild_killed_at_any_statement_is_ended_by_a_worker(before: tuple[Path, int], tmp_path: Path) -> None:
    def dies(step: int, path: Path, account: int) -> bool:
        return dies_at(step, lambda: rebuild_there(path, account, [-1]))

    try:
        assert every_death(before, tmp_path, dies) > 50
    finally:
        apsw.connection_hooks.clear()
