"""The hot state of one account on the shipped rules, and each of their answers with all that was needed to give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from spillover.core.apply import apply
from spillover.core.decide import cells_for, decide
from spillover.core.holds import Ended, cells_for_hold, end, extend
from spillover.core.scopes import stem_of
from spillover.core.terms import Orders, carry_out, cells_for_orders
from spillover.model.account import Profile
from spillover.model.commit import Cells, Operation
from spillover.model.decision import Verdict
from spillover.model.event import Move
from spillover.model.hold import Hold
from spillover.model.policy import Limit, Policy
from spillover.model.request import Request
from spillover.model.terms import Reset
from spillover.ports import Push
from tests.oracle.history import Kept

TIME = "t"
"""The cell of the newest instant that an account has seen."""

TOLERANCE = 1_000

Said = tuple[Any, ...]
"""What an answer says, in a form in which both sides can be compared."""

Operations = tuple[Operation, ...]
Rules = Callable[[Mapping[str, int]], tuple[Any, Operations]]


class Answered(NamedTuple):
    """One answer of a history: the state it was given on, and what both sides say."""

    kind: str  # "ask", "extend", how a hold ended, or "terms"
    profile: Profile
    cells: Cells
    names: tuple[str, ...]
    now: int
    rules: Rules
    answer: Any
    operations: Operations
    request: Request | None = None
    ends: Hold | None = None
    expected: Said = ()
    committed: bool = False

    @property
    def said(self) -> Said:
        return said(self.answer)

    @property
    def allowed(self) -> bool:
        """Whether anything is changed by it."""
        return self.answer.allowed if isinstance(self.answer, Verdict) else not getattr(self.answer, "refused", None)


def said(answer: Any, kept: Kept | Hold | None = None) -> Said:
    """An answer of the rules or of the oracle, which says of a hold what it keeps."""
    if isinstance(answer, Verdict):
        kept = kept or answer.hold
        hold = None
        if kept is not None:
            hold = kept.due, kept.usage, kept.units, tuple(part.leg for part in kept.parts)
        return (
            "verdict", answer.allowed, answer.units, answer.granted, answer.legs, answer.blockers, answer.overshoot,
            hold,
        )  # fmt: skip
    if isinstance(answer, list | tuple) and not hasattr(answer, "refused"):  # moves, of terms
        return "moves", tuple(answer)
    moves = tuple(sorted(answer.moves, key=lambda move: move.lot))
    return "ended", answer.units, answer.granted, answer.legs, answer.overshoot, moves, answer.refused


class Hot:
    """What a store keeps."""

    def __init__(self, profile: Profile, now: int) -> None:
        self.profile = profile
        self.cells: Cells = {TIME: now}
        self.holds: dict[str, Hold] = {}
        self.expired: dict[str, Hold] = {}

    def apply(self, operations: Operations) -> bool:
        """Check the box and apply the change; False, and nothing, if the state lies outside of it."""
        changed = apply(self.cells, operations)
        if changed is None:
            return False
        self.cells = {name: value for name, value in (self.cells | changed).items() if value}
        return True

    def commit(self, answered: Answered, expected: Said) -> Answered:
        """The answer, now that it has happened, beside what the oracle says."""
        committed = self.apply(answered.operations)
        self.keep(answered)
        return answered._replace(expected=expected, committed=committed)

    def keep(self, answered: Answered) -> None:
        """The records of holds, as a store keeps them; new terms."""
        answer, ends = answered.answer, answered.ends
        if answered.kind == "terms":
            self.profile = answered.profile
        elif isinstance(answer, Verdict):
            if answer.hold is not None:
                self.holds[answer.hold.key] = answer.hold
        elif ends is not None and not answer.refused:
            (self.expired if answered.kind == "late" else self.holds).pop(ends.key)
            if answered.kind == "expire":
                self.expired[ends.key] = ends


class Known(Protocol):
    """What an answer is given on: the store's own state, or what an engine remembers of it."""

    profile: Profile
    cells: Cells


def asked(policy: Policy, hot: Known, request: Request, now: int) -> Answered:
    """A request, decided by the shipped rules."""
    profile, cells = hot.profile, hot.cells

    def rules(state: Mapping[str, int]) -> tuple[Verdict, Operations]:
        return decide(policy, profile, state, request, now)

    names = cells_for(policy, profile, request)
    return Answered("ask", profile, cells, names, now, rules, *rules(cells), request=request)


def extended(policy: Policy, hot: Known, hold: Hold, usage: dict[str, int], due: int, now: int) -> Answered:
    """More for a hold, by the shipped rules."""
    profile, cells = hot.profile, hot.cells

    def rules(state: Mapping[str, int]) -> tuple[Verdict, Operations]:
        return extend(policy, profile, state, hold, usage, due, now)

    return Answered("extend", profile, cells, cells_for_hold(policy, profile, hold), now, rules, *rules(cells))


def ended(policy: Policy, hot: Known, hold: Hold, kind: str, usage: dict[str, int], now: int) -> Answered:
    """A hold's end, by the shipped rules."""
    profile, cells = hot.profile, hot.cells

    def rules(state: Mapping[str, int]) -> tuple[Ended, Operations]:
        return end(policy, profile, state, hold, kind, usage, now)  # type: ignore[arg-type]

    names = cells_for_hold(policy, profile, hold)
    return Answered(kind, profile, cells, names, now, rules, *rules(cells), ends=hold)


def ordered(hot: Hot, push: Push, now: int) -> Answered:
    """New terms, by the shipped rules. The instant is counted as the engine counts it."""
    orders = Orders(push.raised, push.relieved, push.lowers, push.resets)

    def rules(state: Mapping[str, int]) -> tuple[tuple[Move, ...], Operations]:
        effect = carry_out(push.profile, state, orders, now)
        return effect.moves, ((TIME, 0, 2**53 - 1, now, 0), *effect.operations)

    names = (TIME, *cells_for_orders(orders))
    return Answered("terms", push.profile, hot.cells, names, now, rules, *rules(hot.cells))


def reset_of(limit: Limit, scope: str, policy: Policy) -> Reset:
    """What is to be set to 0 so that a limit has counted nothing: its windows stay open."""
    stem, kind = stem_of(limit, scope), limit.window.kind
    if kind == "refill":
        return Reset(limit.title, (stem,), limit.spacing, limit.ticks)
    if kind == "sliding":
        return Reset(limit.title, tuple(f"{stem}:{slot}" for slot in range(limit.window.slots + 2)))
    cells = [stem + ":used"]
    if kind != "ever" and limit.of != "subjects" and policy.late > TOLERANCE:
        cells.append(stem + ":past-used")
    return Reset(limit.title, tuple(cells), scoped=kind == "ever" and bool(limit.per))
