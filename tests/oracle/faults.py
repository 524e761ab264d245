"""Faults planted into boxes and rules, each of which the checks must find: a test of the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from spillover.core import ceilings, decide, gauges, giving_back, holds, spending, trimming
from spillover.model.commit import Operation
from spillover.model.hold import Mark
from tests.oracle.boxes import LARGEST, Broken, check_state, sample
from tests.oracle.hot import TIME, Answered

Found = Counter[tuple[str, str]]
"""How often a fault (of which kind of cell, which fault) was found."""

ENDINGS = {"start", "used", "past", "past-used", "max", "head"}
PLAIN = {TIME: "time", "debt": "debt", "scopes": "scopes", "holds": "holds"}


def kind_of(cell: str) -> str:
    """What a cell holds, by its name."""
    if cell in PLAIN:
        return PLAIN[cell]
    if cell.startswith(("lot:", "hold:")):
        return cell.partition(":")[0]
    ending = cell.rpartition(":")[2]
    if ending in ENDINGS:
        return ending
    if "/sliding" in cell and ending.isdigit():
        return "slot"
    return "member" if "=" in cell else "bucket"


def faulty(operation: Operation) -> Iterator[tuple[str, Operation | None]]:
    """The same operation with a condition dropped, a pin widened, one unit more or less let in, the floor forgotten;
    or none at all."""
    name, low, high, floor, add = operation
    pinned = low == high
    yield "forgotten", None
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


def is_found(answered: Answered, operation: Operation, fault: Operation | None, random: Random) -> bool:
    """Whether some states of the faulty box, first of all those just let in, show that it is wrong."""
    operations = tuple(fault if one is operation else one for one in answered.operations)
    wrong = answered._replace(operations=tuple(one for one in operations if one is not None))
    everything = sorted({*answered.names, *answered.cells})
    name, low, high, _, _ = operation
    ends = (0, LARGEST) if fault is None else fault[1:3]
    let_in = [value for value in (low - 1, high + 1) if ends[0] <= value <= ends[1]]
    for attempt in range(4):
        state = sample(random, wrong, everything) if attempt else dict(answered.cells)
        if let_in:
            state[name] = random.choice(let_in)
        try:
            check_state(wrong, state)
        except Broken:
            return True
    return False


def plant(answered: Answered, random: Random, found: Found) -> None:
    """One fault at random in each of the answer's operations."""
    for operation in answered.operations:
        fault, wrong = random.choice(list(faulty(operation)))
        found[kind_of(operation[0]), fault] += is_found(answered, operation, wrong, random)


# --- Faults in the rules -------------------------------------------------------------------------------------------

Patch = pytest.MonkeyPatch


def wrapped(patch: Patch, owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Put `around(original, ...)` in place of a function of the rules."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: around(original, *args, **kwargs))


def cap_without_its_unit_more(patch: Patch) -> None:
    """A spending limit that does not block has room for what was taken, and not for one unit more."""
    wrapped(
        patch, spending.Spending, "promise", lambda original, self, at, amount, _: original(self, at, amount, amount)
    )


def refilled_is_given_back_again(patch: Patch) -> None:
    """A bucket gets back all of a draw, also what had refilled meanwhile."""

    def add(original: Callable[..., None], self: Any, mark: Mark, count: int) -> None:
        original(self, replace(mark, since=LARGEST) if mark.max else mark, count)

    wrapped(patch, giving_back.Returns, "add", add)


def closed_window_gets_it_back(patch: Patch) -> None:
    """What falls back to a window that is closed goes to the one that stands."""

    def add(original: Callable[..., None], self: Any, mark: Mark, count: int) -> None:
        for stem in (f"{mark.limit}@{mark.scope}", mark.limit):
            if start := self._cells.get(stem + ":start", 0):
                mark = replace(mark, since=start)
        original(self, mark, count)

    wrapped(patch, giving_back.Returns, "add", add)


def nothing_is_given_back_to_ceilings(patch: Patch) -> None:
    """Ceilings keep all of a hold's estimate, and open holds for ever."""
    for room in (holds, trimming):
        patch.setattr(room, "give_back_ceilings", lambda *_: None)


def first_cell_is_not_bounded_below(patch: Patch) -> None:
    """A scope value that lives may have died in the box, and would have to be counted again."""
    around = lambda original, self, high, add: (self.cell, 0, high, None, add)  # noqa: E731
    wrapped(patch, gauges.Ever, "_between", around)


def scopes_are_not_counted(patch: Patch) -> None:
    """Values of scopes come to life without bound."""
    for room in (decide, holds):
        patch.setattr(room, "open_scopes", lambda *_: None)


def debt_does_not_close(patch: Patch) -> None:
    """What is owed is forgotten."""
    for room in (decide, holds):
        patch.setattr(room, "write_debt", lambda *_: None)


def ceilings_of_a_record_are_bounded(patch: Patch) -> None:
    """What has happened already is not counted where there is no room for it."""
    wrapped(patch, ceilings.Ceilings, "record", lambda original, self: original(self) if self.exact() is None else None)


Fault = Callable[[Patch], None]

RULES_FAULTS: tuple[tuple[Fault, str], ...] = (
    (cap_without_its_unit_more, "box"),
    (first_cell_is_not_bounded_below, "box"),
    (refilled_is_given_back_again, "oracle"),
    (closed_window_gets_it_back, "oracle"),
    (nothing_is_given_back_to_ceilings, "oracle"),
    (scopes_are_not_counted, "bounds"),
    (debt_does_not_close, "oracle"),
    (ceilings_of_a_record_are_bounded, "oracle"),
)
"""Each with the check that must find it: of boxes, against the oracle, against the oracle with low bounds."""


def faults_for(check: str) -> list[Fault]:
    """Those that this check must find."""
    return [fault for fault, by in RULES_FAULTS if by == check]


def by_name(fault: Fault) -> str:
    return fault.__name__
