"""A hot store that fails over or loses its tail: strict loses nothing that was answered, fast notices and counts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.engine.rebuilding import rebuild
from spillover.model.errors import StoreError
from spillover.model.reports import RaisedEpoch
from tests import servers
from tests.faults.people import people
from tests.faults.replicated import Pair, pair
from tests.faults.shop import Where, audited, booked, looks, open_shop, quarantined
from tests.servers import Databases, KeyValue
from tests.servers.process import wait_for

TIMES = [pytest.param(1, id="short"), pytest.param(30, id="long", marks=pytest.mark.soak)]


@pytest.mark.parametrize("times", TIMES)
def test_in_strict_a_failover_under_load_has_lost_nothing_that_was_answered(
    times: int, postgres_server: Databases, tmp_path: Path
) -> None:
    for turn in range(times):
        folder = tmp_path / f"{turn}"
        folder.mkdir()
        with pair() as both:
            where = Where(both.url, postgres_server.new_database())
            open_shop(where)
            with people(folder, where) as clients:
                clients.engine()
                clients.engine()
                clients.settler()
                clients.wait_for_more(60, settled=1)
                both.fail_over()
                clients.wait_for_more(60, settled=1)
                assert clients.check() > 100
            postgres_server.drop_database(where.ledger or "")


@pytest.fixture
def both() -> Iterator[Pair]:
    with pair() as found:
        yield found


def use(access: Access, *keys: str, account: str = "acme") -> None:
    for key in keys:
        assert access.consume(account, "video", 1, key=key).granted == 1


def keys(access: Access, account: str = "acme") -> list[str]:
    """The keys of what is booked, terms left out."""
    return [row.event.key for row in booked(access, account) if row.event.kind != "terms"]


def epochs(access: Access, account: str = "acme") -> list[RaisedEpoch]:
    return drive(access.desk.ledger.epochs(access.run(access.desk.account(account))))


def sound(where: Where, access: Access) -> None:
    access.settle()
    assert {one.status for one in looks(access)} == {"same"}
    report = audited(where, access)
    assert report.ok, [str(finding) for finding in report.findings]


def test_in_strict_nothing_is_booked_that_no_replica_has(both: Pair, books: str) -> None:
    where = Where(both.url, books)
    open_shop(where)
    with where.connect(deadline=0.5) as access, Where(both.old, books).connect(deadline=0.5) as other:
        use(access, "confirmed")
        both.lag()
        with pytest.raises(StoreError, match="none confirmed in time"):
            use(access, "unconfirmed")
        with pytest.raises(StoreError, match="none confirmed in time"):
            other.settle()
        both.fail_over()
        use(access, "another", "unconfirmed")
        sound(where, access)
        assert quarantined(access) == ()
        assert keys(access) == ["confirmed", "another", "unconfirmed"]


def put_back(access: Access) -> None:
    """What an operator does: acme's hot state is rebuilt from the books."""
    account = access.run(access.desk.account("acme"))
    store, ledger = access.desk.store, access.desk.ledger
    drive(rebuild(store, ledger, account, now=access.desk.clock(), reason="failover", actor="ops"))


def settle_all_but(access: Access, count: int) -> None:
    """Books all but the last `count` events of acme, and leaves them in the stream."""
    entries = drive(access.desk.store.entries(access.run(access.desk.account("acme")), 100))
    settled = drive(access.desk.ledger.settle(entries[:-count]))
    drive(access.desk.store.acknowledge(settled.done))


def test_in_fast_what_a_failover_loses_is_noticed_rebuilt_counted_and_billed_once(both: Pair, books: str) -> None:
    where = Where(both.url, books)
    open_shop(where)
    with where.connect(durability="fast") as access:
        use(access, "1", "2")
        both.lag()
        use(access, "3", "4", "5")
        settle_all_but(access, 2)
        both.fail_over()
        use(access, "6")
        use(access, "3", "4")  # their callers ask again, the one of 5 does not
        sound(where, access)
        (raised,) = epochs(access)
        assert raised.reason.endswith("; lost: 0.7 to 8")
        assert raised.ended == 6
        assert keys(access) == ["1", "2", "3", "6", "4"]
        assert quarantined(access) == ()


def cut_log(server: KeyValue, size: int) -> int:
    """The append-only file ends after so many bytes, or is told how long it is."""
    (log,) = (server.data / "appendonlydir").glob("*.incr.aof")
    if size:
        with log.open("r+b") as file:
            file.truncate(size)
    return log.stat().st_size


def test_in_fast_the_tail_that_a_log_lost_is_noticed_rebuilt_counted_and_billed_once(books: str) -> None:
    with servers.valkey(appendfsync="everysec") as server:
        where = Where(server.url, books)
        open_shop(where, durability="fast")
        with where.connect(durability="fast") as access:
            use(access, "1", "2")
            size = cut_log(server, 0)
            use(access, "3", "4")
            settle_all_but(access, 1)
            server.kill()
            cut_log(server, size + 100)
            server.start()
            use(access, "5")
            use(access, "3", "4")
            sound(where, access)
            assert [raised.reason.rpartition("; ")[2] for raised in epochs(access)] == ["lost: 0.7"]
            assert keys(access) == ["1", "2", "3", "5", "4"]
            assert quarantined(access) == ()


def test_what_nobody_saw_lost_is_found_by_reconciliation_and_what_took_its_place_is_shown(
    both: Pair, books: str
) -> None:
    where = Where(both.url, books)
    open_shop(where)
    with where.connect(durability="fast") as access:
        use(access, "1")
        both.lag()
        use(access, "2", "3")
        settle_all_but(access, 1)
        both.fail_over()
    with where.connect(durability="fast") as stranger:
        found = {one.account: one for one in looks(stranger)}[stranger.run(stranger.desk.account("acme"))]
        assert (found.status, found.findings[0].what) == ("differs", "sequence")
        use(stranger, "4")  # it stands in the place of 2, which is booked
        stranger.settle()
        (shown,) = quarantined(stranger)
        assert "the hot state went back in time" in shown.reason
        put_back(stranger)
        use(stranger, "2", "5")
        stranger.settle()
        assert {one.status for one in looks(stranger)} == {"same"}
        assert keys(stranger) == ["1", "2", "5"]
        assert {one.check for one in audited(where, stranger).findings} == {"quarantine"}


def test_what_an_old_master_still_answers_after_its_epoch_ended_reaches_no_balance(both: Pair, books: str) -> None:
    where, beyond = Where(both.url, books), Where(both.old, books)
    open_shop(where)
    with where.connect() as access, beyond.connect(durability="fast") as cut_off:
        use(access, "1")
        use(cut_off, "2")
        both.promote()  # the old one lives on, and an engine beyond the partition still reaches it
        account = access.run(access.desk.account("acme"))
        put_back(access)
        use(access, "3")
        use(cut_off, "4", "5")
        before = {one.account: one for one in drive(access.desk.ledger.places())}[account]
        assert cut_off.settle().quarantined == 2  # by a settler there, too
        assert {one.account: one for one in drive(access.desk.ledger.places())}[account] == before
        access.settle()
        assert keys(access) == ["1", "2", "3"]
        assert {one.status for one in looks(access)} == {"same"}
        shown = quarantined(access)
        assert [one.reason for one in shown] == ["fenced: epoch 0 is older than the account's 1"] * 2
        assert {one.check for one in audited(where, access).findings} == {"quarantine"}


def test_an_open_engine_in_fast_settles_on_a_server_that_syncs_each_second(books: str) -> None:
    with servers.valkey(appendfsync="everysec") as server:
        where = Where(server.url, books)
        open_shop(where, durability="fast")
        with where.connect(durability="fast", settle=True) as access:
            use(access, "1")
            wait_for(lambda: keys(access) == ["1"], "found nothing booked")
