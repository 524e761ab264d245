"""What a decision costs in processor time, by how many share a call: engines, and the server that decides.

So a core's worth is known whatever else the machine does. From the smallest and the largest batch follow the cost of a
call and that of each decision in it, with which `benchmarks.shards` reckons.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import process_time
from typing import NamedTuple

from benchmarks.figures import Figure, Group, in_turn
from benchmarks.grounds import Grounds, Kind
from benchmarks.scenario import once_each, requests, require_allowed
from benchmarks.settings import Settings

SIZES = (1, 16, 128)
KINDS: dict[Kind, str] = {"valkey": "Valkey", "postgres": "PostgreSQL"}


class Cost(NamedTuple):
    """Microseconds of a processor for each decision: of the engine, and of the server."""

    own: float
    server: float


def measure(settings: Settings, grounds: Grounds) -> Group:
    """`consume_many` of so many at a time, strict, over all accounts."""
    figures: list[Figure] = []
    about = [f"{grounds.versions()}. Strict, processor time of all threads, for each decision"]
    for kind, name in KINDS.items():
        contestants: dict[str, Callable[[], Cost]] = {
            str(size): partial(_cost, settings, grounds, kind, size) for size in SIZES
        }
        found = in_turn(settings.turns, contestants)
        for size, costs in found.items():
            figures.append(Figure(f"{name}, {size} in a call: engine", "us", [cost.own for cost in costs]))
            figures.append(Figure(f"{name}, {size} in a call: server", "us", [cost.server for cost in costs]))
        about.append(f"{name}: {_split(found[str(SIZES[0])], found[str(SIZES[-1])])}")
    return Group("cores: what a decision costs", figures, ". ".join(about) + ".")


def _cost(settings: Settings, grounds: Grounds, kind: Kind, size: int) -> Cost:
    asked = requests(settings.decisions if size > 1 else settings.decisions // 4, settings.accounts, seed=5)
    words = [request.words() for request in asked]
    with grounds.place(kind) as place, place.connect() as access:
        require_allowed(access.consume_many([one.words() for one in once_each(settings.accounts, 9)]))
        before, busy = place.spent(), process_time()
        for at in range(0, len(words), size):
            require_allowed(access.consume_many(words[at : at + size]))
        busy, spent = process_time() - busy, place.spent() - before
    return Cost(busy / len(words) * 1e6, spent / len(words))


def _split(small: list[Cost], large: list[Cost]) -> str:
    """A call and a decision apart: cost(n) = call / n + decision."""
    parts = []
    for who in ("own", "server"):
        one, many = (min(getattr(cost, who) for cost in costs) for costs in (small, large))
        call = (one - many) / (1 / SIZES[0] - 1 / SIZES[-1])
        whose = "the engine" if who == "own" else "the server"
        parts.append(f"{whose} {call:.0f} us a call and {one - call:.1f} us a decision")
    return ", ".join(parts)
