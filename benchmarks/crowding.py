"""One hot account: half of all traffic on it, from four engines, beside the same traffic spread over all accounts."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import NamedTuple

import spillover
from benchmarks.figures import Aim, Figure, Group, in_turn
from benchmarks.grounds import Grounds, Kind, Place
from benchmarks.scenario import FEATURE, INCLUDED, Asked, account, requests, require_allowed
from benchmarks.settings import Settings

ENGINES, IN_FLIGHT = 4, 16
HOT, SUBJECT = account(0), "user-00000"
UNITS = 1_000_000
"""Gifted units of the account: what its allowance does not give, they do."""
KINDS: dict[Kind, str] = {"valkey": "Valkey", "postgres": "PostgreSQL"}
WITHIN = (Aim("ratio", 0.7, "at least"),)


class Crowd(NamedTuple):
    """Decisions per second of all engines together; microseconds of a processor for each: engines, and the server."""

    rate: float
    own: float
    server: float


def measure(settings: Settings, grounds: Grounds) -> Group:
    """Each engine is a process with 16 in flight; the hot account's allowance ends half-way, then its units pay."""
    figures: list[Figure] = []
    for kind, name in KINDS.items():
        contestants: dict[str, Callable[[], Crowd]] = {
            "hot": lambda kind=kind: _crowd(settings, grounds, kind, hot=True),
            "spread": lambda kind=kind: _crowd(settings, grounds, kind, hot=False),
        }
        found = in_turn(settings.turns, contestants)
        hot, spread = found["hot"], found["spread"]
        figures += [
            Figure(f"{name}: decisions", "/s", [c.rate for c in hot], "spread", [c.rate for c in spread], WITHIN),
            Figure(
                f"{name}: engines' processor, of one", "us", [c.own for c in hot], "spread", [c.own for c in spread]
            ),
            Figure(
                f"{name}: server's processor, of one", "us", [c.server for c in hot], "spread",
                [c.server for c in spread],
            ),
        ]  # fmt: skip
    about = (
        f"{grounds.versions()}. {ENGINES} engine processes with {IN_FLIGHT} in flight each, strict, on the cores that"
        f" the server has too; half of {ENGINES * settings.crowding:,} requests are of one account, or none is. Checked"
        " after each run: the hot account's allowance gave exactly what it had, gifted units all the rest."
    )
    return Group("one hot account, four engines", figures, about)


def _crowd(settings: Settings, grounds: Grounds, kind: Kind, *, hot: bool) -> Crowd:
    loads = [_asked(settings, number, hot=hot) for number in range(ENGINES)]
    of_hot = sum(request.account == HOT for load in loads for request in load)
    with grounds.place(kind) as place:
        with place.connect() as access:
            room = _leave(access, of_hot // 2) if hot else INCLUDED
        crowd, given = _run(settings, place, loads)
        expected = Counter({"allowance": min(room, of_hot), "units": of_hot - min(room, of_hot)})
        with place.connect() as access:
            left = {one.measure: one.available for one in access.balance(HOT).measures}[FEATURE]
    if given != +expected or left != UNITS - expected["units"]:
        raise RuntimeError(f"the benchmark expects exact limits, {dict(expected)}, found {dict(given)}, {left} left")
    return crowd


def _leave(access: spillover.Access, units: int) -> int:
    """Use up the hot account's allowance but for so many units, and one for each engine to warm up with."""
    room = access.explain(HOT, FEATURE, subject=SUBJECT).staircase.steps[0].room or 0
    require_allowed([access.consume(HOT, FEATURE, room - ENGINES - units, subject=SUBJECT)])
    return units


def _asked(settings: Settings, number: int, *, hot: bool) -> list[Asked]:
    dice = random.Random(number)
    spread = requests(settings.crowding, settings.accounts, seed=200 + number)
    if not hot:
        return spread
    return [one._replace(account=HOT, subject=SUBJECT) if dice.random() < 0.5 else one for one in spread]


def _run(settings: Settings, place: Place, loads: Sequence[Sequence[Asked]]) -> tuple[Crowd, Counter[str]]:
    with ExitStack() as stack:
        engines = [stack.enter_context(_engine()) for _ in loads]
        for number, (engine, load) in enumerate(zip(engines, loads, strict=True)):
            _say(engine, {
                "url": place.url, "ledger": place.ledger, "accounts": settings.accounts, "number": number, "hot": HOT,
                "in_flight": IN_FLIGHT, "asked": load,
            })  # fmt: skip
        for engine in engines:
            _heard(engine)
        before, begun = place.spent(), perf_counter()
        for engine in engines:
            _say(engine, "go")
        answers = [json.loads(_heard(engine)) for engine in engines]
        took, spent = perf_counter() - begun, place.spent() - before
    given: Counter[str] = Counter()
    for answer in answers:
        given.update(answer["given"])
    asked = sum(map(len, loads))
    return Crowd(asked / took, sum(a["processor"] for a in answers) / asked * 1e6, spent / asked), given


def _engine() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.hot_process"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _say(engine: subprocess.Popen[str], what: object) -> None:
    assert engine.stdin is not None
    engine.stdin.write(json.dumps(what) + "\n")
    engine.stdin.flush()


def _heard(engine: subprocess.Popen[str]) -> str:
    assert engine.stdout is not None
    line = engine.stdout.readline()
    if not line:
        raise RuntimeError("the benchmark expects each engine to answer, found one ended")
    return line
