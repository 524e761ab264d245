"""What changes behind an engine's back: accounts rebuilt, erased, or lost by the hot store while it remembers them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import spillover
from spillover.engine.drive import drive
from spillover.engine.rebuilding import rebuild
from spillover.engine.reconciling import look
from spillover.engine.settlement import BATCH_MAX, Settling
from spillover.engine.watching import Watching
from spillover.model.errors import AccountShut, UnknownName
from spillover.stores.memory import MemoryHotStore
from tests.support import clock, policy

REQUEST = ("acme", "chat.messages")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'a.db'}"


def opened(url: str, **options: Any) -> spillover.Access:
    return spillover.connect(url, policy=policy(), clock=clock(), settle=False, **options)


def account_of(access: spillover.Access, name: str = "acme") -> int:
    return access.run(access.desk.account(name))


def test_an_engine_that_met_a_shut_account_serves_it_once_it_is_put_back(url):
    with opened(url) as one, opened(url) as other:
        one.accounts.put("acme", plan="plus")
        account, desk = account_of(one), other.desk
        drive(desk.store.shut(account))
        for key in "ab":
            with pytest.raises(AccountShut):
                one.consume(*REQUEST, key=key)
        drive(rebuild(desk.store, desk.ledger, account, now=desk.clock(), reason="test", actor="ops"))
        assert one.consume(*REQUEST, key="a")
        assert other.consume(*REQUEST, key="b")


def test_an_engine_that_remembers_a_shut_account_serves_it_once_it_is_put_back(url):
    with opened(url) as one, opened(url) as other:
        one.accounts.put("acme", plan="plus")
        assert one.consume(*REQUEST)
        account, desk = account_of(one), other.desk
        drive(desk.store.shut(account))
        with pytest.raises(AccountShut):
            one.consume(*REQUEST, key="a")
        drive(rebuild(desk.store, desk.ledger, account, now=desk.clock(), reason="test", actor="ops"))
        assert one.consume(*REQUEST, key="a")


def test_a_name_that_another_engine_erased_and_put_anew_is_read_as_the_new_account(url):
    with opened(url) as one, opened(url) as other:
        one.accounts.put("acme", plan="plus")
        assert other.balance("acme").state == "active"
        one.accounts.erase("acme")
        with pytest.raises(UnknownName):
            other.balance("acme")
        one.accounts.put("acme", plan="plus")
        assert other.balance("acme").state == "active"
        assert other.overview("acme").state == "active"


def test_events_behind_a_gap_hold_up_no_other_account():
    with opened("memory://") as access:
        for name in ("acme", "bolt"):
            access.accounts.put(name, plan="plus")
        access.settle()
        desk = access.desk
        access.consume("acme", "chat.messages", key="lost")
        drive(desk.store.acknowledge(drive(desk.store.read(1))))  # as if the stream had lost it
        for number in range(BATCH_MAX + 50):
            access.record("acme", "chat.messages", key=f"a{number}")
        access.consume("bolt", "chat.messages", key="b")
        settling = Settling(desk.store, desk.ledger)
        for _ in range(4):
            drive(settling.step())
        assert access.statement("bolt") is not None
        assert drive(desk.ledger.event_by_key(account_of(access, "bolt"), "b")) is not None
        assert drive(desk.ledger.event_by_key(account_of(access), "a0")) is None


def test_a_hot_state_that_lost_terms_is_put_back_by_the_next_ones():
    with opened("memory://") as access:
        access.accounts.put("acme", plan="plus")
        access.credits.add("acme", "5", key="first")
        access.settle()
        desk, account = access.desk, account_of(access)
        empty = MemoryHotStore()
        for holder in (desk.store,):
            holder._tables = empty._tables  # all that it knew is gone
        desk.known.forget(account)
        access.credits.add("acme", "7", key="second")
        assert access.balance("acme").credits == 12_000_000
        access.settle()
        assert drive(look(desk.store, desk.ledger, account)).status == "same"


def test_an_account_whose_hot_state_is_lost_serves_the_next_request_from_the_books():
    with opened("memory://") as access:
        access.accounts.put("acme", plan="plus")
        access.credits.add("acme", "5", key="first")
        assert access.consume(*REQUEST, key="a")
        access.settle()
        desk, account = access.desk, account_of(access)
        desk.store._tables = MemoryHotStore()._tables
        assert access.consume(*REQUEST, key="b")
        assert access.consume(*REQUEST, key="a").replayed
        access.settle()
        assert drive(look(desk.store, desk.ledger, account)).status == "same"
        assert [one.epoch for one in drive(desk.ledger.epochs(account))] == [1]


def test_a_worker_puts_back_what_the_hot_state_lost_of_settled_events_and_of_pushed_terms():
    with opened("memory://") as access:
        for name in ("settled", "pushed", "whole"):
            access.accounts.put(name, plan="plus")
        access.settle()
        desk = access.desk
        old = dict(desk.store._tables.accounts)
        access.consume("settled", "chat.messages", key="a")
        access.settle()
        access.credits.add("pushed", "5", key="b")  # in force, not settled
        lost = MemoryHotStore()._tables
        lost.accounts = {account_of(access, "whole"): old[account_of(access, "whole")]}
        desk.store._tables = lost
        watching = Watching(desk.store, desk.ledger)
        assert drive(watching.step(desk.clock())) == 2
        assert drive(watching.step(desk.clock())) == 0
        for name in ("settled", "pushed", "whole"):
            desk.known.forget(account_of(access, name))
        assert access.balance("pushed").credits == 5_000_000
        access.settle()
        found = {
            name: drive(look(desk.store, desk.ledger, account_of(access, name))).status
            for name in ("settled", "pushed")
        }
        assert found == {"settled": "same", "pushed": "same"}
        assert not drive(desk.ledger.epochs(account_of(access, "whole")))
