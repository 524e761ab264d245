"""What stands under a key: the event that it made, from the stream or from the books, for every kind of event."""

import pytest

from spillover.model.commit import Commit, Duplicate
from spillover.model.event import EventKind, encode_event
from spillover.model.hold import Hold
from tests.conformance.conftest import LOCKED
from tests.conformance.support import Hot, Rung, add, denial, event, grant, profile, push

HOLD = Hold("h", "k", 1, "f", 5, 10, "p", "plus", 2, {"units": 3}, 3)
EVENTS = {
    "usage": event("usage"),
    "hold": event("hold", hold=HOLD),
    "extend": event("extend", hold=HOLD),
    "commit": event("commit", ends="h"),
    "terms": event("terms", terms=profile(1)),
}


def item(kind: EventKind) -> Commit:
    payload = encode_event(EVENTS[kind])
    match kind:
        case "terms":
            return push(1, key="k", fingerprint="f", payload=payload)
        case "hold" | "extend":
            return grant(key="k", fingerprint="f", payload=payload, hold=("h", 10, b"record"))
        case "commit":
            return grant(key="k", fingerprint="f", payload=payload, ended="h")
        case _:
            return grant(key="k", fingerprint="f", payload=payload)


@pytest.mark.parametrize("table", ["usage_events", "quarantine"])
@pytest.mark.parametrize("kind", EVENTS)
def test_a_key_finds_its_event_before_and_after_it_is_booked_and_acknowledged(hot: Hot, rung: Rung, kind, table):
    other = rung.open()
    hot.commit(grant(account=2), item(kind))
    expected = Duplicate(1, 1, "f", encode_event(EVENTS[kind]))
    assert hot.find(1, "k") == other.find(1, "k") == expected
    rung.book(hot.read(), table)
    assert hot.find(1, "k") == other.find(1, "k") == expected
    hot.acknowledge(hot.read())
    for store in (hot, other, rung.open()):
        assert store.find(1, "k") == expected
    assert hot.commit(item(kind)) == [expected]


def test_after_others_took_its_place_in_the_stream_a_key_still_finds_its_own_event(hot: Hot, rung: Rung):
    hot.one(grant(key="old", payload=b"old"))
    rung.book(hot.read())
    hot.acknowledge(hot.read())
    hot.one(grant(key="new", payload=b"new"))
    assert [hot.find(1, key) for key in ("old", "new")] == [
        Duplicate(1, 1, "request of old", b"old"),
        Duplicate(1, 2, "request of new", b"new"),
    ]


def test_a_key_that_made_no_event_finds_none(hot: Hot):
    hot.commit(grant(key="k"), denial(key="denied"), grant(add("a", 1, low=1), key="conflict"))
    keys = [(1, "K"), (1, ""), (2, "k"), (99, "k"), (1, "denied"), (1, "conflict")]
    assert [hot.find(account, key) for account, key in keys] == [None] * 6


def test_finding_changes_nothing(hot: Hot, rung: Rung):
    hot.one(grant(add("a", 1), key="k"))
    before = hot.load(1, "a"), hot.read()
    for key in ("k", "other"):
        hot.find(1, key)
    assert (hot.load(1, "a"), hot.read()) == (rung.open().load(1, "a"), rung.open().read()) == before


@pytest.mark.parametrize("rung", LOCKED, indirect=True)
def test_a_key_of_a_batch_that_was_taken_back_finds_none(hot: Hot, rung: Rung):
    def fail(index, state):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hot.commit(grant(key="k"), grant(add("a", 1, low=1)), again=fail)
    assert hot.find(1, "k") is rung.open().find(1, "k") is None


def test_a_key_finds_what_another_store_object_committed(hot: Hot, rung: Rung):
    other = rung.open()
    assert hot.find(1, "k") is None
    other.one(grant(key="k", payload=b"e"))
    assert hot.find(1, "k") == Duplicate(1, 1, "request of k", b"e")
