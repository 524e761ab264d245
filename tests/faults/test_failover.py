"""A hot store that fails over or loses its tail: in strict nothing answered is lost, in fast it is noticed and counted."""

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
from tests.faults.crowd import crowd
from tests.faults.replicated import Pair, pair
from tests.faults.shop import NAMES, Where, audited, booked, looks, open_shop, quarantined

TIMES = [pytest.param(1, id="short"), pytest.param(30, id="long", marks=pytest.mark.soak)]


@pytest.mark.parametrize("times", TIMES)
def test_in_strict_a_failover_under_load_has_lost_nothing_that_was_answered(
    times: int, postgres_server: servers.Databases, tmp_path: Path
) -> None:
    for turn in range(times):
        folder = tmp_path / f"{turn}"
        folder.mkdir()
        with pair() as both:
            where = Where(both.url, postgres_server.new_database())
            open_shop(where)
            with crowd(folder, where) as clients:
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


def test_in_strict_nothing_is_booked_that_no_replica_has(both: Pair, postgres_url: str) -> None:
    where = Where(both.url, postgres_url)
    open_shop(where)
    with where.connect(deadline=0.5) as access, Where(both.old, postgres_url).connect(deadline=0.5) as other:
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


@pytest.mark.parametrize("mode", ["fast"])
def test_in_fast_an_engine_that_saw_what_is_lost_has_it_rebuilt_and_counted_and_bills_nothing_twice(
    mode: str, both: Pair, postgres_url: str
) -> None:
    where = Where(both.url, postgres_url)
    open_shop(where)
    with where.connect(durability=mode) as access:
        use(access, "1", "2")
        both.lag()
        use(access, "3", "4")  # 3 is booked before the failover, 4 is lost
        other = Where(both.old, postgres_url)
        with other.connect(durability=mode) as settler:
            settle_only(settler, 1)
        use(access, "5")
        both.fail_over()
        use(access, "6")
        use(access, "3", "4")  # their callers ask again
        sound(where, access)
        (raised,) = epochs(access)
        assert "lost" in raised.reason or "went back" in raised.reason
        found = keys(access)
        assert sorted(found) == ["1", "2", "3", "4", "6"]
        assert quarantined(access) == ()


def settle_only(access: Access, count: int) -> None:
    """Books all but the last `count` events of acme, and leaves the stream as it is."""
    account = access.run(access.desk.account("acme"))
    entries = drive(access.desk.store.entries(account, 100))
    drive(access.desk.ledger.settle(entries[:-count]))
