"""How much is measured: the full run, and a quick one for a first impression."""

from __future__ import annotations

from typing import NamedTuple


class Settings(NamedTuple):
    """Sizes of the measurements; `rounds` is how often each contestant has its turn."""

    rounds: int = 5
    accounts: int = 1_000
    calls: int = 20_000  # of decide, each timed
    decisions: int = 20_000  # with 64 in flight, and in memory
    alone: int = 2_000  # with one in flight
    events: int = 20_000  # settled, audited
    crowd: int = 10_000  # accounts whose memory is weighed
    starts: int = 7  # processes started


FULL = Settings()
QUICK = Settings(rounds=3, accounts=200, calls=5_000, decisions=5_000, alone=500, events=5_000, crowd=1_000, starts=3)
