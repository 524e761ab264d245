"""Decisions on servers, 64 in flight and one at a time: beside libraries that count there, and the bare commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from statistics import median

from benchmarks.counters import Counter, counters
from benchmarks.figures import Aim, Figure, Group, in_turn, percentile
from benchmarks.grounds import Grounds, Kind, Place
from benchmarks.loops import IN_FLIGHT, Run, alone, asking, asking_async, many
from benchmarks.scenario import Asked, once_each, requests, require_allowed
from benchmarks.sent import Scripts, Sent, Transactions
from benchmarks.settings import Settings
from spillover.ports import Durability

Runs = Mapping[str, Sequence[Run]]
FIVE_TIMES = Aim("ratio", 5, "at least")
MOST = Aim("ratio", 0.6, "at least")
BARE: dict[Kind, str] = {"valkey": "bare scripts", "postgres": "bare transactions"}
DURABILITIES: tuple[Durability, ...] = ("strict", "fast")
WHERE: dict[Kind, str] = {"valkey": "Valkey, books in PostgreSQL", "postgres": "PostgreSQL"}

BESIDE = (
    "Spillover also decides a ceiling, gifted units and credits in two lots, answers each key once and records every"
    " event; the others hit two windows (5 hours, 7 days) of the same accounts on the same server, as many in flight"
)


def measure_many(settings: Settings, grounds: Grounds, kind: Kind) -> Group:
    """64 in flight in one process, `strict` and `fast`."""
    asked = requests(settings.decisions, settings.accounts, seed=1)
    figures: list[Figure] = []
    about = [f"{grounds.versions()}. One process, asynchronous callers in a closed loop"]
    strict: Sequence[Run] = ()
    for durability in DURABILITIES:
        found, sent = _many(settings, grounds, kind, durability, asked)
        figures += _figures(found, kind, durability)
        if durability == "strict":
            strict = found["engine"]
            about.append(_described(found, sent))
        else:
            beside = [run.rate for run in strict]
            figures.append(Figure("fast beside strict", "/s", _rates(found["engine"]), "strict", beside))
    if kind == "valkey":
        about.append(BESIDE)
    about.append(f"{BARE[kind].capitalize()}: what the engine sent, sent again by a loop that decides nothing")
    return Group(f"{WHERE[kind]}: 64 in flight", figures, ". ".join(about) + ".")


def _many(
    settings: Settings, grounds: Grounds, kind: Kind, durability: Durability, asked: Sequence[Asked]
) -> tuple[Runs, Sent]:
    sent = Scripts() if kind == "valkey" else Transactions()
    with grounds.place(kind, durability) as place:
        asyncio.run(_loop(place, asked, sent))

    def engine(settle: bool = False) -> Run:
        with grounds.place(kind, durability) as place:
            return asyncio.run(_loop(place, asked, settle=settle))

    def bare() -> Run:
        with grounds.place(kind, durability) as place:
            return sent.replay(place, len(asked))

    contestants: dict[str, Callable[[], Run]] = {"engine": engine, "bare": bare}
    for peer in _counting(kind):
        contestants[peer.name] = partial(_hit, peer.many, grounds, durability, asked[: settings.hits])
    if durability == "strict":
        contestants["settling"] = partial(engine, settle=True)
    return in_turn(settings.rounds, contestants), sent


def _hit(
    run: Callable[[Place, Sequence[Asked]], Run], grounds: Grounds, durability: Durability, asked: Sequence[Asked]
) -> Run:
    """A library that counts, on the same server, emptied."""
    server = grounds.valkey(durability)
    server.empty()
    return run(Place("valkey", server.url, None, durability, server), asked)


def _counting(kind: Kind) -> Sequence[Counter]:
    return counters() if kind == "valkey" else ()


async def _loop(place: Place, asked: Sequence[Asked], sent: Sent | None = None, *, settle: bool = False) -> Run:
    """An engine in a closed loop, after one request of each account to know them."""
    with sent or nullcontext():
        async with place.connect_async(settle=settle) as access:
            require_allowed(await access.consume_many([one.words() for one in once_each(_accounts(asked), 9)]))
            if sent:
                sent.mark()
            before = place.spent()
            run = await many(asking_async(access), asked, IN_FLIGHT)
            return run._replace(server=(place.spent() - before) / len(asked))


def _figures(found: Runs, kind: Kind, durability: Durability) -> list[Figure]:
    engine = found["engine"]
    figures = [
        Figure(f"{durability}: decisions", "/s", _rates(engine), BARE[kind], _rates(found["bare"]), (MOST,)),
        *(
            Figure(f"{durability}: decisions", "/s", _rates(engine), name, _rates(runs), (FIVE_TIMES,))
            for name, runs in _peers(found)
        ),
        Figure(
            f"{durability}: server's processor, of one", "us", [run.server for run in engine], BARE[kind],
            [run.server for run in found["bare"]],
        ),
        *(
            Figure(
                f"{durability}: own processor, of one", "us", [run.processor for run in engine], name,
                [run.processor for run in runs],
            )
            for name, runs in (_peers(found) or [("", ())])
        ),
    ]  # fmt: skip
    for percent in (50, 99):
        for name, runs in _peers(found) or [("", ())]:
            mine, others = (_times(which, percent, 1000) for which in (engine, runs))
            figures.append(Figure(f"{durability}: a call, p{percent}", "ms", mine, name, others))
    if "settling" in found:
        rates = _rates(found["settling"])
        figures.append(Figure(f"{durability}: decisions, settling", "/s", rates, "settlement off", _rates(engine)))
    return figures


def measure_alone(settings: Settings, grounds: Grounds, kind: Kind) -> Group:
    """One in flight, by the plain face."""
    asked = requests(settings.few, settings.accounts, seed=2)
    figures: list[Figure] = []
    for durability in DURABILITIES:
        found = _one_by_one(settings, grounds, kind, durability, asked)
        for percent in (50, 99):
            mine = _times(found["engine"], percent)
            figures += [
                Figure(f"{durability}: a call, p{percent}", "us", mine, name, _times(runs, percent))
                for name, runs in found.items()
                if name != "engine"
            ]
    about = f"{grounds.versions()}. Each call begins when the one before has answered, without settlement."
    return Group(f"{WHERE[kind]}: one in flight", figures, about)


def _one_by_one(
    settings: Settings, grounds: Grounds, kind: Kind, durability: Durability, asked: Sequence[Asked]
) -> Runs:
    sent = Scripts() if kind == "valkey" else Transactions()
    with grounds.place(kind, durability) as place:
        _alone(place, asked, sent)

    def engine() -> Run:
        with grounds.place(kind, durability) as place:
            return _alone(place, asked)

    def bare() -> Run:
        with grounds.place(kind, durability) as place:
            return sent.replay(place, len(asked))

    contestants: dict[str, Callable[[], Run]] = {"engine": engine, BARE[kind]: bare}
    for peer in _counting(kind):
        contestants[peer.name] = partial(_hit, peer.alone, grounds, durability, asked)
    return in_turn(settings.rounds, contestants)


def _alone(place: Place, asked: Sequence[Asked], sent: Sent | None = None) -> Run:
    with sent or nullcontext(), place.connect() as access:
        require_allowed(access.consume_many([one.words() for one in once_each(_accounts(asked), 9)]))
        if sent:
            sent.mark()
        return alone(asking(access), asked)


def _peers(found: Runs) -> list[tuple[str, Sequence[Run]]]:
    return [(name, runs) for name, runs in found.items() if name not in ("engine", "bare", "settling")]


def _rates(runs: Sequence[Run]) -> list[float]:
    return [run.rate for run in runs]


def _times(runs: Sequence[Run], percent: float, per: float = 1) -> list[float]:
    return [percentile(run.times, percent) / per for run in runs]


def _described(found: Runs, sent: Sent) -> str:
    grouped = median(run.grouped for run in found["bare"])
    return f"strict: {grouped:.0f} decisions in a batch ({len(sent.batches)} batches)"


def _accounts(asked: Sequence[Asked]) -> int:
    return 1 + max(int(request.account.rpartition("-")[2]) for request in asked)
