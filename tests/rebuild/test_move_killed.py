"""A move that has Valkey at an end, killed at any message or call: the same call again ends it, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import pytest

from spillover.audit import audit
from spillover.bootstrap.addresses import address_of
from spillover.engine.drive import drive
from spillover.move import move
from spillover.move.tables import KEYS
from tests.crash.dying import NEVER, Steps, run_to_death
from tests.rebuild.support import engine, looked, ports, shop
from tests.rebuild.test_move_servers import COMPARED, rows
from tests.servers import Databases, KeyValue, empty
from tests.support import clock

WAYS = ("postgres to valkey", "valkey to postgres", "valkey to valkey")
SAMPLE, SOAK = 3, 60
"""Deaths of each way."""


class Ends(NamedTuple):
    """Two fresh databases, the source with one account that has everything."""

    source: str
    target: str

    @property
    def books(self) -> tuple[str, str]:
        return address_of(self.source).books, address_of(self.target).books


def filled(url: str) -> None:
    with shop(url, ("acme",)):
        pass


class Pair:
    """Makes ends of one way."""

    def __init__(self, way: str, server: Databases, hot: tuple[KeyValue, KeyValue]) -> None:
        self._way, self._server, self._hot = way, server, hot

    def fresh(self) -> Ends:
        for one in self._hot:
            empty(one.url)
        kinds = self._way.split(" to ")
        copied = self._server.new_database(filled if kinds[0] == "postgres" else None)
        books = copied, self._server.new_database()
        urls = [
            f"{hot.url}?ledger={url}" if kind == "valkey" else url
            for kind, hot, url in zip(kinds, self._hot, books, strict=True)
        ]
        if kinds[0] == "valkey":
            filled(urls[0])
        return Ends(*urls)

    def drop(self, ends: Ends) -> None:
        for url in ends.books:
            self._server.drop_database(url)


@pytest.fixture(params=WAYS)
def pair(
    request: pytest.FixtureRequest, postgres_server: Databases, valkey_server: KeyValue, redis_server: KeyValue
) -> Iterator[Pair]:
    yield Pair(request.param, postgres_server, (valkey_server, redis_server))
    for one in (valkey_server, redis_server):
        empty(one.url)


def die(ends: Ends, at: int) -> tuple[bool, int]:
    def work(steps: Steps) -> None:
        steps.armed = True
        move(*ends, clock=clock())
        steps.armed = False

    return run_to_death(work, at)


def check(ends: Ends) -> str:
    """Both books are the same, in form and in content, and the target serves; the digest."""
    source, target = ends.books
    for table in COMPARED:
        assert rows(target, table) == rows(source, table), table
    with engine(ends.target) as access:
        assert {hold.key for hold in access.holds.list("acme")} == {"kept", "fresh"}
        access.settle(tend=False)
        assert looked(access, "acme").status == "same"
        assert drive(ports(access)[1].quarantined()) == ()
        assert drive(ports(access)[0].shut_accounts(1)) == []
    report = audit(target)
    assert report.findings == ()
    return report.digest


def every_death(pair: Pair, steps: Iterator[int]) -> int:
    digests, deaths = set(), 0
    for at in steps:
        ends = pair.fresh()
        died, _ = die(ends, at)
        deaths += died
        report = move(*ends, clock=clock())
        assert {one.table for one in report.tables} >= set(KEYS)
        assert report.lost == ()
        digests.add(check(ends))
        pair.drop(ends)
    assert len(digests) == 1  # the same books, whenever it died
    return deaths


def sampled(pair: Pair, size: int) -> None:
    ends = pair.fresh()
    died, steps = die(ends, NEVER)
    assert not died
    pair.drop(ends)
    last = [steps - 1, steps // 2]  # of the last steps every one is a promise: the accounts are opened there
    pick = Random(f"{size} {steps}")
    assert every_death(pair, iter([*last, *pick.sample(range(steps), size - len(last))])) == size


def test_at_a_few_steps(pair: Pair) -> None:
    sampled(pair, SAMPLE)


@pytest.mark.soak
def test_at_many_steps(pair: Pair) -> None:
    sampled(pair, SOAK)
