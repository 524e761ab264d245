"""A request on its way through a batch: to be consumed, recorded, or held."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spillover.core.decide import RULES, cells_for, decide, estimate, hold_cell, rule_for
from spillover.core.intake import Ask, fingerprint, no_estimate
from spillover.engine.answers import Holds, denied, granted, no_holds
from spillover.engine.items import Answer, advance, bounded, live_instant, profile_of
from spillover.engine.known import Known, Named, Sort, sort_of
from spillover.engine.policies import Policies
from spillover.model.account import Profile
from spillover.model.commit import Commit, Committed, Conflict, Operation, Outcome, State
from spillover.model.decision import Verdict
from spillover.model.errors import KeyReused
from spillover.model.event import SCHEMA, Event, decode_event, encode_event
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.model.request import Request

encode_hold = encode_event
"""A hold's record, as the store keeps it: JSON, like events."""


class Asking:
    """See the head of this file, and engine.items."""

    __slots__ = (
        "account", "ask", "at", "cells", "clock", "event", "holds", "is_denied", "known", "name", "policies", "policy",
        "profile", "request", "verdict",
    )  # fmt: skip

    verdict: Verdict
    profile: Profile
    cells: dict[str, int]

    def __init__(
        self, ask: Ask, request: Request, policy: Policy, policies: Policies, known: Known, clock: Callable[[], int]
    ) -> None:
        self.ask, self.request, self.policy = ask, request, policy
        self.policies, self.known, self.clock = policies, known, clock
        self.account, self.name = request.account, ask.account
        self.event: Event | None = None
        self.holds: Holds = no_holds
        self.is_denied = False
        self.at = 0

    def sort(self) -> Sort | None:
        """A hold's own cell is new each time, so nothing is remembered for it."""
        return None if self.request.hold else sort_of(self.policy, self.request)

    def instant(self, state: State) -> int:
        """The request's own time, else now."""
        return live_instant(self.clock, state) if self.ask.at is None else self.ask.at

    def wanted(self, profile: Profile) -> Sequence[str]:
        """The cells that it may read."""
        return cells_for(self.policy, profile, self.request)

    async def refresh(self) -> None:
        """Nothing: all that it needs is in the account's state."""

    def propose(self, state: State) -> Commit:
        """Decide on a state, and change it as if the commit were through."""
        request = self.request
        self.profile = profile = profile_of(state, self.name)
        self.at = now = self.instant(state)
        policy = self.policy
        if request.hold:
            self._require_estimate(profile, now)
        self.verdict, operations = decide(policy, profile, state.cells, request, now)
        self.is_denied = not self.verdict.allowed
        if self.is_denied:
            # The state is kept as it is now: later requests of the batch go on changing the remembered one.
            self.cells = dict(state.cells)
            denial = (request.feature, self.verdict.blockers[-1].kind, now // 60_000)
            return Commit(
                request.account, state.epoch, profile.version, operations, request.key, request.fingerprint,
                denied=denial, seen=state.sequence,
            )  # fmt: skip
        self.event = event = event_of(policy, profile, request, self.verdict, operations, now)
        payload = bounded(encode_event(event))
        hold = self.verdict.hold
        advance(state, operations, stale=hold is not None and state.cells.get(hold_cell(hold.id), 0) != 0)
        record = (hold.id, hold.due, encode_hold(hold)) if hold else None
        return Commit(
            request.account, state.epoch, profile.version, operations, request.key, request.fingerprint, payload,
            hold=record, seen=state.sequence,
        )  # fmt: skip

    def _require_estimate(self, profile: Profile, now: int) -> None:
        rule = rule_for(self.policy, profile, self.request.feature, now)
        feature = self.policy.features[self.request.feature]
        if rule and not any(estimate(rule, self.request.usage).values()) and feature.count != "requests":
            raise no_estimate(feature)

    def conclude(self, outcome: Outcome) -> Answer | None:
        """The answer that an outcome is; None if it must be decided again."""
        request, ask = self.request, self.ask
        if isinstance(outcome, Committed):
            if self.event and self.verdict.allowed:
                return granted(self.policy, ask.account, self.event, outcome.sequence, False, self.verdict.blockers)
            if self.profile.state == "closed":  # perhaps erased: look next time who has this name
                self.known.forget_name(ask.account, request.account)
            return denied(
                self.policy, ask.account, self.profile, self.cells, request, self.at, self.verdict, self.holds
            )
        # What was remembered had this request's change in it, which did not happen.
        self.known.forget(request.account)
        if isinstance(outcome, Conflict):
            return None
        if outcome.fingerprint != request.fingerprint:
            return KeyReused(ask.account, request.key)
        return granted(self.policy, ask.account, decode_event(outcome.payload), outcome.sequence, True)


def request_of(ask: Ask, named: Named) -> Request:
    """The request with tokens for names."""
    account, subject, attributes = named
    mark = fingerprint(ask.feature, ask.usage, subject, attributes, ask.mode, ask.at, ask.hold)
    return Request(account, ask.feature, ask.usage, ask.key, subject, attributes, ask.mode, mark, ask.hold)


def event_of(
    policy: Policy, profile: Profile, request: Request, verdict: Verdict, operations: tuple[Operation, ...], now: int
) -> Event:
    """The usage event of a grant."""
    hold: Hold | None = verdict.hold
    return Event(
        SCHEMA, RULES, "hold" if hold else "usage", request.account, request.key, request.fingerprint, now,
        profile.version, changes_of(operations), policy.hash, request.feature, request.subject, request.attributes,
        hold.usage if hold else request.usage, request.mode, verdict.units, verdict.granted, verdict.legs,
        overshoot=verdict.overshoot, hold=hold,
    )  # fmt: skip


def changes_of(operations: Sequence[Operation]) -> tuple[tuple[str, int | None, int], ...]:
    """The operations without their conditions, those that change nothing left out."""
    return tuple((name, floor, add) for name, _, _, floor, add in operations if add or floor is not None)
