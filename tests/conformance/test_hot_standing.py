"""Where accounts stand, all that one has at one moment, and what of it waits to be settled."""

import threading

import pytest

from spillover.model.commit import Backlog, OpenHold, Place, Standing
from spillover.model.errors import StoreUnavailable
from tests.conformance.conftest import RUNGS
from tests.conformance.support import Hot, Rung, add, denial, grant, kinds, profile, push

ACCOUNTS = (1, 65, 2, -5, 2**62)  # two of them in one shard, whatever the number of shards up to 64


def tick(rung: Rung) -> None:
    before = rung.clock()
    while rung.clock() == before:
        pass


def test_places_say_where_accounts_stand_and_leave_out_those_not_known(hot: Hot, rung: Rung):
    hot.commit(push(1), grant(version=1), push(2), grant(account=65, epoch=7), grant(account=-5))
    hot.shut(-5)
    expected = {1: Place(1, 1, 3, 2), 65: Place(65, 7, 1, 0), -5: Place(-5, 1, 1, 0, shut=True)}
    for store in (hot, rung.open()):
        assert store.places(1, 65, -5, 2, 99) == expected
        assert store.places(65, 1, 65) == {65: expected[65], 1: expected[1]}
        assert store.places(99) == store.places() == {}


def test_an_account_that_only_met_denials_and_conflicts_is_not_known(hot: Hot, rung: Rung):
    batch = denial(account=9, denied=("f", "window", 1)), grant(add("a", 1, low=1), account=9), grant(account=9, seen=1)
    assert kinds(hot.commit(*batch)) == "cxx"
    for store in (hot, rung.open()):
        assert store.places(9) == {}
        assert store.standing(9) is None
    assert kinds(hot.commit(grant(account=9, epoch=4))) == "c"


def test_a_standing_is_all_that_the_account_has(hot: Hot, rung: Rung):
    hot.one(push(1, add("a", 1), add("gone", 2), add("é!", -3), account=-5, hold=("z", 1, b"z")))
    hot.one(grant(add("gone", -2), add("never", 0), account=-5, version=1, hold=("a", 9, b"\x00\xff")))
    hot.one(grant(add("a", 100), account=59, hold=("b", 5, b"other")))
    hot.one(grant(account=-5, version=1, hold=("B", 4, b"B"), ended="none"))
    holds = OpenHold(-5, "B", 4, b"B"), OpenHold(-5, "a", 9, b"\x00\xff"), OpenHold(-5, "z", 1, b"z")
    for store in (hot, rung.open()):
        assert store.standing(-5) == Standing(-5, 1, 3, profile(1, -5), {"a": 1, "é!": -3}, holds)
        assert store.standing(99) is None
    assert hot.standing(59) == Standing(59, 1, 1, None, {"a": 100}, (OpenHold(59, "b", 5, b"other"),))


def test_standings_of_many_are_those_of_each_and_leave_out_those_not_known(hot: Hot, rung: Rung):
    hot.commit(push(1, add("a", 1)), push(1, add("a", 2), add("é!", -3), account=65), grant(account=-5))
    hot.commit(*(grant(add("a", n), account=account, hold=(f"{n}", n, b"%d" % n), version=int(account in (1, 65)))
                 for n, account in enumerate((1, 65, -5, 2**62, 1, 65), 1)))  # fmt: skip
    hot.shut(-5)
    hot.shut(7)
    known = (1, 65, -5, 2**62, 7)
    for store in (hot, rung.open()):
        each = {account: store.standing(account) for account in known}
        assert None not in each.values()
        assert store.standings(2, *known, 99) == each
        assert store.standings(65, 65) == {65: each[65]}
        assert store.standings() == store.standings(99) == {}


@pytest.mark.parametrize("rung", [name for name in RUNGS if name != "memory"], indirect=True)
def test_a_standing_is_read_at_one_moment(rung: Rung):
    hot, other, ended = rung.open(), rung.open(), threading.Event()

    def write() -> None:
        turn = 0
        while not ended.is_set():
            turn += 1
            other.one(grant(add("a", 1), add("b", 1), hold=("h", turn, b"%d" % turn)))

    hot.one(grant(add("a", 1), add("b", 1), hold=("h", 1, b"1"), account=2))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        sequences = set[int]()
        while len(sequences) < 25:
            found = hot.standing(1)
            if found is not None:
                turn = found.sequence
                sequences.add(turn)
                assert found == Standing(
                    1, 1, turn, None, {"a": turn, "b": turn}, (OpenHold(1, "h", turn, b"%d" % turn),)
                )
    finally:
        ended.set()
        writer.join()


def test_entries_are_one_accounts_own_oldest_first(hot: Hot, rung: Rung):
    hot.commit(*(grant(account=ACCOUNTS[n % 5], key=f"{n}") for n in range(20)))
    for store in (hot, rung.open()):
        for at, account in enumerate(ACCOUNTS):
            keys = [f"{n}" for n in range(at, 20, 5)]
            found = [store.entries(account, limit) for limit in (0, 1, 3, 4, 5)]
            assert [[entry.key for entry in some] for some in found] == [keys[:n] for n in (0, 1, 3, 4, 4)]
            assert found[-1] == [entry for entry in store.read() if entry.account == account]
        assert store.entries(99) == []


def test_what_is_acknowledged_is_no_entry_any_more(hot: Hot, rung: Rung):
    hot.commit(*(grant(account=ACCOUNTS[n % 2], key=f"{n}") for n in range(8)))
    hot.acknowledge(hot.entries(1, 2))
    for store in (hot, rung.open()):
        assert [entry.key for entry in store.entries(1)] == ["4", "6"]
        assert [entry.key for entry in store.entries(65)] == ["1", "3", "5", "7"]


def test_the_backlog_counts_what_waits_and_names_the_oldest(hot: Hot, rung: Rung):
    assert hot.backlog() == Backlog(0, None)
    for n in range(6):
        hot.one(grant(account=ACCOUNTS[n % 3], key=f"{n}"))
        tick(rung)  # of several shards' entries that came in one millisecond any may be the oldest
    entries = {entry.key: entry for entry in hot.read()}
    assert hot.backlog() == rung.open().backlog() == Backlog(6, entries["0"])
    hot.acknowledge([entries["0"], entries["3"]])
    assert hot.backlog() == rung.open().backlog() == Backlog(4, entries["1"])
    hot.acknowledge(list(entries.values()))
    assert hot.backlog() == rung.open().backlog() == Backlog(0, None)


def test_a_closed_store_says_so_of_all_this(hot: Hot):
    hot.one(grant())
    hot.close()
    uses = hot.places, hot.standings, lambda: hot.standing(1), lambda: hot.entries(1), hot.backlog, hot.shut_accounts
    for use in (*uses, lambda: hot.shut(1)):
        with pytest.raises(StoreUnavailable, match="closed"):
            use()
