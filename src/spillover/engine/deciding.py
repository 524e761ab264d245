"""load -> decide -> commit, for a batch of concurrent requests (design, section 5).

Each request is decided on the state that the engine remembers, as changed by the requests before it in the batch; the
store then checks every box and applies it. What lies outside its box is decided again on the fresh state, under the
store's lock where it has one, else in another round, at most ROUNDS_MAX times.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from spillover.core.apply import apply
from spillover.core.decide import RULES, TIME, TOLERANCE, cells_for, decide, refused, rule_for
from spillover.core.intake import Ask, fingerprint
from spillover.core.staircase import Staircase
from spillover.engine.answers import Decision, denied, foreseen, granted
from spillover.engine.known import Known, Named
from spillover.model.account import Profile
from spillover.model.commit import Commit, Committed, Conflict, Duplicate, Operation, Outcome, State
from spillover.model.decision import Verdict
from spillover.model.errors import (
    BoundExceeded,
    Contended,
    Fault,
    InvalidInput,
    KeyReused,
    SpilloverError,
    UnknownName,
)
from spillover.model.event import SCHEMA, Event, decode_event, encode_event
from spillover.model.policy import Policy
from spillover.model.request import Request
from spillover.ports import HotStore, Ledger, Terms

ROUNDS_MAX = 8
"""How often one request is decided again after conflicts before the caller is told so (Contended)."""
EVENT_MAX = 4096
"""Bytes of an event (law 14)."""

Answer = Decision | SpilloverError


class Item:
    """One request on its way through a batch."""

    __slots__ = ("ask", "at", "cells", "event", "profile", "request", "verdict")

    ask: Ask
    request: Request
    verdict: Verdict
    event: Event | None
    at: int
    profile: Profile
    cells: dict[str, int]

    def __init__(self, ask: Ask, request: Request) -> None:
        self.ask, self.request, self.event = ask, request, None


class Deciding:
    """Decides batches for one policy on one store. Used by one thread at a time."""

    def __init__(
        self, policy: Policy, store: HotStore, ledger: Ledger, known: Known, clock: Callable[[], int],
        admit: Callable[[str, Terms], Awaitable[object]],
        policy_of: Callable[[str], Awaitable[Policy | None]],
    ) -> None:  # fmt: skip
        """`admit` puts an unknown account under the policy's default plan; `policy_of` finds a policy by its hash."""
        self._policy_of = policy_of
        self._policy, self._store, self._ledger, self._known = policy, store, ledger, known
        self._clock, self._admit = clock, admit

    async def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """One answer for each request, in order: a decision, or the error that concerns just this request.

        Raises StoreError if the store cannot serve; then nothing of the batch was applied.
        """
        answers: list[Answer | None] = [None] * len(asks)
        pending: list[tuple[int, Item]] = []
        for index, ask in enumerate(asks):
            try:
                pending.append((index, await self._enter(ask)))
            except Exception as error:
                answers[index] = _own(error)
        for _ in range(ROUNDS_MAX):
            if not pending:
                break
            pending = await self._round(pending, answers)
        for index, item in pending:
            answers[index] = Contended(
                f"account {item.ask.account!r} changed between {ROUNDS_MAX} tries; nothing was changed,"
                " send the request again under the same key"
            )
        return [answer for answer in answers if answer is not None]

    async def foresee(self, ask: Ask) -> tuple[Decision, Staircase]:
        """What the answer would be now and the waterfall behind it; nothing is changed or remembered."""
        try:
            account = await self._known.account(ask.account)
        except UnknownName:
            if not self._policy.default_plan:
                raise
            account = 0  # a stranger, whom the first request would admit
        request = _request(ask, await self._known.names_as_they_are(account, ask, self._policy))
        if account:
            self._known.forget(account)  # another engine may have been at work
            state = await self._state(request)
        else:
            state = State(0, 0, Profile(0, 1, self._policy.default_plan, self._clock()), {})
        profile = _profile_of(state, ask.account)
        return foreseen(self._policy, ask.account, profile, state.cells, request, self._instant(ask, state))

    async def _enter(self, ask: Ask) -> Item:
        if ask.at is not None and ask.at > self._clock() + TOLERANCE:
            raise InvalidInput("at", str(ask.at), "an instant that is not in the future")
        named = self._known.at_hand(ask)
        if named is None:
            try:
                await self._known.account(ask.account)
            except UnknownName:
                if not self._policy.default_plan:
                    raise
                await self._admit(ask.account, Terms(plan=self._policy.default_plan))
            account = await self._known.account(ask.account)
            if await self._is_refused(account, ask):  # then its names need not be written down
                named = await self._known.names_as_they_are(account, ask, self._policy)
            else:
                named = await self._known.names(ask)
        return Item(ask, _request(ask, named))

    async def _is_refused(self, account: int, ask: Ask) -> bool:
        profile = (await self._store.load(account, ())).profile
        rule = rule_for(self._policy, profile, ask.feature) if profile else None
        return profile is None or refused(rule, profile, ask.attributes) is not None

    async def _state(self, request: Request) -> State:
        return await self._known.state(request, lambda profile: cells_for(self._policy, profile, request))

    def _instant(self, ask: Ask, state: State) -> int:
        """The request's own time; a live one takes the account's latest instant if this clock is behind it."""
        if ask.at is not None:
            return ask.at
        now, seen = self._clock(), state.cells.get(TIME, 0)
        return now if seen <= now + TOLERANCE else seen

    async def _round(self, pending: list[tuple[int, Item]], answers: list[Answer | None]) -> list[tuple[int, Item]]:
        """Decide, commit, and answer; what remains in conflict comes back."""
        batch: list[tuple[int, Item]] = []
        commits: list[Commit] = []
        for index, item in pending:
            try:
                request = item.request
                commits.append(self._propose(item, self._known.ready(request) or await self._state(request)))
                batch.append((index, item))
            except Exception as error:
                answers[index] = _own(error)
        if not commits:
            return []

        shaken: set[int] = set()

        def again(position: int, state: State) -> Commit | None:
            item = batch[position][1]
            shaken.add(item.request.account)
            try:
                return self._propose(item, state)
            except Exception:
                return None  # answered as a conflict; the next round meets the same error and reports it

        try:
            outcomes = await self._store.commit(commits, again)
        except BaseException:
            for _, item in batch:
                self._known.forget(item.request.account)
            raise
        for account in shaken:  # what is remembered went another way than the store
            self._known.forget(account)
        left = []
        for (index, item), outcome in zip(batch, outcomes, strict=True):
            answer = self._conclude(item, outcome)
            if isinstance(answer, KeyReused) and isinstance(outcome, Duplicate):
                answer = await self._as_then(item, outcome) or answer
            if answer is None:
                left.append((index, item))
            else:
                answers[index] = answer
        return left

    def _propose(self, item: Item, state: State) -> Commit:
        """Decide on a state and change the remembered one accordingly, as if the commit were through."""
        request, policy = item.request, self._policy
        item.profile = profile = _profile_of(state, item.ask.account)
        item.at = now = self._instant(item.ask, state)
        item.verdict, operations = decide(policy, profile, state.cells, request, now)
        if not item.verdict.allowed:
            # The state is kept as it is now: later requests of the batch go on changing the remembered one.
            item.cells = dict(state.cells)
            denial = (request.feature, item.verdict.blockers[-1].kind, now // 60_000)
            return Commit(
                request.account,
                state.epoch,
                profile.version,
                operations,
                request.key,
                request.fingerprint,
                denied=denial,
            )
        item.event = event = _event(policy, profile, request, item.verdict, operations, now)
        payload = encode_event(event)
        if len(payload) > EVENT_MAX:
            raise BoundExceeded("event bytes", len(payload), EVENT_MAX, "send shorter keys, attributes or usage")
        changed = apply(state.cells, operations)
        assert changed is not None, "a state lies in its own box (design, section 5, property a)"
        state.cells.update(changed)
        return Commit(
            request.account, state.epoch, profile.version, operations, request.key, request.fingerprint, payload
        )  # fmt: skip

    async def _as_then(self, item: Item, outcome: Duplicate) -> Answer | None:
        """The answer of then, if the request is the same but the policy declared or priced other attributes then."""
        ask, event = item.ask, decode_event(outcome.payload)
        policy = await self._policy_of(event.policy) if event.policy != self._policy.hash else None
        if policy is None:
            return None
        named = await self._known.names_as_they_are(item.request.account, ask, policy)
        if _request(ask, named).fingerprint != outcome.fingerprint:
            return None
        return granted(self._policy, ask.account, event, outcome.sequence, True)

    def _conclude(self, item: Item, outcome: Outcome) -> Answer | None:
        """The answer that an outcome is; None if the request must be decided again."""
        request, ask = item.request, item.ask
        if isinstance(outcome, Committed):
            if item.event and item.verdict.allowed:
                return granted(self._policy, ask.account, item.event, outcome.sequence, False)
            if item.profile.state == "closed":  # perhaps erased: look next time who has this name
                self._known.forget_name(ask.account, request.account)
            return denied(self._policy, ask.account, item.profile, item.cells, request, item.at, item.verdict)
        # What was remembered had this request's change in it, which did not happen.
        self._known.forget(request.account)
        if isinstance(outcome, Conflict):
            return None
        if outcome.fingerprint != request.fingerprint:
            return KeyReused(ask.account, request.key)
        return granted(self._policy, ask.account, decode_event(outcome.payload), outcome.sequence, True)


def _own(error: Exception) -> SpilloverError:
    """The request's own error: whatever it is, the others of the batch go on."""
    if isinstance(error, SpilloverError):
        return error
    fault = Fault(
        f"{type(error).__name__}: {error}; this is a fault of Spillover, nothing was changed; please report it"
    )
    fault.__cause__ = error
    return fault


def _request(ask: Ask, named: Named) -> Request:
    account, subject, attributes = named
    mark = fingerprint(ask.feature, ask.usage, subject, attributes, ask.mode, ask.at)
    return Request(account, ask.feature, ask.usage, ask.key, subject, attributes, ask.mode, mark)


def _profile_of(state: State, name: str) -> Profile:
    if state.profile is None:
        raise UnknownName("account", repr(name), "an account whose terms have reached the store; put it again")
    return state.profile


def _event(
    policy: Policy, profile: Profile, request: Request, verdict: Verdict, operations: tuple[Operation, ...], now: int
) -> Event:
    changes = tuple((name, floor, add) for name, _, _, floor, add in operations if add or floor is not None)
    return Event(
        SCHEMA, RULES, "usage", request.account, request.key, request.fingerprint, now, profile.version, changes,
        policy.hash, request.feature, request.subject, request.attributes, request.usage, request.mode,
        verdict.units, verdict.granted, verdict.legs,
    )  # fmt: skip
