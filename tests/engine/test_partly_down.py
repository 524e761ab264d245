"""Where one of several servers is down, each request meets what its own account's server says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import spillover
from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.engine.holding import HoldAsk
from spillover.engine.parts import readable
from spillover.engine.pushing import push_terms
from spillover.engine.settlement import Settling
from spillover.model.commit import Commit, Outcome, Unanswered
from spillover.model.errors import PartUnavailable
from spillover.ports import Again
from tests.support import clock, policy

NAMES = [f"a{number}" for number in range(20)]


class Parts:
    """A store some of whose accounts are on a server that is down. `does`: it does what it is asked, and says nothing;
    `reads`: it can be read."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.down, self.does, self.reads = set[int](), False, False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name == "shards":
            return found

        async def call(*values: Any, **named: Any) -> Any:
            if values and values[0] in self.down and not self.reads:
                raise PartUnavailable("its server is down")
            return await found(*values, **named)

        return call

    async def commit(self, batch: Sequence[Commit], again: Again | None = None) -> Sequence[Outcome | Unanswered]:
        sent = [at for at, item in enumerate(batch) if self.does or item.account not in self.down]
        done = await self._store.commit(
            [batch[at] for at in sent], again and (lambda index, state: again(sent[index], state))
        )
        found: list[Outcome | Unanswered] = [Unanswered(PartUnavailable("its server is down"))] * len(batch)
        for at, outcome in zip(sent, done, strict=True):
            if batch[at].account not in self.down:
                found[at] = outcome
        if all(isinstance(one, Unanswered) for one in found):
            raise PartUnavailable("its server is down")
        return found


@pytest.fixture
def turning() -> spillover.TurnableClock:
    return clock()


@pytest.fixture
def access(turning: spillover.TurnableClock) -> Iterator[Access]:
    with spillover.connect("memory://", policy=policy(), clock=turning, settle=False) as access:
        for name in NAMES:
            access.accounts.put(name, "plus")
        yield access


@pytest.fixture
def store(access: Access) -> Parts:
    desk, parts = access.desk, Parts(access.desk.store)
    desk.known._store = desk.deciding._store = desk.deciding.rounds._store = desk.tending._store = parts  # type: ignore
    return parts


def ids(access: Access, names: Sequence[str]) -> set[int]:
    return {access.run(access.desk.account(name)) for name in names}


def asked(key: str, names: Sequence[str] = NAMES) -> list[dict[str, str]]:
    return [{"account": name, "feature": "chat.messages", "key": f"{key} {name}"} for name in names]


@pytest.mark.parametrize("does", [False, True])
@pytest.mark.parametrize("remembered", [False, True])
def test_only_the_requests_of_its_accounts_fail_and_their_keys_decide(access, store, remembered, does):
    if remembered:
        assert all(access.consume_many(asked("before")))
    store.down, store.does = ids(access, NAMES[::4]), does
    answers = access.consume_many(asked("k"))
    assert [type(one) is PartUnavailable for one in answers] == [at % 4 == 0 for at in range(20)]
    assert all(answer.granted == 1 for at, answer in enumerate(answers) if at % 4)
    store.down = set()
    again = access.consume_many(asked("k"))
    done = does and remembered  # what was not remembered was not sent
    assert [one.replayed for one in again] == [at % 4 > 0 or done for at in range(20)]
    access.settle()
    events = [row.event for row in drive(access.desk.ledger.events()).rows]
    assert sorted(event.key for event in events if event.key[0] == "k") == sorted(one["key"] for one in asked("k"))


def test_what_was_proposed_is_not_remembered_as_done(access, store):
    assert all(access.consume_many(asked("before")))
    store.down = ids(access, NAMES[:1])
    access.consume_many(asked("k"))
    assert access.desk.known._sights.get(*store.down) is None
    assert access.desk.known._sights.get(*ids(access, NAMES[1:2])) is not None


def test_where_nothing_is_answered_it_is_an_error_of_the_whole_batch(access, store):
    store.down = ids(access, NAMES)
    for _ in range(2):
        with pytest.raises(PartUnavailable):
            access.consume_many(asked("k"))
        with pytest.raises(PartUnavailable):
            access.consume("a0", "chat.messages")
        store.down -= ids(access, NAMES[1:])
        assert len([one for one in access.consume_many(asked("other")) if isinstance(one, PartUnavailable)]) == 1
        store.down = ids(access, NAMES)


def test_a_group_of_many_requests_that_all_fail_keeps_no_other_group_from_being_decided(access, store):
    store.down = ids(access, NAMES[:1])
    many = [{"account": "a0", "feature": "chat.messages", "key": f"{number}"} for number in range(128)]
    answers = access.consume_many([*many, *asked("k")])
    assert [type(one) is PartUnavailable for one in answers] == [True] * 129 + [False] * 19


def test_who_was_answered_before_the_rest_of_the_batch_failed_keeps_his_answer(access, store):
    assert all(access.consume_many(asked("before")))
    access.open_hold("a1", "video.seconds", 1, key="h")
    ending = access.holds.commit("a1", "h", 1)
    store.down = ids(access, NAMES[:1])
    wishes = [HoldAsk("a1", "h", "commit", 1), access.desk.take_in("a0", "chat.messages", None, "k", {})]
    again, failed = drive(access.desk.decide(wishes))
    assert (again.granted, again.replayed) == (ending.granted, True)
    assert isinstance(failed, PartUnavailable)


def test_terms_of_the_others_come_into_force_and_its_own_wait(access, store):
    ledger, desk = access.desk.ledger, access.desk
    mine, other = (next(iter(ids(access, [name]))) for name in NAMES[:2])
    for account in (mine, other):
        name = drive(ledger.account_name(account))
        drive(ledger.put_account(name, spillover_terms("free"), at=desk.clock(), reason="", actor=""))
    for does, reads in ((False, False), (False, True), (True, True)):
        store.down, store.does, store.reads = {mine}, does, reads
        drive(push_terms(store, ledger, now=desk.clock()))
        assert drive(store._store.load(other, ())).profile.plan == "free"
        assert [push.profile.account for push in drive(ledger.unpushed(9))] == [mine]
        if not does:  # else it can be read that they are through
            with pytest.raises(PartUnavailable):
                drive(push_terms(store, ledger, now=desk.clock(), account=mine))
    store.down = set()
    drive(push_terms(store, ledger, now=desk.clock()))
    assert drive(ledger.unpushed(9)) == []
    assert drive(store.load(mine, ())).profile.plan == "free"


def spillover_terms(plan: str) -> Any:
    from spillover.ports import Terms

    return Terms(plan=plan)


def test_what_falls_due_for_the_others_comes_into_force(access, store, turning):
    desk = access.desk
    for name in NAMES:
        access.accounts.plan(name, "free", when=desk.clock() + 1_000)
    turning.turn(minutes=1)
    store.down = ids(access, NAMES[::4])
    with pytest.raises(PartUnavailable):
        drive(desk.tend())
    plans = [drive(store._store.load(account, ())).profile.plan for name in NAMES for account in ids(access, [name])]
    assert plans == ["plus" if at % 4 == 0 else "free" for at in range(20)]
    store.down = set()
    drive(desk.tend())
    drive(desk.push())
    assert {drive(store.load(account, ())).profile.plan for account in ids(access, NAMES)} == {"free"}


def test_shards_that_cannot_be_read_keep_nobody_from_the_others():
    async def read(limit: int, shards: Sequence[int] | None) -> list[int]:
        wanted = range(8) if shards is None else shards
        if down.intersection(wanted):
            raise PartUnavailable(f"{wanted}")
        return [shard for shard in wanted for _ in range(9)][:limit]

    down = {2, 5}
    found, failure = drive(readable(read, 16, None, 8))
    assert (found, type(failure)) == ([0, 0, 1, 1, 3, 3, 4, 4, 6, 6, 7, 7], PartUnavailable)
    found, failure = drive(readable(read, 16, [1, 2], 8))
    assert (found, type(failure)) == ([1] * 8, PartUnavailable)
    assert drive(readable(read, 16, [0], 8)) == ([0] * 9, None)
    with pytest.raises(PartUnavailable):
        drive(readable(read, 16, [2, 5], 8))


class Halved(Parts):
    """Two shards, of which the second cannot be read; the first forgets nothing."""

    shards = 2

    async def read(self, limit: int, shards: Sequence[int] | None = None) -> Any:
        if shards != (0,):
            raise PartUnavailable("its server is down")
        return await self._store.read(limit)

    async def acknowledge(self, _: Any) -> None:
        pass


def test_settlement_books_what_it_can_read_and_never_calls_that_all(access):
    access.settle()
    assert all(access.consume_many(asked("k")))
    settling = Settling(Halved(access.desk.store), access.desk.ledger)
    assert drive(settling.step()).done == len(NAMES)
    with pytest.raises(PartUnavailable):
        drive(settling.step())
