"""Steps taken on an engine, and all that it said, in a form in which two engines can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

import msgspec

from spillover.access.desk import Explanation
from spillover.engine.answers import Decision, Denial, Ending
from spillover.engine.settlement import Progress
from spillover.model.errors import SpilloverError
from tests.rungs.opening import Opened
from tests.rungs.worlds import Step

Said = Any
"""Tuples, dictionaries and plain values."""
BOOKS = "books"
WHOLE = 6
"""Of so many denials one is asked for its ways out: to work them out takes five times as long as to decide."""


def told(found: object, *, key: bool = True) -> Said:
    """All that an answer says. What a denial works out when it is asked (when it opens, what unlocks it, its sentence)
    is told of one in `WHOLE`, chosen by the key, and of each where the key is made up (not `key`)."""
    if isinstance(found, Decision):
        whole = not key or not crc32(found.key.encode()) % WHOLE
        names = (
            name for name in found.__struct_fields__ if name not in ("counted", "denial", *([] if key else ["key"]))
        )
        said = {name: getattr(found, name) for name in names} | {"charged": found.charged}
        if found.denial is not None:
            said["denial"] = _told_of(found.denial, whole=whole)
        return said | {"sentence": found.sentence if whole or found else ""}
    if isinstance(found, Ending):
        said = {name: getattr(found, name) for name in found.__struct_fields__ if name != "counted"}
        return said | {"charged": found.charged, "sentence": found.sentence}
    if isinstance(found, Explanation):
        return told(found.decision, key=False), found.staircase, found.ignored
    if isinstance(found, SpilloverError):
        return type(found).__name__, str(found)
    if isinstance(found, Progress):
        return "Progress"  # how many at a time is each rung's own
    return tuple(map(told, found)) if isinstance(found, list | tuple) else found


def _told_of(denial: Denial, *, whole: bool) -> Said:
    said = {"blockers": denial.blockers, "blocked_by": denial.blocked_by, "zone": denial.zone}
    names = ("opens_at", "closes_at", "remedy", "unlock", "status", "sentence") if whole else ()
    return said | {name: getattr(denial, name) for name in names}


def take(engine: Opened, step: Step) -> Said:
    """What the engine says to a step; an error is what it says, too."""
    verb: Any = engine.access
    engine.clock.at = step.at
    for name in step.verb.split("."):
        verb = getattr(verb, name)
    try:
        found = verb(*step.args, **step.options)
    except SpilloverError as error:
        found = error
    # A question is asked under a key that is made up for it.
    return told(found, key=step.verb != "check")


def story(engine: Opened, steps: Iterable[Step]) -> list[Said]:
    """What the engine says to each step; at last the digest of its books, or what is wrong with them."""
    said = [take(engine, step) for step in steps]
    try:
        engine.access.settle()
        said.append((BOOKS, engine.sound()))
    except AssertionError as error:
        said.append(("unsound", str(error)))
    return said


def first_difference(one: Sequence[Said], other: Sequence[Said]) -> int | None:
    """The place of the first answer that differs; None if none does."""
    return next((place for place, both in enumerate(zip(one, other, strict=True)) if both[0] != both[1]), None)


def parting(one: Said, other: Said, path: str = "") -> str:
    """Where in two answers the first difference lies."""
    if type(one) is type(other):
        if isinstance(one, msgspec.Struct):
            fields = one.__struct_fields__
            one, other = ({name: getattr(both, name) for name in fields} for both in (one, other))
        if isinstance(one, tuple) and len(one) == len(other):
            one, other = dict(enumerate(one)), dict(enumerate(other))
        if isinstance(one, dict) and one.keys() == other.keys():
            return next((parting(one[n], other[n], f"{path}.{n}") for n in one if one[n] != other[n]), "")
    return f"{path}: {one!r} beside {other!r}"
