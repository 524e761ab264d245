"""The streams of many shards, and what is forgotten when."""

from __future__ import annotations

import pytest

from spillover.model.commit import Duplicate
from spillover.model.event import StreamEntry
from spillover.stores.valkey import stream
from tests.conformance.support import add, denial, grant, kinds, remembered, settled
from tests.servers.process import wait_for
from tests.valkey.support import store


@pytest.fixture(params=["valkey_url", "redis_url", "cluster_url"])
def url(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def hot(url):
    with store(url) as hot:
        yield hot


def test_entries_that_wait_in_one_shard_keep_no_other_from_being_read(hot):
    hot.commit(*(grant(account=1) for _ in range(100)))
    hot.commit(*(grant(account=n) for n in range(2, 12) for _ in range(3)))
    found = [entry.account for entry in hot.read(44)]
    assert len(found) == 44
    assert [found.count(n) for n in range(2, 12)] == [3] * 10
    assert [entry.sequence for entry in hot.read(44) if entry.account == 1] == list(range(1, 15))


@pytest.mark.parametrize(("limit", "parts"), [(0, {}), (1, {2: 1}), (4, {0: 1, 1: 1, 2: 2}), (99, {0: 1, 1: 5, 2: 9})])
def test_a_limit_is_shared_out_whole_and_nobody_gets_more_than_it_has(limit, parts):
    assert stream._parts(limit, {0: 1, 1: 5, 2: 9}) == parts


def test_only_the_shards_asked_for_are_read(hot):
    hot.commit(*(grant(account=n) for n in range(64)))
    assert sorted(entry.account for entry in hot.read(99, [3, 5, 3])) == [3, 5]
    assert hot.backlog([3, 5]).entries == 2
    assert hot.read(99, []) == []


@pytest.mark.parametrize("key_is_known", [True, False])
def test_what_another_object_read_is_acknowledged_by_its_identity(url, key_is_known):
    with store(url, retention_ms=86_400_000 if key_is_known else 1) as hot, store(url) as other:
        hot.commit(*(grant(account=n % 2, key=f"{n}") for n in range(2_500)))
        entries = hot.read(10_000)
        wait_for(lambda: (other.find(0, "0") is not None) == key_is_known, "found the key as before")
        chosen = [entry for entry in entries if int(entry.key) % 5 == 0]
        other.acknowledge([*chosen, StreamEntry(1, 1, 99_999, "unknown", b"")])
        assert {int(entry.key) % 5 for entry in hot.read(10_000)} == {1, 2, 3, 4}
        other.acknowledge(chosen)
        assert hot.backlog().entries == 2_000


def test_one_account_s_entries_are_found_once_each_however_long_the_stream(hot, monkeypatch):
    monkeypatch.setattr(stream, "PAGE", 10)
    hot.commit(*(grant(account=1 + 64 * (n % 3), key=f"{n}") for n in range(95)))
    for account in (1, 65, 129):
        assert [entry.sequence for entry in hot.entries(account)] == list(range(1, len(hot.entries(account)) + 1))
    assert [entry.key for entry in hot.entries(65, 12)] == [f"{n}" for n in range(1, 36, 3)]


def test_ids_in_memory_are_bounded(hot, monkeypatch):
    monkeypatch.setattr(stream, "READ_MAX", 10)
    hot.commit(*(grant(account=n) for n in range(64)))
    entries = hot.read(99)
    assert len(hot.store._streams._ids) == 10
    hot.acknowledge(entries)
    assert hot.read(99) == []


def test_a_key_is_known_for_its_retention_and_then_forgotten(url):
    with store(url, retention_ms=50) as hot:
        item = grant(add("a", 1), key="k")
        hot.one(item)
        wait_for(lambda: hot.find(1, "k") is None, "found the key known")
        assert kinds([hot.one(item)]) == "c"
        assert hot.values(1, "a") == (2,)


def test_keys_that_are_put_back_last_what_is_left_of_their_retention(url):
    with store(url, retention_ms=3_600_000) as hot:
        seconds, _ = hot.store._shards.one(1, "TIME")
        now = int(seconds) * 1000
        items = {age: grant(key=f"{age}") for age in (0, 1_800_000, 3_599_999, 9_000_000)}
        keys = tuple(remembered(item, 1, n, at=now - age) for n, (age, item) in enumerate(items.items(), 1))
        assert hot.put_back(settled(1, keys=keys))
        left = [hot.store._shards.one(1, "PTTL", hot.store._layout.key(1, f"{age}")) for age in items]
        assert all(abs(a - b) < 20_000 for a, b in zip(left, (3_600_000, 1_800_000, 60_000, 60_000), strict=True))


def test_the_books_are_asked_for_what_was_acknowledged(url):
    asked = []

    def booked(*event):
        asked.append(event)
        return b"from the books"

    with store(url, booked=booked) as hot:
        item = grant(key="k", payload=b"own")
        hot.one(item)
        assert hot.one(item) == hot.find(1, "k") == Duplicate(1, 1, item.fingerprint, b"own")
        assert asked == []
        hot.acknowledge(hot.read())
        assert hot.one(item) == hot.find(1, "k") == Duplicate(1, 1, item.fingerprint, b"from the books")
        assert asked == [(1, "k", 1, 1)] * 2


def test_a_key_that_names_another_s_entry_does_not_answer_its_payload(url):
    # As after a stream was lost with its server, and ids were given again.
    with store(url, booked=lambda *_: b"from the books") as hot:
        hot.commit(grant(key="mine", payload=b"mine"), grant(key="other", payload=b"other"))
        ids = [row[0] for row in hot.store._shards.one(1, "XRANGE", hot.store._layout.streams[1], "-", "+")]
        forged = f"1 1 {ids[1].decode()} request of mine"
        hot.store._shards.write(1, ("SET", hot.store._layout.key(1, "mine"), forged))
        expected = Duplicate(1, 1, "request of mine", b"from the books")
        assert hot.find(1, "mine") == hot.one(grant(key="mine")) == expected


def test_denials_of_an_account_are_bounded_and_the_oldest_minutes_go_first(hot):
    for first in range(0, 10_200, 100):
        hot.commit(*(denial(denied=("f", "window", minute)) for minute in range(first, first + 100)))
    found = hot.denials(1)
    assert len(found) == 10_000
    assert (found[0].minute // 60_000, found[-1].minute // 60_000) == (200, 10_199)


def test_nothing_that_was_denied_stays_for_ever(hot):
    hot.one(denial(denied=("f", "window", 1)))
    assert 0 < hot.store._shards.one(1, "PTTL", hot.store._layout.of("n", 1)) <= 31 * 86_400_000
