"""load -> decide -> commit, for a batch of concurrent wishes (design, section 5): how they enter, and what is foreseen.

`engine.rounds` decides them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spillover.core.decide import HOLDS, TOLERANCE, cells_for, refused, rule_for
from spillover.core.intake import Ask
from spillover.core.opening import Course
from spillover.core.staircase import Staircase
from spillover.engine.answers import Decision, foreseen, granted, no_holds
from spillover.engine.asking import Asking, request_of
from spillover.engine.holding import HoldAsk, Holding
from spillover.engine.items import Answer, Item, is_down, live_instant, own, profile_of
from spillover.engine.known import Known, sort_of
from spillover.engine.policies import Policies
from spillover.engine.rounds import Mend, Rounds
from spillover.engine.standing_holds import StandingHolds
from spillover.engine.tending import Tending, is_due
from spillover.model.account import Profile
from spillover.model.commit import Duplicate, State
from spillover.model.errors import InvalidInput, UnknownName
from spillover.model.event import decode_event
from spillover.model.policy import Policy
from spillover.model.request import Request
from spillover.ports import HotStore, Ledger, Terms

FORESEEN_MAX = 256
"""Open holds looked at to foresee when a request would pass."""

Wish = Ask | HoldAsk


class Deciding:
    """Decides batches on one store. Used by one thread at a time."""

    def __init__(
        self, policies: Policies, store: HotStore, ledger: Ledger, known: Known, clock: Callable[[], int],
        tending: Tending, mend: Mend,
    ) -> None:  # fmt: skip
        """`tending` brings terms that have fallen due into force, and puts unknown accounts under the default plan;
        `mend` puts back the hot state of an account that the store has lost."""
        self._policies, self._store, self._ledger, self._known = policies, store, ledger, known
        self._clock, self._tending = clock, tending
        self._standing = StandingHolds(policies, store)
        self.rounds = Rounds(policies, store, known, clock, tending, self._as_then, mend)

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
                if is_down(error):  # each of the others would wait as long for the same
                    return [own(error) if answer is None else answer for answer in answers]
        await self.rounds.run(pending, answers)
        return [answer for answer in answers if answer is not None]

    async def expire_due(self, now: int, shards: Sequence[int] | None = None) -> int:
        """Expire open holds (of these shards) that are due at that instant, a bounded part; how many ended."""
        return await self.rounds.expire_due(now, shards=shards)

    async def foresee(self, ask: Ask) -> tuple[Decision, Staircase]:
        """What the answer would be now and the waterfall behind it; nothing is changed or remembered.

        But terms that have fallen due come into force first, as they do before an answer. Raises AccountShut for an
        account that was moved away.
        """
        policy = self._policies.at(self._clock())
        try:
            account = await self._known.account_now(ask.account)
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
        if state.shut and (elsewhere := await self._known.gone(account, ask.account, state.epoch)):
            self._known.forget(account)
            raise elsewhere
        if state.profile is not None and is_due(policy, state.profile, self._clock()):
            await self._tending.terms(account, self._clock())
            state = await self._state_of_request(policy, request)
        profile = profile_of(state, ask.account)
        at = live_instant(self._clock, state) if ask.at is None else ask.at
        cells, holds = state.cells, no_holds
        if cells.get(HOLDS, 0):
            found = await self._standing.first(account, FORESEEN_MAX)
            names = dict.fromkeys((*cells_for(policy, profile, request), *self._standing.cells(profile, found)))
            cells = (await self._store.load(account, tuple(names))).cells
            due = [hold for hold in found if hold.due <= at - TOLERANCE]  # they expire before anything is denied
            cells = Course(self._policies.at_hand, profile, cells, due).at(at)
            holds = self._standing.seen(found)
        return foreseen(policy, ask.account, profile, cells, request, at, holds)

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
