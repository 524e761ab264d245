"""How much is measured: the full run, and a quick one for a first impression."""

from __future__ import annotations

from typing import NamedTuple


class Settings(NamedTuple):
    """Sizes of the measurements; `rounds` is how often each contestant has its turn."""

    rounds: int = 7
    accounts: int = 1_000
    calls: int = 10_000  # of decide, each timed
    decisions: int = 8_000  # with 64 in flight, and in memory
    alone: int = 500  # with one in flight
    events: int = 12_000  # settled
    audited: int = 60_000  # events in the audited file
    crowd: int = 10_000  # accounts whose memory is weighed
    starts: int = 7  # processes started
    hits: int = 3_000  # with 64 in flight, of a library that counts in a server
    few: int = 300  # with one in flight, in a server
    crowding: int = 2_000  # by each of four processes
    turns: int = 5  # rounds where each takes long


FULL = Settings()
QUICK = Settings(
    rounds=3,
    accounts=200,
    calls=5_000,
    decisions=4_000,
    alone=300,
    events=5_000,
    audited=8_000,
    crowd=1_000,
    starts=3,
    hits=1_000,
    few=100,
    crowding=600,
    turns=2,
)
