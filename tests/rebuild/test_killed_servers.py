"""On servers: a rebuild that dies between any two calls is ended by a worker, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from spillover.audit import audit
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_rung
from spillover.engine.drive import drive
from spillover.engine.rebuilding import Recovery, rebuild
from tests.rebuild.support import Mortal, account_of, dies_in, engine, looked, ports, shop
from tests.servers import Databases, KeyValue, empty
from tests.support import clock

TIMEOUT_MS = 20_000


def filled(url: str) -> None:
    with shop(url, ("acme",)):
        pass


def rebuild_there(url: str, account: int, left: list[int]) -> None:
    rung = open_rung(address_of(url), "strict", TIMEOUT_MS)
    mortal = Mortal(rung.store, left), Mortal(rung.ledger, left)
    drive(rebuild(*mortal, account, now=clock()(), reason="killed", actor="ops"))
    rung.close()


def recover_there(url: str) -> int:
    """What a worker does that sees it shut for long enough."""
    seconds = iter((0.0, 11.0))
    rung = open_rung(address_of(url), "strict", TIMEOUT_MS)
    recovery = Recovery(rung.store, rung.ledger, lambda: next(seconds))
    done = sum(drive(recovery.step(clock()())) for _ in range(2))
    rung.close()
    return done


def every_death(fresh: Callable[[], str], drop: Callable[[str], None], stride: int) -> int:
    counts = set()
    recovered = 0
    for step in range(0, 1_000, stride):
        url = fresh()
        with engine(url) as access:
            account = account_of(access, "acme")
        died = dies_in(partial(rebuild_there, url, account, [step]))
        recovered += recover_there(url)
        with engine(url) as access:
            access.settle(tend=False)
            assert looked(access, "acme").status == "same"
            assert drive(ports(access)[1].quarantined()) == ()
            assert len(drive(ports(access)[1].epochs(account))) <= 2
            granted = sum(lot.granted for lot in access.lots.list("acme") if lot.lot.measure == "credits")
            assert granted == 1_005_000_000
            access.consume("acme", "video.seconds", 1, key="it serves")
            access.settle(tend=False)
        report = audit(address_of(url).books)
        assert report.findings == ()
        counts.add(report.events)
        drop(url)
        if not died:
            break
    assert recovered > 2
    return len(counts)


STRIDES = [3, pytest.param(1, marks=pytest.mark.soak)]


@pytest.mark.parametrize("stride", STRIDES)
def test_on_postgresql(postgres_server: Databases, stride: int) -> None:
    fresh = partial(postgres_server.new_database, filled)
    assert every_death(fresh, postgres_server.drop_database, stride) == 1  # the same events, whenever it died


@pytest.mark.parametrize("stride", STRIDES)
def test_on_valkey(postgres_server: Databases, valkey_server: KeyValue, stride: int) -> None:
    def fresh() -> str:
        empty(valkey_server.url)
        url = f"{valkey_server.url}?ledger={postgres_server.new_database()}"
        filled(url)
        return url

    def drop(url: str) -> None:
        postgres_server.drop_database(address_of(url).books)

    assert every_death(fresh, drop, stride) == 1


@pytest.fixture(autouse=True)
def _left_empty(valkey_server: KeyValue) -> None:
    empty(valkey_server.url)
