"""The stream: what was granted, once, each account's in sequence, until it is acknowledged."""

import pytest

from spillover.model.errors import StoreUnavailable
from spillover.model.event import StreamEntry
from tests.conformance.support import Hot, Rung, add, by_account, denial, grant, kinds, push


def test_an_entry_carries_its_identity_and_the_payload_as_given(hot: Hot, rung: Rung):
    payload = bytes(range(256)) * 16
    hot.one(grant(account=-5, epoch=7, key="é", payload=payload))
    assert hot.read() == rung.open().read() == [StreamEntry(-5, 7, 1, "é", payload)]


def test_sequences_have_no_gap_whatever_stands_between_the_grants(hot: Hot, rung: Rung):
    known = grant()
    batch = [push(1), known, denial(version=1), grant(version=1), known, grant(add("a", 1, low=1), version=1), grant()]
    batch += [grant(version=1), grant(account=2), grant(version=1), grant(account=2)]
    other = rung.open()
    outcomes = hot.commit(*batch) + other.commit(grant(version=1), grant(account=2)) + hot.commit(grant(version=1))
    assert kinds(outcomes) == "cxccxxxccccccc"
    places = [(e.account, e.sequence) for e in hot.read()]
    assert [n for account, n in places if account == 1] == [1, 2, 3, 4, 5, 6]
    assert [n for account, n in places if account == 2] == [1, 2, 3]
    assert hot.load(1).sequence == other.load(1).sequence == 6


def test_entries_come_oldest_first_and_at_most_as_many_as_asked_for(hot: Hot):
    hot.commit(*(grant(account=1 + 64 * (n % 3), key=f"{n}") for n in range(10)))  # one shard, in every store
    keys = [entry.key for entry in hot.read()]
    assert keys == [f"{n}" for n in range(10)]
    assert [[e.key for e in hot.read(limit)] for limit in (0, 1, 4, 10, 11)] == [keys[:n] for n in (0, 1, 4, 10, 11)]


def test_reading_takes_nothing_away(hot: Hot, rung: Rung):
    hot.commit(grant(), grant())
    assert hot.read() == hot.read() == rung.open().read()


def test_what_is_acknowledged_is_forgotten_and_nothing_else(hot: Hot, rung: Rung):
    hot.commit(*(grant(account=n % 2) for n in range(6)))
    entries = by_account(hot.read())
    hot.acknowledge([entries[0], entries[3], entries[4]])
    assert by_account(hot.read()) == by_account(rung.open().read()) == [entries[1], entries[2], entries[5]]


def test_acknowledging_is_safe_to_repeat(hot: Hot, rung: Rung):
    hot.commit(grant(), grant(), grant())
    entries = hot.read()
    for store in (hot, rung.open(), hot):
        store.acknowledge(entries[:2])
        store.acknowledge([])
        assert store.read() == entries[2:]
    hot.acknowledge([StreamEntry(1, 1, 99, "unknown", b""), StreamEntry(9, 1, 1, "unknown", b"")])
    assert hot.read() == entries[2:]


def test_a_late_acknowledgement_never_takes_a_newer_entry(hot: Hot):
    hot.commit(grant(key="old"))
    old = hot.read()
    hot.acknowledge(old)
    hot.commit(grant(key="new"))
    hot.acknowledge(old)
    assert [(e.key, e.sequence) for e in hot.read()] == [("new", 2)]


def test_an_acknowledged_stream_leaves_the_state_as_it_was(hot: Hot, rung: Rung):
    hot.commit(push(1, add("a", 1)), grant(add("a", 2), version=1))
    before = hot.load(1, "a")
    hot.acknowledge(hot.read())
    assert hot.load(1, "a") == rung.open().load(1, "a") == before
    hot.one(grant(version=1))
    assert [entry.sequence for entry in hot.read()] == [3]


def test_a_long_stream_is_acknowledged_whole(hot: Hot):
    hot.commit(*(grant(account=n % 5) for n in range(2_500)))
    entries = hot.read()
    assert len(entries) == 2_500
    hot.acknowledge(entries)
    assert hot.read() == []


def test_a_closed_store_says_so(hot: Hot):
    hot.one(grant())
    entries = hot.read()
    hot.close()
    for use in (lambda: hot.load(1), lambda: hot.commit(grant()), hot.read, lambda: hot.acknowledge(entries)):
        with pytest.raises(StoreUnavailable, match="closed"):
            use()
