"""What design section 5 says of a box, as checks: every state of the box gives the same answer and the same change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from spillover.core.apply import apply
from spillover.model.commit import Cells, Operation
from spillover.model.decision import Blocker, Verdict
from spillover.model.hold import Hold, Mark
from tests.oracle.hot import Answered

LARGEST = 2**53 - 1
TICKS_FROM = 1_577_836_800_000
"""Buckets count their ticks from the beginning of 2020."""


class Broken(AssertionError):
    """A state of the box that gives another answer or another change."""


def outside(cells: Mapping[str, int], operations: Iterable[Operation]) -> list[str]:
    """The cells whose value lies outside the box."""
    return [name for name, low, high, _, _ in operations if not low <= cells.get(name, 0) <= high]


def sample(random: Random, answered: Answered, names: Iterable[str]) -> Cells:
    """A state of the box: what it names within its ranges, mostly at their ends, all else at will."""
    cells, now = answered.cells, answered.now
    state = {}
    for name in names:
        any_value = [0, cells.get(name, 0), now + random.randrange(-1_500, 1_500), random.randrange(now)]
        if not name.endswith((":start", ":past", ":head")):  # an instant that some clock has shown, or a slot of one
            any_value += [1, 2, random.randrange(60), (now - TICKS_FROM) * random.choice((1, 3, 7)), LARGEST]
        state[name] = random.choice(any_value)
        if name.endswith(":head"):
            state[name] = cells.get(name, 0) + random.choice((0, 1, 2, 30))
    drawn = [mark.since for mark in marks_of(answered.ends)] if answered.ends else []
    fixed = {operation[0] for operation in answered.operations}
    for name, low, high, _, _ in answered.operations:
        value = cells.get(name, 0)
        near = [low, high, value, low + 1, high - 1, value + 1, value - 1]
        near += [random.randint(low, high), random.randint(low, min(high, low + 40))]
        near += [random.randint(max(low, high - 40), high)]
        state[name] = random.choice([one for one in near if low <= one <= high])
    for name in state:
        if name.endswith(":past") and name not in fixed:
            start = state.get(name[: -len("past")] + "start", cells.get(name, 0))
            state[name] = _before(random, name, start, drawn)
    return {name: value for name, value in state.items() if value}


def marks_of(hold: Hold) -> list[Mark]:
    """Where a hold was counted."""
    return [*hold.ceilings, *(mark for part in hold.parts for mark in part.marks)]


def _before(random: Random, name: str, start: int, drawn: list[int]) -> int:
    """A window before the one that began at `start`: none, or one that was over by then, perhaps with draws in it."""
    session = re.search(r"/session (\d+) ", name)
    length = int(session[1]) if session else 1
    over = [since for since in drawn if since + length <= start]
    return random.choice([0, *over, max(0, start - length - random.choice((0, 0, 1, 500, 10**9)))])


def reason(blockers: Iterable[Blocker]) -> list[tuple[object, ...]]:
    """Why not, with all numbers but those that the store's cells tell afterwards: how late a request is depends on the
    newest instant, how much is owed on the debt, how far a bound is passed on what is counted there."""
    return [
        (blocker.kind, blocker.name, blocker.per, blocker.scope)
        + ((blocker.room, blocker.short) if blocker.kind not in {"late", "owed", "bound"} else ())
        for blocker in blockers
    ]


def gist(answer: Any) -> tuple[object, ...]:
    """What must be the same in every state of a box: all of it that an event keeps, and what blocks."""
    if isinstance(answer, Verdict):
        return (
            answer.allowed, answer.units, answer.granted, answer.legs, answer.overshoot, answer.hold,
            reason(answer.blockers),
        )  # fmt: skip
    if isinstance(answer, tuple):
        return answer
    refused = reason([answer.refused]) if answer.refused else []
    return (answer.units, answer.granted, answer.legs, answer.overshoot, answer.moves, refused)


def additions(operations: Iterable[Operation]) -> set[tuple[str, int | None, int]]:
    """What a commit changes, without its conditions: this stands in the event."""
    return {(name, floor, add) for name, _, _, floor, add in operations if add or floor is not None}


def effect(state: Cells, operations: Iterable[Operation]) -> Cells | None:
    """What a commit does to a state; None if it refuses it."""
    changed = apply(state, operations)
    if changed is None:
        return None
    return {name: value for name, value in changed.items() if value != state.get(name, 0)}


def waits(answered: Answered) -> bool:
    """Whether this is a denial that the end of a hold could undo, though there is none: it is true only as long as
    there is none, for no denial is answered before the due holds of the account were expired (law 9)."""
    if answered.allowed or not isinstance(answered.answer, Verdict) or answered.cells.get("holds", 0):
        return False
    return not {blocker.kind for blocker in answered.answer.blockers} & {"state", "plan", "late", "attribute", "bound"}


def check_state(answered: Answered, state: Cells) -> None:
    """Answer on another state of the box: all but the box must come out the same."""
    operations = answered.operations
    answer, others = answered.rules(state)
    if waits(answered) and state.get("holds", 0):
        raise Broken(f"a denial stands though a hold may have been opened that is due: at {state}")
    if gist(answer) != gist(answered.answer):
        raise Broken(f"another answer in the same box: {gist(answer)}, not {gist(answered.answer)}, at {state}")
    if additions(others) != additions(operations):
        raise Broken(f"other additions in the same box: {others} at {state}")
    if effect(state, others) is None or effect(state, others) != effect(state, operations):
        raise Broken(f"another effect in the same box: {others} at {state}")


def check_box(answered: Answered, random: Random, samples: int) -> None:
    """The state answered on and `samples` others of the box; no cell twice; a denial changes nothing."""
    named = [operation[0] for operation in answered.operations]
    if len(set(named)) != len(named):
        raise Broken(f"a cell is named twice: {sorted(named)}")
    if not set(named) <= set(answered.names):
        raise Broken(f"read without being announced: {set(named) - set(answered.names)}")
    if gone := outside(answered.cells, answered.operations):
        raise Broken(f"the state answered on lies outside its own box: {gone} of {answered.operations}")
    if not answered.allowed and additions(answered.operations):
        raise Broken(f"a denial changes cells: {additions(answered.operations)}")
    everything = sorted({*answered.names, *answered.cells})
    for _ in range(samples):
        check_state(answered, sample(random, answered, everything))
