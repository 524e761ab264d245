"""Worlds played in memory and on another rung; where the two part, the fewest steps that show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from tests.rungs.opening import ORACLE, Fixture, opened
from tests.rungs.playing import BOOKS, Said, first_difference, parting, story
from tests.rungs.worlds import Step, World, world

Kind = TypeVar("Kind")
SHRINKING_SECONDS = 60
KEPT = 16


def played(one: World, rung: str, fixture: Fixture) -> list[Said]:
    """What an engine on an empty place of that rung says to a world."""
    with opened(rung, fixture, one.policy, one.steps[0].at) as engine:
        return story(engine, one.steps)


def _none(name: str) -> None:
    raise LookupError(f"nothing in memory asks for {name}")


@lru_cache(maxsize=KEPT)
def in_memory(seed: int, decisions: int) -> tuple[World, list[Said]]:
    """A world, and what is said to it in memory: found sound."""
    one = world(seed, decisions)
    said = played(one, ORACLE, _none)
    assert said[-1][0] == BOOKS, f"seed {seed}, in memory: {said[-1]}"
    return one, said


def compare(one: World, expected: list[Said], rung: str, fixture: Fixture) -> None:
    """Play a world on that rung. Fails with the fewest steps found at which it says other than memory does."""
    place = first_difference(expected, played(one, rung, fixture))
    if place is None:
        return

    def part(steps: Sequence[Step]) -> int | None:
        fewer = one._replace(steps=list(steps))
        return first_difference(played(fewer, ORACLE, _none), played(fewer, rung, fixture))

    steps = smallest(one.steps[: place + 1], lambda some: part(some) is not None, in_two)
    fewer = one._replace(steps=steps)
    ours, theirs = played(fewer, ORACLE, _none), played(fewer, rung, fixture)
    at = first_difference(ours, theirs)
    said = "no more when played again" if at is None else parting(ours[at], theirs[at])
    listed = "\n".join(f"  {step}" for step in steps)
    where = "the end" if at is None or at == len(steps) else f"step {at + 1}"
    raise AssertionError(f"seed {one.seed}: memory and {rung} part at {where}: {said}\n{listed}")


def whole(some: list[Kind]) -> list[Kind]:
    """Nothing to break."""
    return some


def smallest(
    some: Sequence[Kind], parts: Callable[[list[Kind]], bool], broken: Callable[[list[Kind]], list[Kind]] = whole
) -> list[Kind]:
    """As few of them as still part, found by leaving out ever smaller pieces, for a minute at most.

    `broken` breaks into pieces what remains, so that some of the pieces can be left out.
    """
    kept, until = list(some), time.monotonic() + SHRINKING_SECONDS
    size = max(1, len(kept) // 2)
    while time.monotonic() < until:
        before = len(kept)
        for start in range((before - 1) // size * size, -1, -size):
            fewer = kept[:start] + kept[start + size :]
            if fewer and time.monotonic() < until and parts(fewer):
                kept = fewer
        if size == 1 and len(kept) == before:
            pieces = broken(kept)
            if pieces == kept or not parts(pieces):
                break
            kept = pieces
        size = max(1, size // 2)
    return kept


def in_two(steps: list[Step]) -> list[Step]:
    """The same with each batch of several in two."""
    found = []
    for step in steps:
        many = step.args[0] if step.verb == "consume_many" else ()
        half = len(many) // 2
        pieces = (many[:half], many[half:]) if half else ()
        found += [step._replace(args=(piece,)) for piece in pieces] or [step]
    return found
