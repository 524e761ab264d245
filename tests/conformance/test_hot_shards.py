"""A store's streams: each account has its shard, and what is asked of shards is exactly what lies in them."""

import pytest

from spillover.core.shards import shard_of
from spillover.model.commit import Backlog
from tests.conformance.support import MOST, Hot, Rung, by_account, grant

ACCOUNTS = (1, 65, 2, -5, 59, 2**62, 63)


@pytest.fixture
def filled(hot: Hot) -> Hot:
    for number in range(21):
        account = ACCOUNTS[number % 7]
        hot.one(grant(account=account, key=f"{number}", hold=(f"h{number}", 100 - number, b"")))
    return hot


def test_each_shard_has_the_entries_of_its_accounts_and_no_other(filled: Hot, rung: Rung):
    shards = filled.store.shards
    for store in (filled, rung.open()):
        assert store.store.shards == shards >= 1
        everything = []
        for shard in range(shards):
            found = store.read(shards=[shard])
            assert all(shard_of(entry.account, shards) == shard for entry in found)
            everything += found
        assert by_account(everything) == by_account(store.read()) == by_account(store.read(shards=range(shards)))
        assert len(everything) == 21
        assert store.read(shards=[]) == []


def test_each_shard_has_the_due_holds_of_its_accounts_earliest_first(filled: Hot, rung: Rung):
    shards = filled.store.shards
    for store in (filled, rung.open()):
        everything = store.due()
        assert [hold.due for hold in everything] == list(range(80, 101))
        for shard in range(shards):
            own = [hold for hold in everything if shard_of(hold.account, shards) == shard]
            assert store.due(shards=[shard]) == own
            assert store.due(90, shards=[shard]) == [hold for hold in own if hold.due <= 90]
            assert store.due(MOST, 2, shards=[shard]) == own[:2]
        assert store.due(shards=[]) == []
        assert store.due(shards=range(shards)) == everything
        assert store.due(MOST, 5, shards=range(shards)) == everything[:5]


def test_entries_of_a_shard_come_oldest_first_and_at_most_as_many_as_asked_for(filled: Hot):
    shard = shard_of(1, filled.store.shards)
    keys = [f"{n}" for n in range(21) if shard_of(ACCOUNTS[n % 7], filled.store.shards) == shard]
    assert len(keys) >= 6
    for limit in (0, 1, 4, 6, 100):
        assert [entry.key for entry in filled.read(limit, [shard])] == keys[:limit]


def test_entries_of_several_shards_are_at_most_as_many_as_asked_for_and_each_accounts_oldest(filled: Hot):
    for limit in (0, 1, 4, 20, 21, 22):
        found = filled.read(limit)
        assert len(found) == min(limit, 21)
        for account in ACCOUNTS:
            own = [entry for entry in found if entry.account == account]
            assert own == filled.entries(account)[: len(own)]


def test_the_backlog_of_shards_is_the_sum_of_each(filled: Hot, rung: Rung):
    shards = filled.store.shards
    oldest = filled.entries(1)[0]
    each = [rung.open().backlog([shard]) for shard in (range(shards) if shards == 1 else (1, 2, 59, 0, 63))]
    assert sum(one.entries for one in each) == filled.backlog().entries == 21
    assert each[0].oldest == filled.backlog(range(shards)).oldest == oldest
    assert filled.backlog([]) == Backlog(0, None)
    assert filled.backlog([shard_of(1, shards)]).entries == len(filled.read(shards=[shard_of(1, shards)]))
