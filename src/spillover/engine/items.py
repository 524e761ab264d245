"""What a batch is made of: one caller's wish on its way from the door to its answer (design, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from spillover.core.apply import apply
from spillover.core.decide import TIME, TOLERANCE
from spillover.engine.answers import Decision, Ending
from spillover.engine.known import Sort
from spillover.model.account import Profile
from spillover.model.commit import Commit, Operation, Outcome, State
from spillover.model.errors import (
    AccountShut,
    BoundExceeded,
    Fault,
    PartUnavailable,
    SpilloverError,
    StoreUnavailable,
    UnknownName,
)

Answer = Decision | Ending | SpilloverError

EVENT_MAX = 4096
"""Bytes of an event (law 14)."""


class Item(Protocol):
    """One wish. `is_denied` and `at` say what was proposed last."""

    account: int
    name: str
    is_denied: bool
    at: int

    def sort(self) -> Sort | None:
        """What tells which cells it may read, if that can be remembered."""
        ...

    def instant(self, state: State) -> int:
        """When it is decided."""
        ...

    def wanted(self, profile: Profile) -> Sequence[str]:
        """The cells that it may read."""
        ...

    def propose(self, state: State) -> Commit:
        """Decide on a state, and change it as if the commit were through. Raises the wish's own error."""
        ...

    def conclude(self, outcome: Outcome) -> Answer | None:
        """The answer that an outcome is; None if it must be decided again."""
        ...

    async def refresh(self) -> None:
        """Read again what is not in the account's state, after a conflict. Raises the wish's own error."""
        ...


def live_instant(clock: Callable[[], int], state: State) -> int:
    """Now; the account's latest instant if this clock is behind it."""
    now, seen = clock(), state.cells.get(TIME, 0)
    return now if seen <= now + TOLERANCE else seen


def profile_of(state: State, name: str) -> Profile:
    """The account's terms. Raises UnknownName if they have not reached the store."""
    if state.profile is None:
        expected = "an account that the hot state knows; `spillover rebuild` gives it back"
        raise UnknownName("account", repr(name), expected)
    return state.profile


def bounded(payload: bytes) -> bytes:
    """An event that is not larger than law 14 allows. Raises BoundExceeded."""
    if len(payload) > EVENT_MAX:
        raise BoundExceeded("event bytes", len(payload), EVENT_MAX, "send shorter keys, attributes or usage")
    return payload


def advance(state: State, operations: Sequence[Operation], *, stale: bool) -> None:
    """Change a state as if the commit were through, for those behind it in the batch.

    `stale`: it is about a hold, whose own cells are read anew beside older ones, or that another of the batch has
    opened, extended or ended meanwhile. Then the state may lie outside the box, and the store answers with the key's
    event, or with a conflict.
    """
    changed = apply(state.cells, operations)
    assert changed is not None or stale, "a state lies in its own box (design, section 5, property a)"
    state.cells.update(changed or {})


def is_down(error: Exception) -> bool:
    """Whether the store cannot be reached, for whatever request. That an account is shut concerns only its own, and so
    does a server that others stand beside."""
    return isinstance(error, StoreUnavailable) and not isinstance(error, AccountShut | PartUnavailable)


def own(error: Exception, effect: str = "nothing was changed") -> SpilloverError:
    """The wish's own error: whatever it is, the others of the batch go on."""
    if isinstance(error, SpilloverError):
        return error
    fault = Fault(f"{type(error).__name__}: {error}; this is a fault of Spillover, {effect}; please report it")
    fault.__cause__ = error
    return fault
