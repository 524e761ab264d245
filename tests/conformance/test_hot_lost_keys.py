"""Putting an account back forgets the keys of events that nobody has, so that who sends one again is decided afresh."""

import pytest

from spillover.model.commit import Committed, Duplicate
from spillover.model.event import StreamEntry
from tests.conformance.conftest import LOCKED
from tests.conformance.support import Hot, Rung, add, grant, kinds, remembered, settled

pytestmark = pytest.mark.parametrize("rung", LOCKED, indirect=True)  # a store that cannot list its keys: see the port
OTHER = StreamEntry(9, 1, 1, "other", b"")


def lose(hot: Hot, rung: Rung, *kept: StreamEntry, table: str = "usage_events") -> None:
    """The stream is gone; the books have just these, and something of another account."""
    rung.book([*kept, OTHER] if table == "usage_events" else [OTHER])
    if table != "usage_events":
        rung.book(kept, table)
    hot.acknowledge(hot.read())


def test_a_key_whose_event_is_lost_is_decided_afresh(hot: Hot, rung: Rung):
    item = grant(add("a", 5), key="lost")
    hot.one(item)
    lose(hot, rung)
    assert isinstance(hot.one(item), Duplicate)
    assert hot.put_back(settled(1, epoch=2))
    for store in (hot, rung.open()):
        assert store.find(1, "lost") is None
    assert rung.open().one(grant(add("a", 5), key="lost", epoch=2)) == Committed(1, {"a": 5})
    assert hot.find(1, "lost") == Duplicate(2, 1, "request of lost", b"event of lost")


@pytest.mark.parametrize("table", ["usage_events", "quarantine"])
def test_a_key_that_the_books_have_stays_known_though_it_is_not_named(hot: Hot, rung: Rung, table: str):
    item = grant(key="old", payload=b"old")
    hot.one(item)
    lose(hot, rung, *hot.read(), table=table)
    assert hot.put_back(settled(1, epoch=2))
    assert hot.commit(item, grant(key="old", epoch=2)) == [Duplicate(1, 1, "request of old", b"old")] * 2


def test_keys_in_the_stream_of_other_accounts_and_of_this_epoch_stay_known(hot: Hot, rung: Rung):
    hot.commit(grant(key="waits"), grant(key="lost"), grant(key="k", account=65))
    waits, lost, other = hot.entries(1)[0], hot.entries(1)[1], hot.entries(65)[0]
    rung.book([OTHER])
    hot.acknowledge([lost, other])
    named = grant(key="named", payload=b"named")
    rung.book([StreamEntry(1, 1, 9, "named", b"named")])
    assert hot.put_back(settled(1, epoch=2, keys=(remembered(named, 1, 9),)))
    assert [hot.find(1, key) is not None for key in ("waits", "lost", "named")] == [True, False, True]
    assert hot.find(65, "k") is not None
    assert hot.entries(1) == [waits]
    assert kinds(hot.commit(grant(key="new", epoch=2))) == "c"
    assert not hot.put_back(settled(1, epoch=2))
    assert kinds(hot.commit(grant(key="new", epoch=2), grant(key="waits", epoch=2))) == "dd"


def test_what_was_lost_before_an_epoch_that_forgot_nothing_is_forgotten_too(hot: Hot, rung: Rung):
    hot.commit(grant(key="first"))
    assert hot.put_back(settled(1, epoch=2))
    assert hot.find(1, "first") is not None
    hot.commit(grant(key="second", epoch=2))
    lose(hot, rung)
    assert not hot.put_back(settled(1, epoch=2))
    assert None not in (hot.find(1, "first"), hot.find(1, "second"))
    assert hot.put_back(settled(1, epoch=5))
    assert [hot.find(1, key) for key in ("first", "second")] == [None, None]
