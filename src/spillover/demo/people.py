"""Who uses the two products of the demonstration: accounts with their plans, zones and habits, from a seed."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

PLANS = ("free", "plus", "team")
SHARES = (45, 45, 10)
ZONES = ("America/New_York", "America/Los_Angeles", "Europe/Paris", "Asia/Tokyo", "UTC")
TEAM_MAX = 8
"""People in a team, at most."""


class Person(NamedTuple):
    """An account, and how it uses the products in a day. A team has subjects; what they use, the account pays."""

    name: str
    plan: str
    zone: str
    subjects: tuple[str, ...]
    sessions: int  # of the coding agent
    clips: int  # of video


def people(count: int, seed: int) -> list[Person]:
    """So many accounts; the same for the same seed."""
    chance = Random(f"people {seed}")
    return [_person(chance, index) for index in range(count)]


def _person(chance: Random, index: int) -> Person:
    plan = chance.choices(PLANS, SHARES)[0]
    members = chance.randint(2, TEAM_MAX) if plan == "team" else 1
    # Use is heavy-tailed, as real use is: most ask for little, a few for very much.
    eager = min(chance.paretovariate(1.6), 12.0) * (0.6 if plan == "free" else members**0.5)
    return Person(
        name=f"{plan}-{index:05d}",
        plan=plan,
        zone=chance.choice(ZONES),
        subjects=tuple(f"user-{index}-{member}" for member in range(members)) if members > 1 else (),
        sessions=min(max(int(eager), 1), 20),
        clips=min(int(chance.paretovariate(1.1)), 40) if chance.random() < 0.3 else 0,
    )
