"""load -> decide -> commit, for a batch of concurrent wishes (design, section 5).

Each is decided on the state that the engine remembers, as changed by those before it in the batch; the store then
checks every box and applies it. What lies outside its box is decided again on the fresh state, under the store's lock
where it has one, else in another round, at most ROUNDS_MAX times. Before that the account is brought up to date: terms
that have fallen due come into force, and before a denial is answered its due holds expire (law 9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from spillover.core.decide import HOLDS, TOLERANCE, cells_for, refused, rule_for
from spillover.core.holds import cells_for_hold
from spillover.core.intake import Ask
from spillover.core.opening import Course
from spillover.core.staircase import Staircase
from spillover.engine.answers import Decision, foreseen, granted, no_holds
from spillover.engine.asking import Asking, request_of
from spillover.engine.holding import HoldAsk, Holding, decode_hold
from spillover.engine.items import Answer, Item, live_instant, own, profile_of
from spillover.engine.known import Known, sort_of
from spillover.engine.policies import Policies
from spillover.engine.tending import Tending, is_due
from spillover.model.account import NEVER, Profile
from spillover.model.commit import Commit, Committed, Duplicate, State
from spillover.model.errors import Contended, InvalidInput, KeyReused, SpilloverError, UnknownName
from spillover.model.event import decode_event
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.model.request import Request
from spillover.ports import HotStore, Ledger, Terms

ROUNDS_MAX = 8
"""How often one wish is decided again after conflicts before the caller is told so (Contended)."""
DUE_MAX = 256
"""Holds expired at a time, and open holds looked at to foresee when a request would pass."""
SEEN_MAX = 32
"""Open holds looked at with each denial, so that it can say when it opens."""

Wish = Ask | HoldAsk
Watch = Callable[[Sequence[tuple[Item, Answer]]], None]
"""Is told what was decided just now, in order; it raises nothing and changes nothing."""


class Deciding:
    """Decides batches on one store. Used by one thread at a time."""

    def __init__(
        self, policies: Policies, store: HotStore, ledger: Ledger, known: Known, clock: Callable[[], int],
        tending: Tending,
    ) -> None:  # fmt: skip
        """`tending` brings terms that have fallen due into force, and puts unknown accounts under the default plan."""
        self._policies, self._store, self._ledger, self._known = policies, store, ledger, known
        self._clock, self._tending = clock, tending
        self.watch: Watch | None = None

    async def answer(self, wishes: Sequence[Wish]) -> list[Answer]:
        """One answer for each wish, in order: a decision, an ending, or the error that concerns just this one.

        Raises StoreError if the store cannot serve; then nothing of the batch was applied.
        """
        answers: list[Answer | None] = [None] * len(wishes)
        pending: list[tuple[int, Item]] = []
        for index, wish in enumerate(wishes):
            try:
                item = await self._enter(wish)
                if isinstance(item, Holding) and item.replay is not None:
                    answers[index] = item.replay
                else:
                    pending.append((index, item))
            except Exception as error:
                answers[index] = own(error)
        await self._decide(pending, answers, set())
        return [answer for answer in answers if answer is not None]

    async def expire_due(self, now: int, account: int | None = None) -> int:
        """Expire open holds that are due at that instant, at most DUE_MAX of them; how many ended."""
        wishes = []
        for found in await self._store.due(now - TOLERANCE, DUE_MAX, account):
            hold = decode_hold(found.record)
            wishes.append(HoldAsk(f"id {found.account}", hold.key, "expire", at=now, id=found.account))
        answers = await self.answer(wishes) if wishes else []
        return sum(1 for answer in answers if not isinstance(answer, SpilloverError))

    async def foresee(self, ask: Ask) -> tuple[Decision, Staircase]:
        """What the answer would be now and the waterfall behind it; nothing is changed or remembered.

        But terms that have fallen due come into force first, as they do before an answer.
        """
        policy = self._policies.at(self._clock())
        try:
            account = await self._known.account(ask.account)
        except UnknownName:
            if not policy.default_plan:
                raise
            account = 0  # a stranger, whom the first request would admit
        request = request_of(ask, await self._known.names_as_they_are(account, ask, policy))
        if not account:
            profile = Profile(0, 1, policy.default_plan, self._clock())
            at = self._clock() if ask.at is None else ask.at
            return foreseen(policy, ask.account, profile, {}, request, at)
        self._known.forget(account)  # another engine may have been at work
        state = await self._state_of_request(policy, request)
        if state.profile is not None and is_due(policy, state.profile, self._clock()):
            await self._tending.terms(account, self._clock())
            state = await self._state_of_request(policy, request)
        profile = profile_of(state, ask.account)
        at = live_instant(self._clock, state) if ask.at is None else ask.at
        cells, holds = state.cells, no_holds
        if cells.get(HOLDS, 0):
            found = await self._open_holds(account, DUE_MAX)
            names = dict.fromkeys((*cells_for(policy, profile, request), *self._cells_of(profile, found)))
            cells = (await self._store.load(account, tuple(names))).cells
            due = [hold for hold in found if hold.due <= at - TOLERANCE]  # they expire before anything is denied
            cells = Course(self._policies.at_hand, profile, cells, due).at(at)
            holds = partial(self._held, found)
        return foreseen(policy, ask.account, profile, cells, request, at, holds)

    async def _open_holds(self, account: int, limit: int) -> tuple[Hold, ...]:
        """The open holds that are due first, with their policies at hand."""
        found = tuple(decode_hold(hold.record) for hold in await self._store.due(NEVER, limit, account))
        for hold in found:
            await self._policies.of(hold.policy)
        return found

    def _cells_of(self, profile: Profile, holds: Sequence[Hold]) -> list[str]:
        """The cells that the ends of these holds may read."""
        names = dict[str, None]()
        for hold in holds:
            policy = self._policies.at_hand(hold.policy)
            names.update(dict.fromkeys(cells_for_hold(policy, profile, hold) if policy else ()))
        return list(names)

    def _held(self, holds: tuple[Hold, ...]) -> tuple[Callable[[str], Policy | None], tuple[Hold, ...]]:
        return self._policies.at_hand, holds

    async def _enter(self, wish: Wish) -> Item:
        if isinstance(wish, HoldAsk):
            account = wish.id or await self._known.account(wish.account)
            item = Holding(wish, account, self._store, self._policies, self._known, self._clock)
            await item.refresh()
            return item
        now = self._clock()
        if wish.at is not None and wish.at > now + TOLERANCE:
            raise InvalidInput("at", str(wish.at), "an instant that is not in the future")
        policy = self._policies.at(now)
        named = self._known.at_hand(wish, policy)
        if named is None:
            account = await self._admitted(wish, policy)
            if await self._is_refused(account, wish, policy):  # then its names need not be written down
                named = await self._known.names_as_they_are(account, wish, policy)
            else:
                named = await self._known.names(wish, policy)
        return Asking(wish, request_of(wish, named), policy, self._policies, self._known, self._clock)

    async def _admitted(self, ask: Ask, policy: Policy) -> int:
        """The account's id; a stranger is admitted where the policy has a default plan."""
        try:
            return await self._known.account(ask.account)
        except UnknownName:
            if not policy.default_plan:
                raise
        await self._tending.admit(ask.account, Terms(plan=policy.default_plan))
        return await self._known.account(ask.account)

    async def _is_refused(self, account: int, ask: Ask, policy: Policy) -> bool:
        profile = (await self._store.load(account, ())).profile
        if profile is None:
            return True
        now = self._clock()
        rule = rule_for(policy, profile, ask.feature, now)
        request = Request(account, ask.feature, ask.usage, ask.key, attributes=ask.attributes)
        return ask.mode != "record" and refused(rule, profile, request, now) is not None

    async def _state_of_request(self, policy: Policy, request: Request) -> State:
        sort = None if request.hold else sort_of(policy, request)
        return await self._known.state(
            request.account, sort, lambda profile: cells_for(policy, profile, request)
        )  # fmt: skip

    async def _state(self, item: Item) -> State:
        sort = item.sort()
        ready = self._known.ready(item.account, sort) if sort is not None else None
        return ready or await self._known.state(item.account, sort, item.wanted)

    async def _decide(self, pending: list[tuple[int, Item]], answers: list[Answer | None], swept: set[int]) -> None:
        """Round after round, until all are answered. `swept` are the accounts without due holds."""
        for _ in range(ROUNDS_MAX):
            if not pending:
                return
            pending = await self._round(pending, answers, swept)
        for index, item in pending:
            answers[index] = Contended(
                f"account {item.name!r} changed between {ROUNDS_MAX} tries; nothing was changed,"
                " send the request again under the same key"
            )

    async def _round(
        self, pending: list[tuple[int, Item]], answers: list[Answer | None], swept: set[int]
    ) -> list[tuple[int, Item]]:
        """Decide, commit, and answer; what remains in conflict comes back."""
        batch: list[tuple[int, Item]] = []
        commits: list[Commit] = []
        for index, item in pending:
            try:
                commits.append(await self._proposed(item, swept))
                batch.append((index, item))
            except Exception as error:
                answers[index] = own(error)
        if not commits:
            return []
        shaken: set[int] = set()

        def again(position: int, state: State) -> Commit | None:
            item = batch[position][1]
            shaken.add(item.account)
            try:
                if self._waits(item, state):
                    return None
                commit = item.propose(state)
            except Exception:
                return None  # answered as a conflict; the next round meets the same error and reports it
            unswept = item.is_denied and state.cells.get(HOLDS, 0) and item.account not in swept
            return None if unswept else commit

        try:
            outcomes = await self._store.commit(commits, again)
        except BaseException:
            for _, item in batch:
                self._known.forget(item.account)
            raise
        for account in shaken:  # what is remembered went another way than the store
            self._known.forget(account)
        left, fresh = [], list[tuple[Item, Answer]]()
        for (index, item), outcome in zip(batch, outcomes, strict=True):
            try:
                answer = item.conclude(outcome)
                if isinstance(outcome, Committed) and answer is not None:
                    fresh.append((item, answer))
                if isinstance(answer, KeyReused) and isinstance(outcome, Duplicate) and isinstance(item, Asking):
                    answer = await self._as_then(item, outcome) or answer
                if answer is None:
                    await item.refresh()
                    left.append((index, item))
                answers[index] = answer if answer is not None else getattr(item, "replay", None)
            except Exception as error:
                answers[index] = own(error)
        if self.watch is not None and fresh:
            self.watch(fresh)
        return [(index, item) for index, item in left if answers[index] is None]

    def _waits(self, item: Item, state: State) -> bool:
        """Whether terms of the account have fallen due, so that they come into force first."""
        if state.profile is None:
            return False
        now = item.instant(state)
        return is_due(self._policies.at(now), state.profile, now)

    async def _proposed(self, item: Item, swept: set[int]) -> Commit:
        """Decide on the remembered state, of an account that is up to date."""
        state = await self._state(item)
        if self._waits(item, state):
            await self._tending.terms(item.account, item.instant(state))
            self._known.forget(item.account)
            state = await self._state(item)
        commit = item.propose(state)
        if item.is_denied and state.cells.get(HOLDS, 0):
            if item.account not in swept:
                swept.add(item.account)
                while await self.expire_due(item.at, item.account):
                    self._known.forget(item.account)
                    commit = item.propose(await self._state(item))
                    if commit.payload is not None:
                        return commit
            if isinstance(item, Asking):
                found = await self._open_holds(item.account, SEEN_MAX)
                ends = await self._store.load(item.account, self._cells_of(item.profile, found))
                item.cells = ends.cells | item.cells
                item.holds = partial(self._held, found)
        return commit

    async def _as_then(self, item: Asking, outcome: Duplicate) -> Answer | None:
        """The answer of then, if the request is the same but the policy declared or priced other attributes then."""
        ask, event = item.ask, decode_event(outcome.payload)
        policy = await self._policies.of(event.policy) if event.policy != item.policy.hash else None
        if policy is None:
            return None
        named = await self._known.names_as_they_are(item.request.account, ask, policy)
        if request_of(ask, named).fingerprint != outcome.fingerprint:
            return None
        return granted(item.policy, ask.account, event, outcome.sequence, True)
