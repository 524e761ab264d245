"""Claims: shards are shared out evenly among settlers alive, given back, and taken over from the dead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from spillover.engine.drive import drive
from spillover.ledgers.postgres import PostgresClaims
from tests.postgres.books import upgraded
from tests.postgres.support import as_admin
from tests.servers import Databases
from tests.servers.process import wait_for

Opener = Callable[..., PostgresClaims]


@pytest.fixture
def settler(server: Databases) -> Iterator[Opener]:
    """Opens settlers' claims on one database."""
    url = server.new_database(upgraded)
    claims: list[PostgresClaims] = []

    def opens(owner: str, **options: int) -> PostgresClaims:
        claims.append(PostgresClaims(url, owner, **options))
        return claims[-1]

    opens.url = url  # type: ignore[attr-defined]
    yield opens
    for one in claims:
        drive(one.close())
    server.drop_database(url)


def take(*claims: PostgresClaims) -> list[int]:
    """How many each has after every one has taken, and taken again, as a settler does as long as it lives."""
    for one in claims * 2:
        drive(one.take())
    found = [drive(one.take()) for one in claims]
    everything = [shard for shards in found for shard in shards]
    assert len(everything) == len(set(everything)), "a shard is one settler's at a time"
    return [len(shards) for shards in found]


def test_one_alone_has_all_and_keeps_them(settler: Opener) -> None:
    one = settler("one")
    assert drive(one.take()) == drive(one.take()) == list(range(64))


@pytest.mark.parametrize(("count", "shards", "most"), [(2, 64, 32), (3, 64, 22), (5, 8, 2), (3, 1, 1)])
def test_shards_are_shared_out_evenly(settler: Opener, count: int, shards: int, most: int) -> None:
    claims = [settler(f"settler {number}", shards=shards) for number in range(count)]
    counts = take(*claims)
    assert sum(counts) == shards
    assert max(counts) == most


def test_who_joins_gets_a_share_as_others_give_back(settler: Opener) -> None:
    first, second = settler("first"), settler("second")
    assert len(drive(first.take())) == 64
    assert drive(second.take()) == [], "nobody has given back yet"
    assert len(drive(first.take())) == 32
    assert len(drive(second.take())) == 32


def test_who_keeps_working_keeps_the_shards_that_it_has(settler: Opener) -> None:
    first, second = settler("first"), settler("second")
    take(first, second)
    mine = drive(first.take())
    third = settler("third")
    take(first, second, third)
    assert set(drive(first.take())) <= set(mine)


def test_what_is_released_is_free_at_once(settler: Opener) -> None:
    first, second = settler("first"), settler("second")
    assert take(first, second) == [32, 32]
    drive(first.release())
    drive(first.release())
    assert len(drive(second.take())) == 64


def test_the_shards_of_one_that_died_are_taken_over_when_its_time_is_over(settler: Opener) -> None:
    dead, heir = settler("dead", lasts=300), settler("heir", lasts=60_000)
    assert take(dead, heir) == [32, 32]
    assert len(wait_for(lambda: len(found := drive(heir.take())) == 64 and found, "all shards were taken over")) == 64


def test_one_that_was_thought_dead_gets_its_share_again(settler: Opener) -> None:
    slow, other = settler("slow", lasts=200), settler("other", lasts=60_000)
    take(slow, other)
    wait_for(lambda: len(drive(other.take())) == 64, "all shards were taken over")
    assert drive(slow.take()) == []
    assert len(drive(other.take())) == 32
    assert len(drive(slow.take())) == 32


def test_time_is_the_databases(settler: Opener) -> None:
    one = settler("one", lasts=60_000)
    drive(one.take())
    rows = as_admin(
        settler.url,  # type: ignore[attr-defined]
        "SELECT min(until) - (extract(epoch FROM now()) * 1000)::bigint FROM spillover_ledger.claims",
    )
    assert 0 < rows[0][0] <= 60_000


def test_with_fewer_shards_than_before_the_rest_is_nobodys(settler: Opener) -> None:
    drive(settler("one").take())
    assert drive(settler("one", shards=8).take()) == list(range(8))
    assert as_admin(settler.url, "SELECT count(*) FROM spillover_ledger.claims") == [(8,)]  # type: ignore[attr-defined]


def test_settlers_that_take_at_once_never_share_a_shard(settler: Opener) -> None:
    claims = [settler(f"settler {number}") for number in range(4)]
    broken = list[BaseException]()

    def work(own: PostgresClaims) -> None:
        try:
            for _ in range(20):
                drive(own.take())
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=work, args=(own,)) for own in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    assert take(*claims) == [16, 16, 16, 16]
