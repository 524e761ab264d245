"""The watcher: what happened in the books is told once, to who wants it, in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from spillover.core.decide import RULES
from spillover.engine.drive import drive as run
from spillover.engine.rebuilding import rebuild
from spillover.model.errors import StoreError, StoreUnavailable
from spillover.move import move
from spillover.notices.watching import Found, Look, rest_s
from spillover.office.sqlite.office import OFFICE
from spillover.ports.notices import Alert, Message
from spillover.sql import Component
from spillover.sqlite import open_database
from tests.notices.watch_books import CREDIT, LOW, LOWER, Shop, endpoint, look
from tests.office.support import execute

NAMES = iter(f"account {number}" for number in range(10_000))


@pytest.fixture
def shop(url: str) -> Iterator[Shop]:
    opened = Shop(url)
    look(opened.watcher())
    yield opened
    opened.close()


def test_a_fall_is_told_once_to_who_wants_it_and_a_top_up_arms_it_again(shop: Shop) -> None:
    run(shop.office.put_endpoint(endpoint("all")))
    run(shop.office.put_endpoint(endpoint("holds", types=("hold.expired",))))
    shop.alerts(LOW)
    name = next(NAMES)
    account = shop.account(name, 100)
    for credits in (-95, 195, -197):  # 100 -> 5 -> 200 -> 3, all in one batch
        shop.use(name, -credits) if credits < 0 else shop.add(name, credits)
        shop.access.settle()
    assert shop.look() == 1
    assert [json.loads(one.data)["balance"]["credits"] for one in shop.messages(account)] == ["5", "3"]
    assert shop.types(account) == ["balance.below"] * 2
    sendings = run(shop.office.sendings([one.number for one in shop.messages()]))
    assert [one.endpoint for one in sendings] == ["all", "all"]
    assert shop.look() == 0
    shop.use(name, 3)
    assert shop.look() == 1
    assert shop.types(account)[2:] == ["balance.exhausted"]


def test_books_that_were_there_before_are_the_start_and_later_accounts_start_at_nothing(url: str) -> None:
    shop = Shop(url)
    old, new = next(NAMES), next(NAMES)
    shop.account(old, 5)
    shop.use(old, 5)
    shop.access.settle()
    assert look(shop.watcher()) == 0
    shop.account(new, 5)
    shop.use(new, 5)
    shop.add(old, 7)
    assert shop.look() == 2
    assert shop.types() == ["balance.exhausted"]
    shop.use(old, 7)
    shop.look()
    assert shop.types() == ["balance.exhausted"] * 2
    shop.close()


def test_an_alert_that_is_made_below_its_threshold_tells_of_the_next_fall(shop: Shop) -> None:
    name = next(NAMES)
    account = shop.account(name, 8)
    shop.look()
    shop.alerts(LOW)
    shop.use(name, 1)
    shop.look()
    assert shop.types(account) == []
    shop.add(name, 5)
    shop.use(name, 2)
    shop.look()
    assert shop.types(account) == ["balance.below"]


@pytest.mark.parametrize("bounds", [{"accounts": 1, "rows": 2}, {"accounts": 2, "rows": 5}])
def test_small_steps_tell_the_same_as_large_ones(shop: Shop, bounds: dict[str, int]) -> None:
    shop.alerts(LOW, LOWER)
    names = [next(NAMES) for _ in range(3)]
    accounts = [shop.account(name, 12) for name in names]
    for credits in (5, -9, 12, 3, -2, 3):
        for name in names:
            shop.use(name, credits) if credits > 0 else shop.add(name, -credits)
            shop.access.settle()
    assert shop.look(shop.watcher(**bounds)) > len(names)
    assert shop.told(accounts) == shop.expected(accounts, (LOW, LOWER))
    assert len(shop.told(accounts)) == 12


def test_a_rebuilt_account_is_told_of_once(shop: Shop) -> None:
    name = next(NAMES)
    account = shop.account(name, 20)
    shop.use(name, 5)
    shop.look()
    shop.use(name, 15)
    shop.access.settle()
    desk = shop.access.desk
    run(rebuild(desk.store, desk.ledger, account, now=shop.clock(), reason="r", actor=""))
    shop.add(name, 4)
    shop.use(name, 4)
    shop.look()
    assert shop.told([account]) == shop.expected([account], ())
    assert shop.types(account) == ["balance.exhausted"] * 2
    assert {one.epoch for one in run(desk.ledger.places(limit=100_000)) if one.account == account} == {1}
    assert shop.look() == 0


def test_of_an_erased_account_nothing_is_told_and_the_watcher_goes_on(shop: Shop) -> None:
    name, other = next(NAMES), next(NAMES)
    account, stays = shop.account(name, 5), shop.account(other, 5)
    for one in (name, other):
        shop.use(one, 5)
    shop.access.settle()
    shop.access.accounts.erase(name)

    async def finder(looks: Sequence[Look]) -> list[Found]:
        return [Found([Message(f"of {look.account}", look.account, "topup.wanted", 1, b"{}")]) for look in looks]

    assert shop.look(shop.watcher(finder)) == 2
    assert shop.types(account) == []
    assert shop.types(stays) == ["balance.exhausted", "topup.wanted"]
    assert shop.look() == 0


def test_an_expired_hold_is_told_with_its_key_however_long_before_it_was_opened(shop: Shop) -> None:
    name = next(NAMES)
    account = shop.account(name, 50)
    shop.access.open_hold(name, "calls", 5, key="mine", subject="ada", lasts=60_000)
    shop.look()
    for _ in range(7):
        shop.use(name, 1)
    shop.access.open_hold(name, "calls", 5, key="kept", lasts=3_600_000)
    shop.clock.turn(minutes=5)
    shop.access.tend()
    shop.look(shop.watcher(rows=2))
    (found,) = shop.messages(account)
    tokens = run(shop.ledger.tokens_known(account, ["ada"]))
    assert (found.type, json.loads(found.data)) == (
        "hold.expired", {"key": "mine", "feature": "calls", "subject_token": tokens["ada"]},
    )  # fmt: skip


def test_a_window_is_told_when_it_fills_and_no_second_time(shop: Shop) -> None:
    name = next(NAMES)
    account = shop.account(name, 50)
    shop.alerts(Alert("most", account, "window", "images/daily", 80), Alert("other", account + 1, "window", "daily", 1))
    for used in range(1, 10):
        shop.access.consume(name, "images", 1, subject="ada", key=shop.key())
        shop.look()
        assert len(shop.messages(account)) == (used >= 8)
    shop.clock.turn(days=1)
    shop.use(name, 1)
    shop.look()
    assert len(shop.messages(account)) == 1
    shop.access.consume(name, "images", 1, subject="ada", key=shop.key())
    shop.look()
    assert len(shop.messages(account)) == 1
    for _ in range(8):
        shop.access.consume(name, "images", 1, subject="ada", key=shop.key())
    shop.look()
    assert len(shop.messages(account)) == 2


def test_what_a_finder_writes_is_written_with_the_place_or_not_at_all(shop: Shop) -> None:
    """As top-ups do: rows of their own, decided inside the transaction, and a message for each."""
    name = next(NAMES)
    account = shop.account(name, 9)
    fails, seen = [True], list[Look]()

    def order(tables: Any) -> Sequence[Message]:
        if tables.one("topups.rule", account):
            return ()
        tables.run("topups.put_rule", account, 5, "small", 3, 1)
        if fails:
            raise StoreUnavailable("the disk is gone")
        return [Message("an order", account, "topup.wanted", 1, b"{}")]

    async def finder(looks: Sequence[Look]) -> list[Found]:
        seen.extend(looks)
        fell = [any(change.falls_to(5 * CREDIT) for change in look.changes) for look in looks]
        return [Found((), [order] if one else ()) for one in fell]

    shop.use(name, 6)
    watcher = shop.watcher(finder)
    with pytest.raises(StoreUnavailable):
        shop.look(watcher)
    assert shop.types() == []
    assert run(shop.office.topup_rule(account)) is None
    fails.clear()
    assert shop.look(watcher) == 1
    assert shop.types() == ["topup.wanted"]
    assert run(shop.office.topup_rule(account)) is not None
    assert seen[0] == seen[1]
    assert [change.after for change in seen[0].changes] == [9 * CREDIT, 3 * CREDIT]
    assert (seen[0].before.updates, seen[0].now.updates, len(seen[0].rows)) == (0, 2, 2)
    assert seen[0].policy == shop.access.policy
    shop.add(name, 5)
    shop.use(name, 5)
    shop.look(watcher)
    assert shop.types() == ["topup.wanted"]


def test_what_goes_wrong_with_one_account_keeps_no_other_waiting(shop: Shop) -> None:
    accounts = sorted(shop.account(next(NAMES), 5) for _ in range(3))

    async def finder(looks: Sequence[Look]) -> list[Found]:
        if any(look.account == accounts[0] for look in looks):
            raise StoreError("it cannot be read")
        return [Found([Message(f"m {look.account}", look.account, "topup.wanted", 1, b"{}")]) for look in looks]

    shop.access.settle()
    watcher = shop.watcher(finder, accounts=2)
    with pytest.raises(StoreError):
        run(watcher.step())
    assert run(watcher.step()) == 2
    assert [one.account for one in shop.messages()] == accounts[1:]


def test_a_moved_database_goes_on_telling_where_it_was(tmp_path: Path) -> None:
    source, target = (f"sqlite:///{tmp_path}/{end}.db" for end in ("a", "b"))
    here = Shop(source)
    look(here.watcher())
    here.alerts(LOW)
    run(here.office.put_endpoint(endpoint()))
    account = here.account("acme", 30)
    here.use("acme", 25)
    here.look()
    here.add("acme", 20)
    here.access.settle()
    here.close()
    move(source, target, clock=here.clock)
    there = Shop(target, wipe=False)
    there.use("acme", 18)
    there.look()
    assert there.told([account]) == there.expected([account], (LOW,))
    assert len(there.told([account])) == 2
    assert run(there.office.endpoint("ep")) == endpoint()
    there.close()


def test_the_start_is_taken_page_by_page_and_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spillover.office.notice_records.TAKEN_AT_ONCE", 2)
    accounts = [shop.account(next(NAMES), 5) for _ in range(5)]
    shop.access.settle()
    execute(shop.url, "DELETE FROM office_watched")
    assert run(shop.office.begin_watching())
    assert not run(shop.office.begin_watching())
    assert look(shop.watcher()) == 0
    watched = {row[0] for row in execute(shop.url, "SELECT account FROM office_watched")}
    assert {0, *accounts} <= watched


def test_an_office_of_the_first_version_is_upgraded_and_moved(tmp_path: Path) -> None:
    source, target = (f"sqlite:///{tmp_path}/{end}.db" for end in ("a", "b"))
    shop = Shop(source, wipe=False, office=False)
    shop.account("acme", 5)
    first = Component(OFFICE.name, OFFICE.scripts[:1])
    open_database(f"{tmp_path}/a.db", first, rules=RULES).close()
    shop.access.close()
    report = move(source, target, clock=shop.clock)
    assert {"office_keys", "office_watched"} <= {one.table for one in report.tables}
    there = Shop(target, wipe=False)
    assert look(there.watcher()) == 0
    there.use("acme", 5)
    assert there.look() == 1
    assert there.types() == ["balance.exhausted"]
    there.close()


def test_books_in_memory_are_not_watched() -> None:
    shop = Shop("memory://")
    shop.account("acme", 5)
    shop.use("acme", 5)
    assert shop.look() == 0
    shop.close()


def test_a_watcher_rests_ten_times_as_long_as_it_looks() -> None:
    assert [rest_s(took) for took in (0.0, 0.02, 0.5)] == [0.25, 0.25, 5.0]
