"""Rounds of a batch: decide, commit, answer, and again what met a conflict (design, section 5).

Each wish is decided on the state that the engine remembers, as changed by those before it in the batch; the store then
checks every box and applies it. What lies outside its box is decided again on the fresh state, under the store's lock
where it has one, else in another round. Before that the account is brought up to date: terms that have fallen due come
into force, and before a denial is answered its due holds expire (law 9); a wish that needs this waits for those before
it on its account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from spillover.core.decide import HOLDS, TOLERANCE
from spillover.engine.asking import Asking
from spillover.engine.holding import HoldAsk, Holding, decode_hold
from spillover.engine.items import Answer, Item, is_down, own
from spillover.engine.known import Known
from spillover.engine.parts import readable
from spillover.engine.policies import Policies
from spillover.engine.standing_holds import StandingHolds
from spillover.engine.tending import Tending, is_due
from spillover.model.commit import Commit, Committed, Conflict, Duplicate, Outcome, State, Unanswered
from spillover.model.errors import Contended, Fault, KeyReused, PartUnavailable, SpilloverError
from spillover.ports import Again, HotStore

CONFLICTS_MAX = 8
"""How often one wish is decided again after conflicts before the caller is told so (Contended)."""
DUE_MAX = 256
"""Holds expired at a time."""
SEEN_MAX = 32
"""Open holds looked at with each denial, so that it can say when it opens."""

Numbered = tuple[int, Item]
"""A wish with its place in the batch."""
Swept = dict[int, int]
"""Account -> the instant at which its due holds were expired last, in this batch."""
Watch = Callable[[Sequence[tuple[Item, Answer]]], None]
"""Is told what was decided just now, in order; it raises nothing and changes nothing."""
Mend = Callable[[int], Awaitable[None]]
"""Puts an account's hot state back from the books."""
AsThen = Callable[[Asking, Duplicate], Awaitable[Answer | None]]
"""The answer of then to a request that looks different under a new policy; None if it is another request."""


class Rounds:
    """Decides wishes that have entered. Used by one thread at a time."""

    def __init__(
        self, policies: Policies, store: HotStore, known: Known, clock: Callable[[], int], tending: Tending,
        as_then: AsThen, mend: Mend,
    ) -> None:  # fmt: skip
        self._policies, self._store, self._known, self._clock = policies, store, known, clock
        self._tending, self._as_then, self._mend = tending, as_then, mend
        self._standing = StandingHolds(policies, store)
        self.watch: Watch | None = None
        self.conflicts = 0  # states that were not as remembered, so that a wish was decided again
        self.live = False  # whether the clock is the machine's, which a store may compare with its own

    async def run(self, pending: list[Numbered], answers: list[Answer | None]) -> None:
        """Round after round, until all are answered.

        Each round gets the first wish of every account through, unless it meets a conflict: so rounds are bounded by
        the number of wishes and CONFLICTS_MAX conflicts of each. Where the accounts are on several servers, each wish
        meets the error of its own. Raises it if that is all there is, as where the whole store fails.
        """
        swept: Swept = {}
        conflicts: dict[int, int] = {}
        while pending:
            left, shaken = await self._round(pending, answers, swept)
            for index in shaken:
                conflicts[index] = conflicts.get(index, 0) + 1
            for index, item in left:
                if conflicts.get(index, 0) >= CONFLICTS_MAX:
                    answers[index] = Contended(
                        f"account {item.name!r} changed between {CONFLICTS_MAX} tries; nothing was changed,"
                        " send the request again under the same key"
                    )
            pending = [(index, item) for index, item in left if answers[index] is None]
        for failure in answers[:1]:
            if isinstance(failure, PartUnavailable) and all(isinstance(one, PartUnavailable) for one in answers):
                raise failure

    async def expire_due(self, now: int, account: int | None = None, shards: Sequence[int] | None = None) -> int:
        """Expire open holds that are due at that instant, at most DUE_MAX of them (those on servers that cannot be
        reached left out, as far as there are others); how many ended."""
        pending: list[Numbered] = []
        answers: list[Answer | None] = []
        due, failure = await readable(
            lambda limit, some: self._store.due(now - TOLERANCE, limit, account, some),
            DUE_MAX, shards, self._store.shards if account is None else 0,
        )  # fmt: skip
        for found in due:
            ask = HoldAsk(f"id {found.account}", decode_hold(found.record).key, "expire", at=now, id=found.account)
            item = Holding(ask, found.account, self._store, self._policies, self._known, self._clock)
            answers.append(None)
            try:
                await item.refresh()
                pending.append((len(answers) - 1, item))
            except Exception as error:
                answers[-1] = own(error)
        pending = [(index, item) for index, item in pending if getattr(item, "replay", None) is None]
        await self.run(pending, answers)
        for answer in answers:
            if isinstance(answer, Fault):  # nobody else would see it
                raise answer
        ended = sum(1 for answer in answers if answer is not None and not isinstance(answer, SpilloverError))
        if failure is not None and not ended:
            raise failure
        return ended

    async def _round(
        self, pending: list[Numbered], answers: list[Answer | None], swept: Swept
    ) -> tuple[list[Numbered], list[int]]:
        """One round; what remains comes back in its order, and which of it met a conflict."""
        batch: list[Numbered] = []
        commits: list[Commit] = []
        waiting: list[Numbered] = []
        begun: set[int] = set()
        halted: set[int] = set()
        for index, item in pending:
            account = item.account
            try:
                commit = None if account in halted else await self._proposed(item, swept, first=account not in begun)
            except Exception as error:
                if is_down(error):  # each of the others would wait as long for the same
                    for number, other in pending:
                        self._known.forget(other.account)  # it is remembered as if what was proposed were through
                        if answers[number] is None:
                            answers[number] = own(error)
                    return [], []
                answers[index] = own(error)
                continue
            if commit is None:
                halted.add(account)  # and those behind it, to keep their order
                waiting.append((index, item))
                continue
            begun.add(account)
            commits.append(commit)
            batch.append((index, item))
        left = await self._committed(batch, commits, answers, swept) if commits else []
        return sorted(left + waiting, key=lambda found: found[0]), [index for index, _ in left]

    async def _proposed(self, item: Item, swept: Swept, *, first: bool) -> Commit | None:
        """Decide on the remembered state, of an account that is up to date; None to wait for those before it."""
        state = await self._state(item)
        if state.profile is None:  # booked by another engine that has not pushed it yet, or was killed before
            await self._tending.terms(item.account, self._clock())
            state = await self._state(item)
        if state.profile is None or self._known.has_gone_back(item.account, state):
            state = await self._put_back(item)
        if state.shut:
            self._known.forget(item.account)  # it will be put back behind this engine's back
            raise await self._known.shut(item.account, item.name, state.epoch)
        if self._waits(item, state):
            if not first:
                return None
            await self._tending.terms(item.account, item.instant(state))
            self._known.forget(item.account)
            state = await self._state(item)
        commit = item.propose(state)
        if not item.is_denied or not state.cells.get(HOLDS, 0):
            return commit
        if swept.get(item.account, -1) < item.at:
            if not first:
                return None
            swept[item.account] = item.at
            while await self.expire_due(item.at, item.account):
                self._known.forget(item.account)
                commit = item.propose(await self._state(item))
                if commit.payload is not None:
                    return commit
        if isinstance(item, Asking):
            found = await self._standing.first(item.account, SEEN_MAX)
            ends = await self._store.load(item.account, self._standing.cells(item.profile, found))
            item.cells = ends.cells | item.cells
            item.holds = self._standing.seen(found)
        return commit

    async def _state(self, item: Item) -> State:
        sort = item.sort()
        ready = self._known.ready(item.account, sort) if sort is not None else None
        return ready or await self._known.state(item.account, sort, item.wanted)

    async def _put_back(self, item: Item) -> State:
        """The state after the store, which has lost some or all of it, was given it back."""
        await self._mend(item.account)
        self._known.forget(item.account)
        return await self._state(item)

    def _waits(self, item: Item, state: State) -> bool:
        """Whether terms of the account have fallen due, so that they come into force first."""
        if state.profile is None:
            return False
        now = item.instant(state)
        return is_due(self._policies.at(now), state.profile, now)

    async def _committed(
        self, batch: list[Numbered], commits: list[Commit], answers: list[Answer | None], swept: Swept
    ) -> list[Numbered]:
        """Commit and answer; what met a conflict comes back."""
        shaken: set[int] = set()

        def again(position: int, state: State) -> Commit | None:
            item = batch[position][1]
            self.conflicts += 1
            shaken.add(item.account)
            if self._known.has_gone_back(item.account, state):
                return None  # the next round mends it
            try:
                if self._waits(item, state):
                    return None
                commit = item.propose(state)
            except Exception:
                return None  # answered as a conflict; the next round meets the same error and reports it
            unswept = item.is_denied and state.cells.get(HOLDS, 0) and swept.get(item.account, -1) < item.at
            return None if unswept else commit

        outcomes = await self._outcomes(batch, commits, again)
        for account in shaken:  # what is remembered went another way than the store
            self._known.forget(account)
        left, fresh = [], list[tuple[Item, Answer]]()
        for (index, item), commit, outcome in zip(batch, commits, outcomes, strict=True):
            if isinstance(outcome, Unanswered):
                self._known.forget(item.account)  # it is remembered as if what was proposed were through
                answers[index] = outcome.error
                continue
            try:
                answer = item.conclude(outcome)
                if isinstance(outcome, Committed) and answer is not None:
                    self._known.saw(item.account, commit.epoch, outcome.sequence)
                    fresh.append((item, answer))
                elif isinstance(outcome, Conflict) and outcome.state.shut:
                    answer = await self._known.shut(item.account, item.name, outcome.state.epoch)
                if isinstance(answer, KeyReused) and isinstance(outcome, Duplicate) and isinstance(item, Asking):
                    answer = await self._as_then(item, outcome) or answer
                if answer is None:
                    await item.refresh()
                    left.append((index, item))
                answers[index] = answer if answer is not None else getattr(item, "replay", None)
            except Exception as error:
                answers[index] = own(error, "it may have been decided: send it again under the same key")
        if self.watch is not None and fresh:
            self.watch(fresh)
        return [(index, item) for index, item in left if answers[index] is None]

    async def _outcomes(
        self, batch: Sequence[Numbered], commits: list[Commit], again: Again
    ) -> Sequence[Outcome | Unanswered]:
        """What the store says of each. Raises its error where that concerns every account."""
        if self.live:
            commits[0] = replace(commits[0], now=self._clock())  # one tells the store what clock all were decided by
        try:
            return await self._store.commit(commits, again)
        except PartUnavailable as error:  # those that have their answers already, or wait, may be elsewhere
            return [Unanswered(error)] * len(commits)
        except BaseException:
            for _, item in batch:
                self._known.forget(item.account)
            raise
