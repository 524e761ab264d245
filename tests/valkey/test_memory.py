"""What the server needs of memory, loosely: an account of an ordinary plan is small."""

from __future__ import annotations

import msgspec
import pytest

from spillover.model.account import Lot, Profile
from tests.conformance.support import add, grant
from tests.servers.process import wait_for
from tests.valkey.support import store

ACCOUNTS = 1_000
CELLS = (
    "t", "lot:4711", "lot:4712", "codex.messages/burst/refill-1m:max", "codex.messages/burst/refill-1m",
    "codex.messages/five_hour/session-5h:start", "codex.messages/five_hour/session-5h:used",
    "codex.messages/weekly/fixed-7d:start", "codex.messages/weekly/fixed-7d:used",
)  # fmt: skip


def used(hot) -> int:
    (facts,) = hot.store.facts()
    return facts.memory


def terms(account: int, version: int = 1) -> Profile:
    lots = tuple(Lot(id_, "credits", expires=1_900_000_000_000) for id_ in (4711, 4712))
    return Profile(account, version, "plus", anchor=1_700_000_000_000, zone="Europe/Paris", lots=lots)


def grants(accounts: int, each: int, **more):
    for account in range(10**15, 10**15 + accounts):
        for n in range(each):
            yield grant(
                *(add(name, 1_795_317_691) for name in CELLS), account=account, key=f"{account}/{n}:{'r' * 10}",
                fingerprint="f" * 32, **more,
            )  # fmt: skip


@pytest.fixture(params=["valkey_url", "redis_url"])
def url(request):
    return request.getfixturevalue(request.param)


def test_an_active_account_takes_less_than_a_kilobyte_without_its_keys(url):
    with store(url, "fast", retention_ms=1) as hot:
        hot.one(grant(account=5))
        before = used(hot)
        batch = [msgspec.structs.replace(item, profile=terms(item.account)) for item in grants(ACCOUNTS, 1)]
        for first in range(0, ACCOUNTS, 100):
            hot.commit(*batch[first : first + 100])
        hot.acknowledge(hot.read(10 * ACCOUNTS))
        wait_for(lambda: expired(hot, batch), "found keys that are over")
        each = (used(hot) - before) / ACCOUNTS
        assert 300 < each < 1_024


def expired(hot, items) -> bool:
    shards, key = hot.store._shards, hot.store._layout.key
    return not any(shards.run([shards.call(item.account, "EXISTS", key(item.account, item.key)) for item in items]))


def test_a_remembered_key_and_an_entry_of_the_stream_take_little_more_than_their_texts(url):
    with store(url, "fast") as hot:
        hot.one(grant(account=5))
        before = used(hot)
        batch = list(grants(20, 100, payload=b"p" * 550))
        for first in range(0, len(batch), 100):
            hot.commit(*batch[first : first + 100])
        both = (used(hot) - before) / len(batch)
        hot.acknowledge(hot.read(10 * len(batch)))
        key = (used(hot) - before) / len(batch)
        assert 100 < key < 400
        assert 550 < both - key < 800
