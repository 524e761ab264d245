"""Honest books are found whole: quiet or in the middle of things, in a file or in memory, alone or beside writers."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw
import pytest

import spillover
from spillover.audit import HotAccount, audit
from spillover.audit.sqlite import snapshot
from spillover.engine.drive import drive
from spillover.model.account import Lot
from spillover.model.errors import InvalidInput, NewerSchema, NotADatabase, StoreError, UnknownName
from spillover.policy import read_policy_text
from spillover.ports import Grant, Terms
from tests.audit.forger import Forger
from tests.audit.stories import POLICY, make_shop
from tests.audit.worlds import World


def test_the_shop_is_whole(shop: Path) -> None:
    report = audit(shop)
    assert report.ok, [str(one) for one in report.findings]
    assert (report.accounts, report.events, report.charges, report.updates, report.unsettled) == (2, 14, 6, 12, 0)
    books = {(book.measure, book.book): book.amount for book in report.books}
    assert books["credits", "lots"] == 98_475
    assert books["credits", "receivable"] == -24_000_000
    assert books["credits", "revenue/chat"] == 30_000_000
    for measure in ("credits", "video"):
        assert sum(amount for (of, _), amount in books.items() if of == measure) == 0
    assert report.checked["rating"] == 14


@pytest.mark.parametrize("seed", range(24))
def test_whatever_the_engine_does_is_whole(tmp_path: Path, seed: int) -> None:
    path = World(tmp_path / "x.db", seed).play(160).close(settle=seed % 3 > 0)
    report = audit(path)
    assert report.ok, [str(one) for one in report.findings]
    assert not report.unsettled or seed % 3 == 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 4000))
def test_whatever_the_engine_does_is_whole_for_long(tmp_path: Path, seed: int) -> None:
    test_whatever_the_engine_does_is_whole(tmp_path, seed)


def test_books_of_rules_1_are_as_whole_as_before(shop: Path) -> None:
    with Forger(shop) as forger:
        for old, new in (('"schema":2', '"schema":1'), ('"rules":2', '"rules":1')):
            changed = "CAST(replace(CAST(payload AS TEXT), ?, ?) AS BLOB)"
            assert forger.run(f"UPDATE usage_events SET payload = {changed}", old, new) == 14
        forger.rechain()
    report = audit(shop)
    assert report.ok, [str(one) for one in report.findings]
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        assert access.open_hold("acme", "video", 1, key="goes on")
        access.accounts.put("acme", "plus", consent=False)
        access.settle()
    report = audit(shop)
    assert report.ok, [str(one) for one in report.findings]


def test_books_that_were_not_upgraded_are_refused(shop: Path) -> None:
    connection = apsw.Connection(str(shop))
    connection.execute("UPDATE spillover_schema SET version = 1 WHERE component = 'ledger'")
    connection.close()
    with pytest.raises(StoreError, match="found schema ledger 1, expected 3"):
        audit(shop)


def test_an_empty_database_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    spillover.connect(f"sqlite:///{path}", policy=read_policy_text(POLICY), settle=False).close()
    report = audit(path)
    assert report.ok
    assert (report.accounts, report.events) == (0, 0)


def test_terms_that_wait_to_be_pushed_and_entries_not_yet_acknowledged_are_whole(shop: Path) -> None:
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        desk = access._desk
        name = drive(desk.ledger.find_account("acme"))
        assert name is not None
        access.consume("acme", "video", 1, key="waits")
        entries = drive(desk.store.read(10))
        drive(desk.ledger.put_account("acme", Terms(consent=False), at=1, reason="", actor=""))
        drive(desk.ledger.grant(name, Grant(Lot(0, "credits"), 5, "late", "gift", ""), at=2))
        assert audit(shop).ok
        drive(desk.ledger.settle(entries))
        report = audit(shop)
        assert report.ok, [str(one) for one in report.findings]
        assert report.unsettled == 0


def test_an_erased_account_is_whole_and_the_digest_stays(shop: Path) -> None:
    before = audit(shop)
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        access.accounts.erase("acme")
    after = audit(shop)
    assert after.ok, [str(one) for one in after.findings]
    assert after.digest == before.digest


def test_a_ledger_in_memory_is_audited_from_its_image(tmp_path: Path) -> None:
    policy = read_policy_text(POLICY)
    with spillover.connect("memory://", policy=policy, settle=False) as access:
        access.accounts.put("acme", "plus", billing_day=1_780_000_000_000)
        access.credits.add("acme", "20", key="k")
        access.consume("acme", "video", 2, key="a")
        access.settle()
        access.consume("acme", "video", 1, key="b")
        with access._desk.ledger._desks.reads.read() as connection:
            image = apsw.Connection(":memory:")
            image.deserialize("main", connection.serialize("main"))
        account = drive(access._desk.ledger.find_account("acme"))
        hot = access._desk.store._tables.accounts[account]
        stream = tuple((one.epoch, one.sequence, one.key, one.payload) for one in drive(access._desk.store.read(10)))
    report = audit(image)
    assert report.ok, [str(one) for one in report.findings]
    assert "hot state" in report.notes[0]
    state = HotAccount(hot.epoch or 0, hot.sequence, hot.version, hot.profile, hot.cells, stream)
    report = audit(image, hot={account: state}.get)
    assert report.ok, [str(one) for one in report.findings]
    assert (report.unsettled, report.events) == (1, 3)
    off = HotAccount(0, hot.sequence, hot.version, hot.profile, dict(hot.cells) | {"lot:1": 1}, stream)
    assert set(audit(image, hot={account: off}.get).found) == {"hot-state"}


def test_one_account_alone_by_name_or_id(shop: Path) -> None:
    report = audit(shop, accounts=["zeta"])
    assert report.ok
    assert (report.accounts, report.events) == (1, 2)
    assert "only 1 chosen account" in report.notes[0]
    account = apsw.Connection(str(shop)).execute("SELECT account FROM names WHERE name = 'zeta'").get
    assert audit(shop, accounts=[account]).digest == report.digest
    with pytest.raises(UnknownName, match="nobody"):
        audit(shop, accounts=["nobody"])


def test_a_copy_on_a_medium_that_nobody_can_write_to(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, opened = snapshot._connect, []

    def refusing(path: str, mode: str) -> apsw.Connection:
        opened.append(mode)
        if mode == "rw":
            raise apsw.CantOpenError("unable to open database file")
        return connect(path, mode)

    monkeypatch.setattr(snapshot, "_connect", refusing)
    assert audit(shop, processes=1).ok
    assert opened == ["rw", "ro&immutable=1"]


def test_where_writers_cannot_be_stopped_one_process_does_the_work(shop: Path) -> None:
    with spillover.connect(f"sqlite:///{shop}", settle=False):
        other = apsw.Connection(str(shop))
        other.execute("BEGIN IMMEDIATE")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(snapshot, "WAIT_MS", 50)
            report = audit(shop, processes=2)
        other.execute("ROLLBACK")
        other.close()
    assert (report.ok, report.processes) == (True, 1)


def test_nothing_is_changed_and_nothing_left_behind(shop: Path) -> None:
    before, files = shop.read_bytes(), set(shop.parent.iterdir())
    audit(shop)
    audit(shop, processes=2)
    assert shop.read_bytes() == before
    assert set(shop.parent.iterdir()) == files


def test_beside_a_writer_each_audit_sees_one_moment(tmp_path: Path) -> None:
    path = make_shop(tmp_path / "live.db")
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with spillover.connect(f"sqlite:///{path}", durability="fast") as access:
                number = 0
                while not stop.is_set():
                    number += 1
                    access.consume("zeta", "chat", 1, key=f"live {number}", at=None)
                    if number % 9 == 0:
                        access.credits.add("zeta", "1", key=f"credits {number}")
                    access.consume("acme", "video", 1, key=f"live {number}")
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [audit(path, processes=1 + turn % 2) for turn in range(6)]
    finally:
        stop.set()
        writer.join()
    assert not failures
    assert [str(one) for report in reports for one in report.findings] == []
    assert reports[-1].events > reports[0].events


def test_progress_is_told_and_never_goes_back(shop: Path) -> None:
    seen: list[tuple[int, int]] = []
    audit(shop, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (14, 14)
    assert seen == sorted(seen)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    for name, content in (("text", b"hello, this is a text and no database" * 9), ("empty", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(NotADatabase):
            audit(path)
    other = apsw.Connection(str(tmp_path / "other"))
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(NotADatabase):
        audit(tmp_path / "other")
    with pytest.raises(StoreError):
        audit(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_a_newer_schema_is_refused(shop: Path) -> None:
    connection = apsw.Connection(str(shop))
    connection.execute("UPDATE spillover_schema SET version = 4 WHERE component = 'ledger'")
    connection.close()
    with pytest.raises(NewerSchema, match="found schema ledger 4"):
        audit(shop)


def test_processes_are_one_or_more(shop: Path) -> None:
    with pytest.raises(InvalidInput):
        audit(shop, processes=0)
