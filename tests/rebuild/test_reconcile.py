"""Reconciliation finds a drift of one unit wherever it is planted, and nothing else, while the system runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import spillover
from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.engine.reconciling import Looked, look_at_page
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.model.errors import SpilloverError
from spillover.stores.sqlite import SQLiteHotStore
from tests.rebuild.support import NAMES, account_of, engine, looked, meddle, ports, rebuilt, shop
from tests.support import policy


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with shop(f"sqlite:///{tmp_path}/shop.db", ("acme", "bolt")):
        pass
    return tmp_path / "shop.db"


def found(path: Path, name: str = "acme") -> list[str]:
    """What a look at the account alone finds, which is what a look at it in a group finds."""
    with engine(f"sqlite:///{path}") as access:
        alone = looked(access, name)
        assert in_group(access)[account_of(access, name)] == alone
        return [f"{one.kind} {one.what}: {one.hot}, not {one.expected}" for one in alone.findings]


def in_group(access: Access) -> dict[int, Looked]:
    """All accounts, looked at together."""
    return {one.account: one for one in drive(look_at_page(*ports(access), limit=100))[0]}


@pytest.fixture(params=["memory", "sqlite"])
def access(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Access]:
    with shop("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db") as opened:
        yield opened


def test_nothing_is_found_where_nothing_is_wrong(access: Access) -> None:
    for settled in range(2):
        assert [(one.status, one.findings) for one in in_group(access).values()] == [("same", ())] * len(NAMES)
        for name in NAMES:
            assert (looked(access, name).status, looked(access, name).findings) == ("same", ())
        if not settled:
            access.settle(tend=False)


PLANTED = {
    "a window's count": (
        "UPDATE cells SET value = value + 1 WHERE name = 'chat.messages/weekly/fixed-7d:used'",
        "cell",
    ),
    "a cell too much": ("INSERT INTO cells SELECT account, 'more', 1 FROM cells LIMIT 1", "cell"),
    "a cell too few": ("DELETE FROM cells WHERE name = 'scopes'", "cell"),
    "one micro-credit": ("UPDATE cells SET value = value - 1 WHERE name = 'lot:1'", "cell"),
    "a hold too few": ("DELETE FROM holds WHERE CAST(record AS TEXT) LIKE '%\"kept\"%'", "hold"),
    "a hold's due": ("UPDATE holds SET due = due + 1 WHERE CAST(record AS TEXT) LIKE '%\"kept\"%'", "hold"),
    "a hold's record": (
        "UPDATE holds SET record = CAST(replace(record, '\"units\":6', '\"units\":7') AS BLOB)",
        "hold",
    ),
    "another plan": ("UPDATE hot_profiles SET profile = CAST(replace(profile, 'plus', 'free') AS BLOB)", "profile"),
    "a sequence": ("UPDATE hot_accounts SET sequence = 3", "place"),
    "an epoch": ("UPDATE hot_accounts SET epoch = 1", "place"),
    "an event": ("DELETE FROM stream WHERE id = (SELECT max(id) FROM stream)", "event"),
    "a settled cell": ("UPDATE settled_cells SET value = value + 1 WHERE name = 'lot:1'", "cell"),
    "a lot in the books": ("UPDATE lots SET balance = balance - 1, spent = spent + 1 WHERE lot = 1", "lot"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_drift_is_found(path: Path, what: str) -> None:
    with engine(f"sqlite:///{path}") as access:
        accounts = [account_of(access, name) for name in ("acme", "bolt")]
    sql, kind = PLANTED[what]
    meddle(path, sql)
    kinds = {finding.split()[0] for name in ("acme", "bolt") for finding in found(path, name)}
    assert kind in kinds
    assert len(accounts) == 2


def test_a_finding_says_what_is_and_what_must_be(path: Path) -> None:
    with engine(f"sqlite:///{path}") as access:
        access.settle(tend=False)
        account = account_of(access, "acme")
    meddle(path, f"UPDATE cells SET value = value + 1 WHERE name = 'scopes' AND account = {account}")
    assert found(path) == ["cell scopes: 3, not 2"]
    assert found(path, "bolt") == []


def test_what_is_found_is_gone_after_a_rebuild(path: Path) -> None:
    meddle(path, "UPDATE cells SET value = value + 1 WHERE name IN ('scopes', 'lot:1')")
    with engine(f"sqlite:///{path}") as access:
        assert [one.what for one in looked(access, "acme").findings] == ["lot:1", "scopes", "lot:1"]
        done = rebuilt(access, "acme", "drift")
        assert [one.what for one in done.differed] == ["lot:1", "scopes"]
        assert looked(access, "acme").status == "same"


def test_an_account_that_is_being_rebuilt_is_told_as_shut(access: Access) -> None:
    access.settle(tend=False)
    drive(access.desk.store.shut(account_of(access, "acme")))
    assert looked(access, "acme").status == "shut"
    assert sorted(one.status for one in in_group(access).values()) == ["same", "same", "shut"]


def test_an_account_made_a_moment_ago_is_no_finding(access: Access) -> None:
    from spillover.ports import Terms

    _, ledger = ports(access)
    now = access.desk.clock()
    drive(ledger.put_account("new", Terms(plan="plus"), at=now, reason="", actor=""))
    assert looked(access, "new").status == "same"


def test_pages_go_through_all_accounts_once(access: Access) -> None:
    store, ledger = ports(access)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page, after = drive(look_at_page(store, ledger, limit=2, after=after))
        seen += [one.account for one in page]
    assert seen == sorted(account_of(access, name) for name in NAMES)


def test_nothing_is_found_beside_engines_a_settler_and_rebuilds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/busy.db"
    with spillover.connect(url, policy=policy()) as access:
        for name in NAMES:
            access.accounts.put(name, "plus")
            access.credits.add(name, 10_000, key="first")
        stop = threading.Event()
        workers = [threading.Thread(target=_traffic, args=(url, name, stop)) for name in NAMES]
        for worker in workers:
            worker.start()
        try:
            store, ledger = SQLiteHotStore(tmp_path / "busy.db"), SQLiteLedger(tmp_path / "busy.db")
            statuses = {"same": 0, "busy": 0, "shut": 0, "differs": 0}
            while statuses["same"] < 60:
                page, _ = drive(look_at_page(store, ledger, limit=10))
                for one in page:
                    assert one.findings == ()
                    statuses[one.status] += 1
            drive(store.close())
            drive(ledger.close())
        finally:
            stop.set()
            for worker in workers:
                worker.join()


def _traffic(url: str, name: str, stop: threading.Event) -> None:
    with spillover.connect(url, settle=False) as access:
        for number in range(100_000):
            if stop.is_set():
                break
            try:
                if number % 20 == 19:
                    rebuilt(access, name, "now and then")
                elif number % 5 == 4:
                    access.credits.add(name, 1, key=f"more {number}")
                elif number % 5 == 3:
                    access.open_hold(name, "video.seconds", 2, key=f"hold {number}")
                    access.holds.commit(name, f"hold {number}", 1)
                else:
                    access.consume(name, "video.seconds", 1)
            except SpilloverError:
                pass  # shut, or changed between: the next request gets through
