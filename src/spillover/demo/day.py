"""A day of requests, made up from a seed: sessions of a coding agent and clips of a video generator.

Times follow the clock where each account lives; tokens and lengths are heavy-tailed. Nobody real is in it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC
from random import Random
from typing import NamedTuple

from spillover.core.instants import to_instant, to_moment
from spillover.demo.people import Person

DAY_START = 1_772_409_600_000
"""2026-03-02T00:00:00Z, a Monday, in milliseconds since 1970."""
HOUR, DAY = 3_600_000, 86_400_000

BUSY = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 16, 14, 16, 18, 18, 16, 14, 12, 12, 12, 10, 6, 3)
"""How much of a day's use begins in each hour of the local clock."""


class Use(NamedTuple):
    """One request, as a row of the trace; empty where it does not apply."""

    time: str  # ISO 8601, in UTC
    request: str
    account: str
    subject: str
    feature: str
    model: str
    resolution: str
    input: int | str
    cached_input: int | str
    output: int | str
    seconds: int | str
    plan: str
    zone: str


def requests(accounts: Iterable[Person], seed: int) -> list[Use]:
    """The day of these accounts, in the order of time; the same for the same seed."""
    uses: list[tuple[int, Use]] = []
    for person in accounts:
        chance = Random(f"day {seed} {person.name}")
        uses.extend(_agent(chance, person))
        uses.extend(_video(chance, person))
    # The order of time, and for one instant the order of accounts: the same on every machine.
    uses.sort(key=lambda timed: timed[0])
    return [use._replace(request=f"r{number:06d}") for number, (_, use) in enumerate(uses)]


def _begins(chance: Random, person: Person) -> int:
    """An instant of the day at which this account begins something."""
    local = chance.choices(range(24), BUSY)[0]
    offset = to_instant(to_moment(DAY_START, person.zone).replace(tzinfo=UTC)) - DAY_START
    return DAY_START + (local * HOUR - offset) % DAY + chance.randrange(HOUR)


def _agent(chance: Random, person: Person) -> Iterator[tuple[int, Use]]:
    tokens = person.plan == "team"
    for _ in range(person.sessions):
        at = _begins(chance, person)
        subject = chance.choice(person.subjects) if person.subjects else ""
        model = "large" if chance.random() < 0.3 else "small"
        context = int(chance.lognormvariate(8.0, 0.8))
        for _ in range(min(1 + int(chance.expovariate(1 / 10)), 60)):
            if at >= DAY_START + DAY:
                break
            counts: Counts = ("", "", "")
            if tokens:
                output = 1 + int(chance.lognormvariate(6.0, 0.9))
                fresh = 1 + int(chance.lognormvariate(6.5, 1.0))
                counts = (fresh, context, output)
                context = min(context + fresh + output, 200_000)
            feature = "codex.tokens" if tokens else "codex.messages"
            model_of = model if tokens else ""
            yield at, _use(at, person, subject, feature, model=model_of, counts=counts)
            at += 4_000 + int(chance.expovariate(1 / 45_000))


def _video(chance: Random, person: Person) -> Iterator[tuple[int, Use]]:
    at = _begins(chance, person)
    subject = chance.choice(person.subjects) if person.subjects else ""
    for _ in range(min(person.clips, 40)):
        if at >= DAY_START + DAY:
            break
        resolution = chance.choices(("720p", "1080p"), (0.75, 0.25))[0]
        seconds = chance.choice((4, 5, 8, 10, 12, 20))
        yield at, _use(at, person, subject, "sora.seconds", resolution=resolution, seconds=seconds)
        at += 30_000 + int(chance.expovariate(1 / 240_000))


Counts = tuple[int | str, int | str, int | str]


def _use(
    at: int, person: Person, subject: str, feature: str, *, model: str = "", resolution: str = "",
    counts: Counts = ("", "", ""), seconds: int | str = "",
) -> Use:  # fmt: skip
    time = to_moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Use(time, "", person.name, subject, feature, model, resolution, *counts, seconds, person.plan, person.zone)


def write_trace(file: str, uses: Iterable[Use]) -> None:
    """The requests as CSV with a header row, as `spillover replay` reads it."""
    with open(file, "w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(Use._fields)
        rows.writerows(uses)
