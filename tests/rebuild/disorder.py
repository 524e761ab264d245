"""Everything that may happen to accounts, in any order and interleaved call by call: orders, pushes, decisions,
settlement, rebuilds, a hot store that is emptied, and whoever dies on the way. What must be true at the end."""

from __future__ import annotations

import random
from collections.abc import Coroutine, Sequence
from typing import Any

from spillover.access.desk import Desk
from spillover.bootstrap.connect import read_document
from spillover.engine.answers import Decision
from spillover.engine.holding import HoldAsk
from spillover.engine.pushing import push_terms
from spillover.engine.rebuilding import Recovery, rebuild
from spillover.engine.restoring import Total, pages, rebuild_all
from spillover.engine.settlement import settle_account, settle_step
from spillover.engine.watching import Watching
from spillover.model.account import Lot
from spillover.model.errors import AccountShut, Contended, Fault, UnknownName
from spillover.model.reports import PlacedEvent
from spillover.ports import Grant, Terms
from tests.rebuild.emptying import Books, empty_hot_state
from tests.rebuild.support import account_of
from tests.rebuild.test_races import Paused
from tests.rungs.opening import Opened, Place
from tests.support import policy

START = 1_772_442_000_000
MILLION = 1_000_000
Actor = Coroutine[Any, Any, None]
Made = dict[tuple[int, int, int], set[str]]
LOST = (AccountShut, Contended)
"""What who comes in between may be told: nothing was changed."""


class Shop:
    """A few accounts, two engines over them, and what they were told."""

    def __init__(self, where: Place, pick: random.Random, names: Sequence[str] = ("acme", "bolt")) -> None:
        self.pick, self.where = pick, where
        self.now = START
        self.opened = Opened(where, policy(), lambda: self.now, random.Random(7).getrandbits)  # type: ignore[arg-type]
        self.store, self.ledger = self.opened.desk.store, self.opened.desk.ledger
        self.paused = Paused(self.store), Books(self.ledger, self)
        self.names, self.numbers = list(names), iter(range(10**9))
        self.ordered: dict[str, set[int]] = {name: set() for name in names}
        self.begun: dict[str, set[int]] = {name: set() for name in names}
        self.tried: list[tuple[str, str, int]] = []
        self.told: dict[tuple[str, str], Decision] = {}
        self.holds: list[tuple[str, str]] = []
        self.made: Made = {}
        self.going: list[tuple[str, Actor]] = []
        self.next: dict[Actor, str] = {}
        self.current: Actor | None = None
        self.beginning: set[Actor | None] = set()
        self.raised: dict[Actor, int] = {}
        self.raises = 0
        self.free = [self.engine() for _ in range(2)]
        self.log: list[str] = []

    def engine(self) -> Desk:
        return Desk(policy(), *self.paused, lambda: self.now, read_document)

    def ids(self) -> list[int]:
        return [row.account for row in self.opened.access.accounts.list().rows]

    # What may happen

    async def put(self) -> None:
        name = self.pick.choice(self.names)
        await self.paused[1].put_account(name, Terms(plan="plus"), at=self.now, reason="", actor="ops")

    async def order(self) -> None:
        name, number = self.pick.choice(self.names), next(self.numbers)
        account = await self.paused[1].find_account(name)
        if account is None:
            return
        amount = self.pick.randint(1, 90) * MILLION + number  # no other has the same
        self.begun[name].add(amount)
        await self.paused[1].grant(account, Grant(Lot(0, "credits"), amount, f"{number}", "sold", "ops"), at=self.now)
        self.ordered[name].add(amount)

    async def push(self) -> None:
        await push_terms(*self.paused, now=self.now)

    async def settle(self) -> None:
        await settle_step(*self.paused, batch=self.pick.choice([1, 2, 50]))

    async def settle_one(self) -> None:
        for account in self.some():
            await settle_account(*self.paused, account)

    async def rebuild(self) -> None:
        for account in self.some():
            await rebuild(*self.paused, account, now=self.now, reason="one", actor="ops")

    async def rebuild_all(self) -> None:
        async for places in pages(self.paused[1], self.paused[0]):
            accounts = [place.account for place in places]
            await rebuild_all(
                *self.paused, accounts, Total(), now=lambda: self.now, reason="all", actor="ops"
            )  # fmt: skip

    async def watch(self) -> None:
        await Watching(*self.paused).step(self.now)

    def some(self) -> list[int]:
        ids = self.ids()
        return [self.pick.choice(ids)] if ids else []

    def decide(self) -> tuple[str, Actor] | None:
        """An engine that has nothing to do decides: something new, or what was asked for before."""
        if not self.free:
            return None
        desk = self.free.pop()
        return "decide", self._decide(desk)

    async def _decide(self, desk: Desk) -> None:
        if self.tried and self.pick.random() < 0.2:
            name, key, count = self.pick.choice(self.tried)
        else:
            name, key, count = self.pick.choice(self.names), f"key {next(self.numbers)}", self.pick.randint(1, 4)
            self.tried.append((name, key, count))
        holds = int(key.split()[1]) % 3 == 0
        options = {"hold": 3_600_000} if holds else {}
        (answer,) = await desk.decide([desk.take_in(name, "video.seconds", count, key, options)])
        if isinstance(answer, Decision):
            if answer.granted:
                self.told[name, key] = answer
                if holds:
                    self.holds.append((name, key))
        else:
            assert isinstance(answer, (*LOST, UnknownName)), answer
        self.free.append(desk)

    def end(self) -> tuple[str, Actor] | None:
        """An engine ends a hold."""
        if not self.free or not self.holds:
            return None
        return "end", self._end(self.free.pop())

    async def _end(self, desk: Desk) -> None:
        name, key = self.pick.choice(self.holds)
        verb = self.pick.choice(["commit", "release"])
        usage = {"usage": self.pick.randint(0, 5)} if verb == "commit" else {}
        (answer,) = await desk.decide([HoldAsk(name, key, verb, **usage)])  # type: ignore[arg-type]
        if isinstance(answer, Fault):
            raise answer
        self.free.append(desk)

    # The player

    def play(self, steps: int, emptied: float) -> None:
        """So many steps: something begins, goes on for some calls, or is killed; the hot store is emptied now and
        then."""
        whole = [self.put, self.order, self.order, self.push, self.settle, self.settle_one, self.rebuild, self.watch,
                 self.rebuild_all]  # fmt: skip
        for _ in range(steps):
            dice = self.pick.random()
            if dice < emptied:
                self.empty()
            elif dice < emptied + 0.02 and self.going:
                self.kill(self.pick.randrange(len(self.going)))
            elif len(self.going) < 3 and dice < 0.4:
                found = self.pick.choice([self.decide, self.decide, self.end, None, None])
                if found is not None:
                    begun = found()
                else:
                    begin = self.pick.choice(whole)
                    begun = begin.__name__, begin()
                if begun is not None:
                    self.going.append(begun)
            elif self.going:
                self.step(self.pick.randrange(len(self.going)), self.pick.choice([1, 1, 2, 5, 40]))
            self.now += 7

    def step(self, index: int, calls: int) -> None:
        name, actor = self.going[index]
        self.current = actor
        for _ in range(calls):
            try:
                before, self.next[actor] = self.next.get(actor), actor.send(None)
                if before == "raise_epoch":
                    self.raises += 1
                    self.raised[actor] = self.raises
                elif before == "put_back":
                    self.raised.pop(actor, None)
                self.log.append(f"{name} {id(actor) % 9973} {self.next[actor]}")
            except StopIteration:
                self.going.pop(index)
                break
            except LOST as error:
                self.log.append(f"{name} {id(actor) % 9973} {error}")
                self.going.pop(index)
                break
            finally:
                self.watch_places()
        if not self.free and not any(one[0] in ("decide", "end") for one in self.going):
            self.free = [self.engine(), self.engine()]

    def kill(self, index: int) -> None:
        name, actor = self.going.pop(index)
        self.log.append(f"{name} {id(actor) % 9973} killed")
        self.next.pop(actor, None)
        actor.close()

    def watch_places(self) -> None:
        """What was given each place in the stream."""
        for entry in self.opened.access.run(self.store.read(10_000)):
            self.made.setdefault((entry.account, entry.epoch, entry.sequence), set()).add(entry.key)

    def empty(self) -> None:
        """The hot state, stream and all, is gone. What was told and is not booked is lost.

        Not in the one call between a rebuild's last look and its fence. What is in the hands of settlers just then, of
        who pushes first terms, and of a rebuild that others have overtaken, goes too: it would come from before.
        """
        if any(self.next.get(actor) == "raise_epoch" for _, actor in self.going):
            return
        for index, (_, actor) in reversed(list(enumerate(self.going))):
            late = self.raised.get(actor, self.raises) < self.raises
            if late or actor in self.beginning or self.next.get(actor) == "settle":
                self.kill(index)
        self.log.append("EMPTY")
        run = self.opened.access.run
        for name, key in list(self.told):
            account = run(self.ledger.find_account(name))
            if account is None or run(self.ledger.event_by_key(account, key)) is None:
                del self.told[name, key]
        empty_hot_state(self.where, self.store)

    # The end

    def finish(self, all_: bool) -> None:
        """What an operator does, or what workers do by themselves."""
        while self.going:
            if self.pick.random() < 0.5:
                self.kill(0)
            else:
                self.step(0, 10**6)
        run = self.opened.access.run
        if all_:
            self.run(self.rebuild_all())
        else:
            seconds = iter(range(0, 10**6, 11))
            recovery = Recovery(self.store, self.ledger, lambda: next(seconds))
            for _ in range(3):
                for _ in range(2):
                    run(recovery.step(self.now))
                run(Watching(self.store, self.ledger).step(self.now))
                run(push_terms(self.store, self.ledger, now=self.now))
                self.opened.access.settle(tend=False)
        self.opened.access.settle(tend=False)

    def run(self, actor: Actor) -> None:
        self.going.append(("end", actor))
        self.step(len(self.going) - 1, 10**6)

    def check(self) -> None:
        """Nothing that was ordered or booked is lost, nothing counts twice, and all agree."""
        run = self.opened.access.run
        assert run(self.ledger.unpushed(10)) == []
        self.opened.sound()
        assert run(self.ledger.quarantined()) == ()
        # Of an account that is lost before anybody noted that its first terms were pushed, nobody knows that it was.
        assert not (twice := [place for place, keys in self.made.items() if len(keys) > 1 and place[1]]), twice
        for name, key in self.told:
            assert run(self.ledger.event_by_key(account_of(self.opened.access, name), key)) is not None, key
        for name in self.names:
            account = run(self.ledger.find_account(name))
            if account is None:
                continue
            granted = [lot.granted for lot in run(self.ledger.lots(account))]
            assert len(set(granted)) == len(granted)
            assert self.ordered[name] <= set(granted) <= self.begun[name]
            drawn = sum(map(_drawn, run(self.ledger.events(account=account, limit=1000)).rows))
            assert [one.balance for one in run(self.ledger.balances(account))] in ([], [sum(granted) - drawn])

    def close(self) -> None:
        for _, actor in self.going:
            actor.close()
        self.opened.close()


def _drawn(row: PlacedEvent) -> int:
    """What the event took from lots of credits; of a hold that is when it ends."""
    event = row.event
    return 0 if event.kind in ("hold", "extend") else sum(amount for leg in event.legs for _, amount in leg.lots)
