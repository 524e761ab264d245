"""A hot state that lies elsewhere: compared account by account, beside engines that go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import spillover
from spillover.access.plain import Access
from spillover.audit import AuditReport, HotAccount, StoredHot, audit
from spillover.engine.drive import drive
from spillover.policy import read_policy_text
from spillover.ports import HotStore
from tests.audit.copying import make_tables
from tests.audit.stories import POLICY
from tests.servers import Databases


def hot_of(store: HotStore) -> StoredHot:
    return StoredHot(
        lambda account: drive(store.standing(account)), lambda account, limit: drive(store.entries(account, limit))
    )


def told(report: AuditReport) -> list[str]:
    return [str(one) for one in report.findings]


@pytest.fixture
def ledger(postgres_server: Databases) -> str:
    return postgres_server.new_database(make_tables)


@pytest.fixture
def valkey(ledger: str, valkey_url: str) -> Iterator[Callable[[], Access]]:
    """Engines over Valkey and PostgreSQL: acme has 20 credits."""

    def connect() -> Access:
        return spillover.connect(valkey_url, ledger=ledger, policy=read_policy_text(POLICY), settle=False)

    with connect() as access:
        access.accounts.put("acme", "plus", billing_day=1_780_000_000_000)
        access.credits.add("acme", "20", key="k")
    return connect


def test_books_and_a_hot_state_in_valkey_are_whole(valkey: Callable[[], Access], ledger: str) -> None:
    with valkey() as access:
        access.consume("acme", "video", 2, key="a")
        access.settle()
        access.consume("acme", "video", 1, key="b")
        access.open_hold("acme", "video", 1, key="c")
        hot = hot_of(access._desk.store)
        report = audit(ledger, hot=hot)
        assert report.ok, told(report)
        assert report.unsettled == 2
        assert report.notes[0] == (
            "the hot state lies elsewhere: of keys only those of grants were checked, which the books have;"
            " those of requests lie with the hot state and were not read"
        )
        assert (report.checked["keys"], report.checked["hot-state"]) == (1, 1)  # one grant; three requests
        assert drive(access._desk.ledger.find_account("acme")) is not None


def test_a_hot_state_that_is_not_looked_at_is_not_counted_as_checked(
    postgres_server: Databases, valkey_url: str
) -> None:
    ledger = postgres_server.new_database()
    with spillover.connect(valkey_url, ledger=ledger, policy=read_policy_text(POLICY), settle=False) as access:
        access.accounts.put("acme", "plus", billing_day=1_780_000_000_000)
        access.credits.add("acme", "20", key="k")
        access.consume("acme", "video", 2, key="a")
        access.settle()
    report = audit(ledger)
    assert (report.checked["keys"], report.checked["hot-state"], report.ok) == (1, 0, True)
    assert report.notes == (
        "the hot state does not lie in this database: it was not checked, and of keys only those of grants were",
    )
    postgres_server.drop_database(ledger)


def test_a_hot_state_elsewhere_that_differs_is_found(valkey: Callable[[], Access], ledger: str) -> None:
    with valkey() as access:
        access.consume("acme", "video", 2, key="a")
        access.settle()
        hot = hot_of(access._desk.store)

        def more(account: int) -> HotAccount | None:
            state = hot(account)
            assert state is not None
            return HotAccount(
                state.epoch, state.sequence, state.version, state.profile, dict(state.cells) | {"lot:1": 1},
                state.stream, state.holds,
            )  # fmt: skip

        report = audit(ledger, hot=more)
    assert set(report.found) == {"hot-state"}
    assert report.found["hot-state"] == len(report.findings)


@pytest.mark.parametrize(("terms", "looks"), [(False, 1), (True, 3)])
def test_what_moves_while_it_is_looked_at_is_no_finding(shop: Path, terms: bool, looks: int) -> None:
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        hot, asked = hot_of(access._desk.store), list[int]()

        def moving(account: int) -> HotAccount | None:
            """Something comes, is settled and forgotten after the books' moment, the first two times."""
            asked.append(account)
            if len(asked) < 3:
                assert access.consume("acme", "video", 1, key=f"meanwhile {len(asked)}")
                if terms:
                    access.credits.add("acme", "1", key=f"credits {len(asked)}")
                access.settle(tend=False)
            return hot(account)

        report = audit(shop, hot=moving, accounts=["acme"])
    assert report.ok, told(report)
    assert len(asked) == looks


def test_beside_engines_on_valkey_no_audit_finds_anything(valkey: Callable[[], Access], ledger: str) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with valkey() as access:
                number = 0
                while not stop.is_set():
                    number += 1
                    access.consume("acme", "video", 1, key=f"live {number}")
                    if number % 5 == 0:
                        access.credits.add("acme", "1", key=f"credits {number}")
                        access.settle()
        except BaseException as error:
            failures.append(error)

    with valkey() as access:
        hot = hot_of(access._desk.store)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            reports = [audit(ledger, hot=hot) for _ in range(20)]
        finally:
            stop.set()
            writer.join()
    assert not failures
    assert [text for report in reports for text in told(report)] == []
    assert reports[-1].events > reports[0].events
