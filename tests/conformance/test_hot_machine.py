"""Every store does what the oracle does: the same random history on both, everything compared after every step.

Two store objects share the SQLite file and take turns, so that each one's cache goes stale under the other's commits.
`SPILLOVER_STEPS` sets how many steps are taken in all.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from spillover.model.account import Profile
from spillover.model.commit import Commit, Committed, Conflict, Duplicate, Outcome, State
from spillover.stores.sqlite import known
from tests.conformance.support import MemoryRung, SQLiteRung, solid

STEPS = int(os.environ.get("SPILLOVER_STEPS", "4000"))
STEPS_PER_RUN = 30
ACCOUNTS = (1, 2, -(2**40))
NAMES = ("a", "b", "lot:1", "é", "never")
HOLDS = ("h1", "h2", "h3", "H1")

accounts = st.sampled_from(ACCOUNTS)
values = st.one_of(st.integers(-3, 3), st.sampled_from([-(2**53) + 1, 2**53 - 1, 10**15]))
# Mostly wide boxes, so that histories get somewhere; narrow ones around small values, so that edges are met.
ranges = st.one_of(
    st.just((-(2**53), 2**53)),
    st.just((-(2**53), 2**53)),
    st.tuples(st.integers(-4, 4), st.integers(0, 4)).map(lambda pair: (pair[0], pair[0] + pair[1])),
)
operations = st.lists(
    st.tuples(st.sampled_from(NAMES), ranges, st.none() | st.integers(-3, 3), st.integers(-4, 4)),
    max_size=4,
    unique_by=lambda operation: operation[0],
).map(lambda found: tuple((name, low, high, floor, amount) for name, (low, high), floor, amount in found))

dues = st.integers(0, 5)
holds = st.none() | st.tuples(st.sampled_from(HOLDS), dues, st.binary(max_size=6))


@st.composite
def items(draw):
    account, version = draw(accounts), draw(st.integers(0, 3))
    kind = draw(st.sampled_from(["grant", "grant", "grant", "denial", "push"]))
    key = f"k{draw(st.integers(0, 400))}"
    return Commit(
        account=account,
        epoch=draw(st.sampled_from([1, 1, 1, 1, 1, 2])),
        version=version,
        operations=draw(operations),
        key=key,
        fingerprint=draw(st.sampled_from(["f", "g"])),
        payload=None if kind == "denial" else draw(st.binary(max_size=6)),
        profile=Profile(account, version + 1, draw(st.sampled_from(["plus", "pro"])), 0) if kind == "push" else None,
        denied=("f", draw(st.sampled_from(["window", "credits"])), 7) if kind == "denial" else None,
        hold=draw(holds),
        ended=draw(st.sampled_from(["", "", *HOLDS])),
    )


class Decider:
    """Decides a conflict again as an engine does: on the fresh state, from a plan that was drawn beforehand."""

    def __init__(self, batch: list[Commit], plan: list[str]) -> None:
        self._batch, self._plan = batch, plan
        self.seen: list[tuple[int, State]] = []

    def __call__(self, index: int, state: State) -> Commit | None:
        self.seen.append((index, solid(state)))
        item, plan = self._batch[index], self._plan[index % len(self._plan)]
        version = state.profile.version if state.profile is not None else 0
        ends = {"hold": ("h1", index, b"again"), "ended": "h2"}
        pinned = tuple((name, v, v, None, 1) for name, v in sorted(solid(state).cells.items())[:3])
        match plan:
            case "give up":
                return None
            case "conflict":
                return Commit(item.account, state.epoch, version + 5, (), item.key, "f", b"x", **ends)
            case "deny":
                return Commit(
                    item.account, state.epoch, version, pinned, item.key, "f", None, None, ("f", "again", 7), **ends
                )
            case "hold":
                return Commit(item.account, state.epoch or 1, version, pinned, item.key, "f", b"again", **ends)
            case _:
                return Commit(item.account, state.epoch or 1, version, pinned, item.key, "f", b"again")


def plain(outcome: Outcome) -> Committed | Duplicate | State:
    return solid(outcome) if isinstance(outcome, Conflict) else outcome


class HotStores(RuleBasedStateMachine):
    group_max = 128

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.oracle = MemoryRung()
        self.rung = SQLiteRung(Path(self.folder.name), durability="fast", group_max=self.group_max)
        self.truth = self.oracle.open()
        self.stores = [self.rung.open(), self.rung.open()]
        self.witness = self.rung.open()  # reads after each step, so that the others learn nothing by being compared
        self.turn = 0

    @property
    def store(self):
        return self.stores[self.turn % 2]

    @rule(turn=st.integers(0, 1))
    def use_the_store_object(self, turn):
        self.turn = turn

    @rule(
        batch=st.lists(items(), min_size=1, max_size=8),
        plan=st.lists(st.sampled_from(["again", "hold", "deny", "give up", "conflict"]), min_size=1, max_size=8),
        ask=st.booleans(),
        fitting=st.sampled_from([True, True, False]),
    )
    def commit(self, batch, plan, ask, fitting):
        if fitting:  # else nearly all would conflict by their versions
            batch = [self.on_the_present_version(item) for item in batch]
        mine, its = Decider(batch, plan), Decider(batch, plan)
        expected = self.truth.commit(*batch, again=mine if ask else None)
        found = self.store.commit(*batch, again=its if ask else None)
        assert [plain(o) for o in found] == [plain(o) for o in expected]
        assert its.seen == mine.seen

    def on_the_present_version(self, item: Commit) -> Commit:
        present = self.truth.load(item.account).profile
        version = present.version if present is not None else 0
        terms = item.profile and replace(item.profile, version=version + 1)
        return replace(item, version=version, profile=terms)

    @rule(limit=st.integers(0, 6), data=st.data())
    def acknowledge(self, limit, data):
        entries = self.truth.read(limit)
        if entries:
            entries = data.draw(
                st.lists(st.sampled_from(entries), unique_by=lambda e: (e.account, e.epoch, e.sequence))
            )
        known = {(e.account, e.epoch, e.sequence) for e in self.truth.read()}
        self.rung.book([e for e in entries if (e.account, e.epoch, e.sequence) in known])
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

    @rule(account=accounts, key=st.integers(0, 400))
    def find_a_key(self, account, key):
        assert self.store.find(account, f"k{key}") == self.truth.find(account, f"k{key}")

    @rule(account=accounts, until=dues, limit=st.integers(0, 4))
    def ask_what_is_due(self, account, until, limit):
        for of in (None, account):
            assert self.store.due(until, limit, of) == self.truth.due(until, limit, of)

    @invariant()
    def every_read_gives_what_the_oracle_gives(self):
        for account in ACCOUNTS:
            assert self.witness.load(account, *NAMES) == self.truth.load(account, *NAMES)
            assert self.witness.holds(account) == self.truth.holds(account)
        assert self.witness.due() == self.truth.due()
        assert self.witness.read() == self.truth.read()
        assert self.rung.denials() == self.oracle.denials()

    def teardown(self) -> None:
        self.rung.close()
        self.folder.cleanup()


class HotStoresInSmallGroups(HotStores):
    group_max = 2


def drive(machine: type[HotStores], steps: int) -> None:
    quick = settings(
        max_examples=max(1, steps // STEPS_PER_RUN),
        stateful_step_count=STEPS_PER_RUN,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=quick)


def test_sqlite_does_what_the_oracle_does():
    drive(HotStores, STEPS // 2)


def test_sqlite_in_groups_of_two_does_what_the_oracle_does():
    drive(HotStoresInSmallGroups, STEPS // 4)


def test_sqlite_does_what_the_oracle_does_when_its_cache_forgets_at_once(monkeypatch):
    monkeypatch.setattr(known, "ACCOUNTS_MAX", 1)
    monkeypatch.setattr(known, "CELLS_MAX", 2)
    drive(HotStores, STEPS // 4)


@pytest.mark.soak
@pytest.mark.parametrize("machine", [HotStores, HotStoresInSmallGroups])
def test_sqlite_does_what_the_oracle_does_for_long(machine):
    drive(machine, 50 * STEPS)
