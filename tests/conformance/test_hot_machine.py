"""Every store does what the oracle does: the same random history on both, everything compared after every step.

Two store objects share the state and take turns, so that each one's cache goes stale under the other's commits.
`SPILLOVER_STEPS` sets how many steps are taken in all; on a server a step costs more, so there are fewer.
"""

import os
import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from spillover.core.shards import shard_of
from spillover.model.commit import Commit, Remembered, Standing
from spillover.model.event import StreamEntry
from spillover.stores import accounts as remembering
from tests.conformance.conftest import RUNGS, SERVERS
from tests.conformance.histories import ACCOUNTS, NAMES, Decider, accounts, dues, items, keys, plain, plans, standings
from tests.conformance.rungs import MemoryRung, PostgresRung
from tests.conformance.support import Rung, SQLiteRung, by_account

STEPS = int(os.environ.get("SPILLOVER_STEPS", "4000"))
STEPS_PER_RUN = 30


class HotStores(RuleBasedStateMachine):
    """`make` gives a rung with nothing in it."""

    @staticmethod
    def make() -> Rung:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.oracle, self.rung = MemoryRung(), self.make()
        self.truth = self.oracle.open()
        self.stores = [self.rung.open(), self.rung.open()]
        self.witness = self.rung.open()  # reads after each step, so that the others learn nothing by being compared
        self.turn = 0
        self.booked, self.used = set[tuple[int, str]](), set[tuple[int, str]]()

    @property
    def store(self):
        return self.stores[self.turn % 2]

    @rule(turn=st.integers(0, 1))
    def use_the_store_object(self, turn):
        self.turn = turn

    @rule(batch=st.lists(items(), min_size=1, max_size=8), plan=plans, ask=st.booleans(), fits=st.integers(0, 3))
    def commit(self, batch, plan, ask, fits):
        if fits:  # else nearly all would conflict by their places
            batch = [self.on_the_present_place(item) for item in batch]
        self.used |= {(item.account, item.key) for item in batch}
        mine, its = Decider(batch, plan), Decider(batch, plan)
        expected = self.truth.commit(*batch, again=mine if ask else None)
        found = self.store.commit(*batch, again=its if ask else None)
        assert [plain(o) for o in found] == [plain(o) for o in expected]
        assert its.seen == mine.seen

    def on_the_present_place(self, item: Commit) -> Commit:
        present = self.truth.load(item.account)
        version = present.profile.version if present.profile is not None else 0
        terms = item.profile and replace(item.profile, version=version + 1)
        seen = min(item.seen, present.sequence)
        return replace(item, epoch=present.epoch or item.epoch, version=version, profile=terms, seen=seen)

    @rule(account=accounts)
    def shut(self, account):
        assert self.store.shut(account) == self.truth.shut(account)

    @initialize()
    def begin_with_an_account_that_was_moved_here(self):
        self.put_back_as(Standing(ACCOUNTS[-1], 3, 7, None, {"a": 2}), [])

    @rule(
        standing=standings(), ahead=st.sampled_from([-1, 0, 1, 1, 1, 2]), names=st.lists(keys, unique=True, max_size=3)
    )
    def put_back(self, standing, ahead, names):
        epoch = max(0, self.truth.load(standing.account).epoch + ahead)
        self.put_back_as(replace(standing, epoch=epoch), names)

    def put_back_as(self, standing: Standing, names: list[str]) -> None:
        # All that the books have: which of the others a store still knows is its own matter.
        booked = sorted(key for account, key in self.booked if account == standing.account)
        known = tuple(self.in_the_books(standing.account, key) for key in dict.fromkeys((*names, *booked)))
        standing = replace(standing, keys=known)
        assert self.store.put_back(standing) == self.truth.put_back(standing)

    def in_the_books(self, account: int, key: str) -> Remembered:
        """The key as the books have it: the store's own event, or one that the store never knew, or lost."""
        known = self.truth.find(account, key)
        if known is None:
            entry = StreamEntry(account, 1, 1_000 + int(key[1:]), key, f"books of {key}".encode())
            self.book([entry])
            return Remembered(key, 1, entry.sequence, "f", 5)
        self.book([StreamEntry(account, known.epoch, known.sequence, key, known.payload)])
        return Remembered(key, known.epoch, known.sequence, known.fingerprint, 5)

    def book(self, entries: list[StreamEntry]) -> None:
        new = [entry for entry in entries if (entry.account, entry.key) not in self.booked]
        self.booked |= {(entry.account, entry.key) for entry in new}
        self.rung.book(new)
        self.oracle.book(new)

    @rule(limit=st.integers(0, 6), data=st.data())
    def acknowledge(self, limit, data):
        entries = self.truth.read(limit)
        if entries:
            entries = data.draw(
                st.lists(st.sampled_from(entries), unique_by=lambda e: (e.account, e.epoch, e.sequence))
            )
        # The books take nothing of an older epoch than the account's: what a rebuild has left out stays out.
        entries = [
            entry for entry in entries
            if entry.epoch >= self.truth.load(entry.account).epoch or (entry.account, entry.key) in self.booked
        ]  # fmt: skip
        self.book(entries)
        for store in (self.truth, self.store):
            store.acknowledge(entries)
            store.acknowledge(entries[:1])

    @rule()
    def open_anew(self):
        self.stores[self.turn % 2].close()
        self.stores[self.turn % 2] = self.rung.open()

    @rule(account=accounts, names=st.lists(st.sampled_from(NAMES)))
    def load_some_names(self, account, names):
        assert self.store.load(account, *names) == self.truth.load(account, *names)

    @rule(account=accounts, key=keys)
    def find_a_key(self, account, key):
        assert self.store.find(account, key) == self.truth.find(account, key)

    @rule(account=accounts, until=dues, limit=st.integers(0, 4), of=st.lists(accounts))
    def ask_what_is_due(self, account, until, limit, of):
        for whose in (None, account):
            assert self.store.due(until, limit, whose) == self.truth.due(until, limit, whose)
        shards = {shard_of(one, self.store.store.shards) for one in of}
        expected = [hold for hold in self.truth.due(until) if shard_of(hold.account, self.store.store.shards) in shards]
        assert self.store.due(until, limit, shards=sorted(shards)) == expected[:limit]

    @rule(limit=st.integers(0, 6), of=st.lists(accounts))
    def read_some_entries(self, limit, of):
        shards = {shard_of(one, self.store.store.shards) for one in of}
        waiting = [e for e in self.truth.read() if shard_of(e.account, self.store.store.shards) in shards]
        found = self.store.read(limit, sorted(shards))
        assert len(found) == min(limit, len(waiting))
        for account in ACCOUNTS:
            own = [entry for entry in found if entry.account == account]
            assert own == self.truth.entries(account)[: len(own)]
            assert self.store.entries(account, limit) == self.truth.entries(account, limit)
        backlog = self.store.backlog(sorted(shards))
        assert backlog.entries == len(waiting)
        assert (backlog.oldest is None) == (not waiting)
        assert backlog.oldest is None or backlog.oldest == self.truth.entries(backlog.oldest.account)[0]

    @rule(account=accounts, since=st.integers(0, 1), limit=st.integers(0, 3))
    def ask_for_denials(self, account, since, limit):
        assert self.store.denials(account, since, limit=limit) == self.truth.denials(account, since, limit=limit)

    @invariant()
    def every_read_gives_what_the_oracle_gives(self):
        for account in ACCOUNTS:
            assert self.witness.standing(account) == self.truth.standing(account)
            assert self.witness.load(account, *NAMES) == self.truth.load(account, *NAMES)
            assert self.witness.holds(account) == self.truth.holds(account)
            assert self.witness.denials(account) == self.truth.denials(account)
        assert self.witness.places(*ACCOUNTS) == self.truth.places(*ACCOUNTS)
        assert self.witness.shut_accounts() == self.truth.shut_accounts()
        assert self.witness.due() == self.truth.due()
        assert by_account(self.witness.read()) == by_account(self.truth.read())
        assert self.witness.backlog().entries == self.truth.backlog().entries

    def teardown(self) -> None:
        try:
            for account, key in sorted(self.used):
                assert self.witness.find(account, key) == self.truth.find(account, key)
        finally:
            self.rung.close()


def drive(make, steps: int) -> None:
    quick = settings(
        max_examples=max(1, steps // STEPS_PER_RUN),
        stateful_step_count=STEPS_PER_RUN,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(type("Stores", (HotStores,), {"make": staticmethod(make)}), settings=quick)


@pytest.fixture
def sqlite(tmp_path):
    """Makes rungs in a folder of their own."""

    def make(**options):
        folder = tmp_path / f"{time.monotonic_ns()}"
        folder.mkdir()
        return SQLiteRung(folder, durability="fast", **options)

    return make


def test_sqlite_does_what_the_oracle_does(sqlite):
    drive(sqlite, STEPS // 2)


def test_sqlite_in_groups_of_two_does_what_the_oracle_does(sqlite):
    drive(lambda: sqlite(group_max=2), STEPS // 4)


def forgetful(monkeypatch) -> None:
    shrink = remembering.Accounts.shrink
    monkeypatch.setattr(remembering.Accounts, "shrink", lambda self, used, *_: shrink(self, used, 1, 2))


def test_sqlite_does_what_the_oracle_does_when_its_cache_forgets_at_once(sqlite, monkeypatch):
    forgetful(monkeypatch)
    drive(sqlite, STEPS // 4)


@pytest.fixture(params=SERVERS)
def server(request):
    """Makes rungs on a server. Their durability is not what is tried here."""
    return lambda: RUNGS[request.param](request.getfixturevalue)


def test_a_store_on_a_server_does_what_the_oracle_does(server):
    drive(server, STEPS // 25)


@pytest.mark.soak
def test_a_store_on_a_server_does_what_the_oracle_does_for_long(server):
    drive(server, 3 * STEPS)


@pytest.mark.soak
def test_postgres_in_groups_of_two_does_what_the_oracle_does(postgres_server, monkeypatch):
    forgetful(monkeypatch)
    drive(lambda: PostgresRung(postgres_server, group_max=2, durability="fast"), 3 * STEPS)


@pytest.mark.soak
@pytest.mark.parametrize("group_max", [128, 2])
def test_sqlite_does_what_the_oracle_does_for_long(sqlite, group_max):
    drive(lambda: sqlite(group_max=group_max), 50 * STEPS)
