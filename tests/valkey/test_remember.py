"""For how long a server's hot state knows a key: as the engine or the address says; the books know it after that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import pytest
import redis

import spillover
from spillover.access.plain import Access
from spillover.bootstrap import addresses, connect
from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput
from tests.rebuild.support import account_of
from tests.servers import Databases
from tests.support import clock, policy

PATIENCE_S = 20


def until(what: Callable[[], bool]) -> None:
    end = monotonic() + PATIENCE_S
    while not what():
        assert monotonic() < end, "in vain"
        sleep(0.02)


@contextmanager
def opened(url: str, **options: float) -> Iterator[Access]:
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False, **options) as access:  # type: ignore[arg-type]
        yield access


@pytest.fixture
def shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a minute here."""
    monkeypatch.setattr(connect, "REMEMBER_LEAST", 1)


def known_for(valkey_url: str, key: str) -> int:
    """For how many ms the server still knows the key."""
    with redis.Redis.from_url(valkey_url) as client:
        (name,) = client.scan_iter(f"spillover:*:k:*:{key}")
        return int(client.pttl(name))


@pytest.mark.parametrize(
    ("query", "options", "ms"),
    [
        ("", {}, 86_400_000), ("?remember=6h", {}, 21_600_000), ("?remember=1m", {}, 60_000),
        ("?remember=31d", {}, 31 * 86_400_000), ("", {"remember": 90.5}, 90_500),
    ],
)  # fmt: skip
def test_a_key_is_known_for_as_long_as_is_said(valkey_url, postgres_url, query, options, ms) -> None:
    url = f"{valkey_url}/0{query}{'&' if query else '?'}ledger={postgres_url}"
    with opened(url, **options) as access:
        access.accounts.put("acme", "plus")
        access.consume("acme", "chat.messages", key="k")
        assert ms - 60_000 < known_for(valkey_url, "k") <= ms


@pytest.mark.usefixtures("shortest")
def test_a_key_is_forgotten_after_that_and_what_comes_again_is_a_visible_pair(valkey_url, postgres_url) -> None:
    with opened(f"{valkey_url}?ledger={postgres_url}", remember=0.3) as access:
        access.accounts.put("acme", "plus")
        access.credits.add("acme", 1000, key="paid")
        account = account_of(access, "acme")
        access.consume("acme", "video.seconds", 8, key="k")
        access.settle()
        before = access.balance("acme").credits
        until(lambda: drive(access.desk.store.find(account, "k")) is None)
        assert access.consume("acme", "video.seconds", 8, key="k")
        assert access.balance("acme").credits < before
        access.settle()
        access.settle()
        assert access.balance("acme").credits == before
        rows = [(row.kind, row.delta) for row in drive(access.desk.ledger.statement(account)).rows]
        (*_, back) = rows
        assert back[1] > 0
        assert sum(delta for kind, delta in rows if kind != "grant") == before - 1_000_000_000


@pytest.mark.usefixtures("shortest")
def test_in_postgres_a_key_is_forgotten_with_what_is_settled_after_that(postgres_url) -> None:
    with opened(postgres_url, remember=0.3) as access:
        access.accounts.put("acme", "plus")
        access.credits.add("acme", 1_000_000, key="paid")
        account = account_of(access, "acme")
        access.consume("acme", "chat.messages", key="k")

        def gone() -> bool:
            assert access.consume("acme", "video.seconds", 1)  # something to settle
            access.settle()
            return drive(access.desk.store.find(account, "k")) is None

        until(gone)


@pytest.mark.usefixtures("shortest")
def test_an_embedded_file_knows_keys_for_good_whatever_is_said(tmp_path) -> None:
    with opened(f"sqlite:///{tmp_path}/shop.db", remember=0.001) as access:
        access.accounts.put("acme", "plus")
        access.consume("acme", "video.seconds", 2, key="k")
        access.settle()
        assert access.consume("acme", "video.seconds", 2, key="k")
        assert access.settle().done == 0


@pytest.mark.parametrize("seconds", [0, 59.9, 2_678_400.1, -1, math.nan, math.inf, True, "6h", [60]])
def test_other_times_than_a_minute_to_31_days_are_refused(seconds, tmp_path) -> None:
    with pytest.raises(InvalidInput, match=r"remember: found .* expected seconds, from 60 to 2678400"):
        spillover.connect(f"sqlite:///{tmp_path}/shop.db", policy=policy(), remember=seconds)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("said", ["", "6", "59s", "32d", "0h", "6H", "1w", "-1h", "1.5h", "999999999999999h"])
def test_other_times_in_an_address_are_refused(said) -> None:
    for url in (f"valkey://h/0?remember={said}&ledger=postgresql://h/b", f"postgresql://h/b?remember={said}"):
        with pytest.raises(InvalidInput, match=r"remember: found .*expected a time such as 90m, 6h or 7d"):
            addresses.address_of(url)


def test_an_address_says_it_among_other_options_and_loses_none() -> None:
    found = addresses.address_of("postgresql://h/b?sslmode=require&remember=2h&application_name=x")
    assert (found.hot, found.remember) == ("postgresql://h/b?sslmode=require&application_name=x", 7_200_000)
    found = addresses.address_of("postgresql://h/b?remember=90s")
    assert (found.hot, found.books, found.remember) == ("postgresql://h/b", "postgresql://h/b", 90_000)
    found = addresses.address_of("valkey://h:1/2?remember=1d&ledger=postgresql://h/b?sslmode=require")
    assert (found.hot, found.books) == ("valkey://h:1/2", "postgresql://h/b?sslmode=require")
    assert found.remember == 86_400_000


def test_it_is_said_once_and_before_the_ledger(postgres_server: Databases) -> None:
    with pytest.raises(InvalidInput, match="it before ledger=, which comes last"):
        addresses.address_of("valkey://h/0?ledger=postgresql://h/b&remember=6h")
    with pytest.raises(InvalidInput, match="one time, in the address or beside it"):
        spillover.connect(f"{postgres_server.url}?remember=6h", policy=policy(), remember=60)
