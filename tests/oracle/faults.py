"""Faults planted into boxes, each of which the check of boxes must find: a test of the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

from spillover.core.decide import cells_for
from spillover.model.commit import Operation
from spillover.model.policy import Policy
from tests.oracle.boxes import LARGEST, Broken, check_state, sample
from tests.oracle.play import TIME, Decision

Found = Counter[tuple[str, str]]
"""How often a fault (of which kind of cell, which fault) was found."""


def kind_of(cell: str) -> str:
    """What a cell holds, by its name."""
    if cell == TIME:
        return "time"
    if cell.startswith("lot:"):
        return "lot"
    ending = cell.rpartition(":")[2]
    return ending if ending in {"start", "used"} else "bucket"


def faulty(operation: Operation) -> Iterator[tuple[str, Operation]]:
    """The same operation with a condition dropped, a pin widened, one unit more or less let in, the floor forgotten."""
    name, low, high, floor, add = operation
    pinned = low == high
    if low > 0 or high < LARGEST:
        yield "condition dropped", (name, 0, LARGEST, floor, add)
    if high < LARGEST:
        yield "pin one higher" if pinned else "one more let in", (name, low, high + 1, floor, add)
    if low > 0:
        yield "pin one lower" if pinned else "one less let in", (name, low - 1, high, floor, add)
    if floor is not None:
        yield "floor forgotten", (name, low, high, None, add)
    if add:
        yield "another addition", (name, low, high, floor, add + 1)


def is_found(policy: Policy, decision: Decision, operation: Operation, fault: Operation, random: Random) -> bool:
    """Whether some states of the faulty box, first of all those just let in, show that it is wrong."""
    operations = tuple(fault if one is operation else one for one in decision.operations)
    wrong = decision._replace(operations=operations)
    names = cells_for(policy, decision.profile, decision.request)
    everything = sorted({*names, *decision.cells})
    _, low, high, _, _ = operation
    let_in = [value for value in (low - 1, high + 1) if fault[1] <= value <= fault[2]]
    for attempt in range(4):
        state = sample(random, wrong, everything) if attempt else dict(decision.cells)
        if let_in:
            state[operation[0]] = random.choice(let_in)
        try:
            check_state(policy, wrong, state)
        except Broken:
            return True
    return False


def plant(policy: Policy, decision: Decision, random: Random, found: Found) -> None:
    """One fault at random in each of the decision's operations."""
    for operation in decision.operations:
        options = list(faulty(operation))
        if options:
            fault, wrong = random.choice(options)
            found[kind_of(operation[0]), fault] += is_found(policy, decision, operation, wrong, random)
