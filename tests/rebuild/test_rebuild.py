"""A rebuilt account goes on as if nothing had been: its balance, windows, holds and keys, in a new epoch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spillover.access.plain import Access
from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.engine.rebuilding import Gap, Recovery
from spillover.engine.restoring import Total, pages, rebuild_all, survey
from spillover.engine.settlement import settle_account
from spillover.model.errors import UnknownName
from tests.rebuild.support import (
    NAMES,
    account_of,
    back_up,
    engine,
    hot_tables,
    looked,
    meddle,
    ports,
    put_tables,
    rebuilt,
    restore_books,
    shop,
    standing,
    waiting,
)


@pytest.fixture(params=["memory", "sqlite"])
def access(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Access]:
    with shop("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db") as opened:
        yield opened


def told(access: Access, name: str) -> object:
    """All that an account's owner sees, but the epoch."""
    holds = [(hold.key, hold.due, hold.units) for hold in access.holds.list(name)]
    check = access.check(name, "video.seconds", 3)
    return access.balance(name), holds, check.granted, check.legs


def test_a_rebuilt_account_is_as_it_was(access: Access) -> None:
    before = standing(access, "acme")
    events = len(waiting(access, "acme"))
    done = rebuilt(access, "acme")
    after = standing(access, "acme")
    assert (done.before, done.epoch, done.settled, done.quarantined) == (0, 1, events, 0)
    assert (done.pushed, done.put_back, done.lost, done.differed) == (1, True, (), ())
    changed = {name: value for name, value in after.cells.items() if before.cells.get(name) != value}
    assert changed == {"lot:3": 5_000_000}  # what the push raised
    assert after.holds == before.holds
    assert (after.epoch, after.shut, after.sequence) == (1, False, 1)  # the push
    assert looked(access, "acme").status == "same"
    (row,) = drive(access.desk.ledger.epochs(account_of(access, "acme")))
    assert (row.epoch, row.ended, row.reason, row.actor) == (1, before.sequence, "test", "ops")


def test_what_an_owner_sees_stays_through_a_rebuild(access: Access) -> None:
    access.run(access.desk.push())
    access.settle(tend=False)
    before = told(access, "bolt")
    rebuilt(access, "bolt")
    access.desk.known.forget(account_of(access, "bolt"))
    assert told(access, "bolt") == before


def test_the_same_request_after_a_rebuild_is_answered_as_before(access: Access) -> None:
    first = access.consume("acme", "video.seconds", 4, key="again")
    rebuilt(access, "acme")
    again = access.consume("acme", "video.seconds", 4, key="again")
    assert (again.granted, again.legs) == (first.granted, first.legs)
    access.settle(tend=False)
    assert len([row for row in access.statement("acme").rows if row.key == "again"]) <= 2
    assert looked(access, "acme").status == "same"


def test_holds_end_in_the_new_epoch(access: Access) -> None:
    rebuilt(access, "acme")
    access.desk.known.forget(account_of(access, "acme"))
    ending = access.holds.commit("acme", "kept", 4)
    assert ending
    access.settle(tend=False)
    assert looked(access, "acme").status == "same"


def test_events_that_the_stream_lost_are_told_and_the_rest_is_put_back(tmp_path: Path) -> None:
    with shop(f"sqlite:///{tmp_path}/shop.db", ("acme",)) as access:
        access.settle(tend=False)
        account, settled = account_of(access, "acme"), standing(access, "acme").sequence
        for number in range(3):
            access.consume("acme", "video.seconds", 1, key=f"lost {number}")
    meddle(tmp_path / "shop.db", f"DELETE FROM stream WHERE sequence <= {settled + 2}")
    with engine(f"sqlite:///{tmp_path}/shop.db") as access:
        (astray,) = _survey(access)
        assert (astray.account, astray.what, astray.lost) == (account, "ahead", (Gap(0, settled + 1, settled + 2),))
        assert [one.what for one in looked(access, "acme").findings] == [f"events {settled + 1} to {settled + 2}"]
        done = rebuilt(access, "acme")
        assert done.lost == (Gap(0, settled + 1, settled + 2),)
        assert done.quarantined == 1  # the one behind the gap
        (row,) = drive(access.desk.ledger.epochs(account))
        assert row.reason == f"test; lost: 0.{settled + 1} to {settled + 2}"
        assert looked(access, "acme").status == "same"


def test_an_account_whose_hot_state_is_gone_is_put_back_from_what_is_settled(tmp_path: Path) -> None:
    with shop(f"sqlite:///{tmp_path}/shop.db") as access:
        access.settle(tend=False)
        before, account = standing(access, "acme"), account_of(access, "acme")
    tables = ("hot_accounts", "hot_profiles", "cells", "holds")
    meddle(tmp_path / "shop.db", *(f"DELETE FROM {table} WHERE account = {account}" for table in tables))
    with engine(f"sqlite:///{tmp_path}/shop.db") as access:
        assert [one.what for one in _survey(access)] == ["unknown"]
        assert [finding.what for finding in looked(access, "acme").findings] == ["account"]
        done = rebuilt(access, "acme")
        after = standing(access, "acme")
        assert (after.cells, after.holds, after.profile) == (before.cells, before.holds, before.profile)
        assert (done.before, done.epoch, done.differed[0].what) == (0, 1, "event")


def test_a_hot_state_behind_the_books_is_put_back_and_what_took_a_booked_place_is_in_quarantine(
    tmp_path: Path,
) -> None:
    path = tmp_path / "shop.db"
    url = f"sqlite:///{path}"
    with shop(url, ("acme",)) as access:
        access.settle(tend=False)
        account = account_of(access, "acme")
        old = hot_tables(path)
        access.consume("acme", "chat.messages", key="later", subject="eve")
        access.settle(tend=False)
        settled = drive(access.desk.ledger.standing(account))
    meddle(path, *put_tables(old))
    with engine(url) as access:
        access.consume("acme", "video.seconds", 1, key="in a place that is taken")
        assert looked(access, "acme").status == "differs"
        done = rebuilt(access, "acme")
        assert (done.quarantined, standing(access, "acme").cells) == (1, settled.cells)
        access.settle(tend=False)
        assert looked(access, "acme").status == "same"


def test_books_of_an_older_epoch_than_the_hot_state_pass_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    url = f"sqlite:///{path}"
    with shop(url, ("acme",)) as access:
        access.settle(tend=False)
        books = path.with_suffix(".backup")
        back_up(path, books)
        rebuilt(access, "acme")
        rebuilt(access, "acme")
        access.consume("acme", "video.seconds", 1, key="lost from the books")
    restore_books(books, path)
    with engine(url) as access:
        (astray,) = _survey(access)
        assert (astray.what, astray.books[0], astray.hot[0]) == ("another epoch", 0, 2)
        done = rebuilt(access, "acme", "restored")
        assert (done.before, done.epoch) == (2, 3)
        assert looked(access, "acme").status == "same"
        assert [row.epoch for row in drive(access.desk.ledger.epochs(account_of(access, "acme")))] == [1, 2, 3]


def test_terms_ordered_after_a_restore_come_into_force_though_their_version_was_used_before(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with shop(f"sqlite:///{path}", ("acme",)) as access:
        access.run(access.desk.push())
        access.settle(tend=False)
        back_up(path, path.with_suffix(".backup"))
        access.credits.add("acme", 7, key="after the backup")
        access.settle(tend=False)
    restore_books(path.with_suffix(".backup"), path)
    with engine(f"sqlite:///{path}") as access:
        rebuilt(access, "acme", "restored")
        lot = access.credits.add("acme", 9, key="after the restore")
        assert standing(access, "acme").cells[f"lot:{lot.id}"] == 9_000_000
        access.settle(tend=False)
        assert looked(access, "acme").status == "same"


def test_an_epoch_that_another_has_raised_is_raised_once_more_and_not_put_back(access: Access) -> None:
    store, ledger = ports(access)
    account = account_of(access, "acme")
    drive(store.shut(account))
    drive(settle_account(store, ledger, account))
    drive(ledger.raise_epoch(account, epoch=0, at=access.desk.clock(), reason="who died", actor="ops"))
    done = rebuilt(access, "acme")
    assert (done.before, done.epoch, done.put_back) == (0, 2, True)
    assert [row.reason for row in drive(ledger.epochs(account))] == ["who died", "test"]
    assert looked(access, "acme").status == "same"


def test_an_unknown_account_is_refused_and_nothing_is_shut(access: Access) -> None:
    store, ledger = ports(access)
    from spillover.engine.rebuilding import rebuild

    with pytest.raises(UnknownName):
        drive(rebuild(store, ledger, 7, now=access.desk.clock(), reason="", actor=""))
    assert drive(store.shut_accounts(10)) == []


def test_all_accounts_are_rebuilt_and_added_up(access: Access) -> None:
    store, ledger = ports(access)
    total, seen = Total(), list[int]()

    async def all_() -> None:
        async for places in pages(ledger, store):
            accounts = [place.account for place in places]
            await rebuild_all(
                store, ledger, accounts, total, now=access.desk.clock, reason="all", actor="ops",
                told=lambda done: seen.append(done.account),
            )  # fmt: skip

    drive(all_())
    assert (total.accounts, total.pushed, total.lost, total.failed) == (3, 3, 0, {})
    assert seen == sorted(account_of(access, name) for name in NAMES)
    assert _survey(access) == []


def test_a_shut_account_that_nobody_puts_back_is_rebuilt_after_ten_seconds(access: Access) -> None:
    store, ledger = ports(access)
    account, seconds = account_of(access, "acme"), [100.0]
    recovery = Recovery(store, ledger, lambda: seconds[0])
    now = access.desk.clock()
    drive(store.shut(account))
    counts = []
    for step in (0, 9.9, 0.2, 30):
        seconds[0] += step
        counts.append(drive(recovery.step(now)))
    assert counts == [0, 0, 1, 0]
    assert not standing(access, "acme").shut


def test_an_account_that_is_rebuilt_again_and_again_is_left_to_who_does_it(access: Access) -> None:
    store, ledger = ports(access)
    account, seconds = account_of(access, "acme"), [0.0]
    recovery = Recovery(store, ledger, lambda: seconds[0])
    for _ in range(4):
        drive(store.shut(account))
        assert drive(recovery.step(access.desk.clock())) == 0
        rebuilt(access, "acme")
        seconds[0] += 6
    assert standing(access, "acme").epoch == 4


def test_books_of_rebuilt_accounts_pass_the_audit(tmp_path: Path) -> None:
    with shop(f"sqlite:///{tmp_path}/shop.db") as access:
        rebuilt(access, "acme")
        access.desk.known.forget(account_of(access, "acme"))
        access.consume("acme", "video.seconds", 2)
        access.holds.release("acme", "fresh")
        rebuilt(access, "acme")
        rebuilt(access, "bolt")
        access.settle(tend=False)
    report = audit(tmp_path / "shop.db")
    assert report.findings == ()


def _survey(access: Access) -> list[object]:
    store, ledger = ports(access)

    async def all_() -> list[object]:
        return [one async for places in pages(ledger, store) for one in await survey(store, ledger, places)]

    return drive(all_())
