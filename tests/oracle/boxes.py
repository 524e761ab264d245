"""What law 21 says of a box, as checks: every state of the box gives the same decision and the same change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random

from spillover.core.apply import apply
from spillover.core.decide import cells_for, decide
from spillover.model.commit import Cells, Operation
from spillover.model.decision import Verdict
from spillover.model.policy import Policy
from tests.oracle.play import Decision

LARGEST = 2**53 - 1
TICKS_FROM = 1_735_689_600_000
"""Buckets count their ticks from the beginning of 2025."""

Decide = Callable[..., tuple[Verdict, tuple[Operation, ...]]]


class Broken(AssertionError):
    """A state of the box that gives another decision or another change."""


def outside(cells: Mapping[str, int], operations: Iterable[Operation]) -> list[str]:
    """The cells whose value lies outside the box."""
    return [name for name, low, high, _, _ in operations if not low <= cells.get(name, 0) <= high]


def sample(random: Random, decision: Decision, names: Iterable[str]) -> Cells:
    """A state of the box: what it names within its ranges, mostly at their ends, all else at will."""
    cells, now = decision.cells, decision.now
    state = {}
    for name in names:
        any_value = [0, cells.get(name, 0), now + random.randrange(-1_500, 1_500), random.randrange(now)]
        if not name.endswith(":start"):  # a start is an instant that some clock has shown, all else is any number
            any_value += [1, 2, random.randrange(60), (now - TICKS_FROM) * random.choice((1, 3, 7)), LARGEST]
        state[name] = random.choice(any_value)
    for name, low, high, _, _ in decision.operations:
        value = cells.get(name, 0)
        near = [low, high, value, low + 1, high - 1, value + 1, value - 1]
        near += [random.randint(low, high), random.randint(low, min(high, low + 40))]
        near += [random.randint(max(low, high - 40), high)]
        state[name] = random.choice([one for one in near if low <= one <= high])
    return {name: value for name, value in state.items() if value}


def reason(verdict: Verdict) -> list[tuple[object, ...]]:
    """Why not, with all numbers but one: how late a request is depends on the newest instant, the denial does not."""
    return [
        (blocker.kind, blocker.name, blocker.per, blocker.scope)
        + ((blocker.room, blocker.short) if blocker.kind != "late" else ())
        for blocker in verdict.blockers
    ]


def additions(operations: Iterable[Operation]) -> set[tuple[str, int | None, int]]:
    """What a commit changes, without its conditions: this stands in the event."""
    return {(name, floor, add) for name, _, _, floor, add in operations if add or floor is not None}


def effect(state: Cells, operations: Iterable[Operation]) -> Cells | None:
    """What a commit does to a state; None if it refuses it."""
    changed = apply(state, operations)
    if changed is None:
        return None
    return {name: value for name, value in changed.items() if value != state.get(name, 0)}


def check_state(policy: Policy, decision: Decision, state: Cells, decide: Decide = decide) -> None:
    """Decide on another state of the box: all but the box must come out the same."""
    first, operations = decision.verdict, decision.operations
    verdict, others = decide(policy, decision.profile, state, decision.request, decision.now)
    same = (first.allowed, first.units, first.granted, first.legs, reason(first))
    if (verdict.allowed, verdict.units, verdict.granted, verdict.legs, reason(verdict)) != same:
        raise Broken(f"another verdict in the same box: {verdict} at {state}")
    if additions(others) != additions(operations):
        raise Broken(f"other additions in the same box: {others} at {state}")
    if effect(state, others) is None or effect(state, others) != effect(state, operations):
        raise Broken(f"another effect in the same box: {others} at {state}")


def check_box(policy: Policy, decision: Decision, random: Random, samples: int, decide: Decide = decide) -> None:
    """The state decided on and `samples` others of the box; no cell twice; a denial changes nothing."""
    named = [operation[0] for operation in decision.operations]
    if len(set(named)) != len(named):
        raise Broken(f"a cell is named twice: {sorted(named)}")
    names = cells_for(policy, decision.profile, decision.request)
    if not set(named) <= set(names):
        raise Broken(f"read without being announced: {set(named) - set(names)}")
    if gone := outside(decision.cells, decision.operations):
        raise Broken(f"the state decided on lies outside its own box: {gone} of {decision.operations}")
    if not decision.verdict.allowed and additions(decision.operations):
        raise Broken(f"a denial changes cells: {additions(decision.operations)}")
    everything = sorted({*names, *decision.cells})
    for _ in range(samples):
        check_state(policy, decision, sample(random, decision, everything), decide)
