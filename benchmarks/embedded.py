"""Decisions in one SQLite file, as an application makes them: 64 in flight, and one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import spillover
from benchmarks.bare import Commits, Recording, describe, replay
from benchmarks.figures import Aim, Figure, Group, in_turn, percentile
from benchmarks.loops import IN_FLIGHT, Run, alone, asking, asking_async, many
from benchmarks.scenario import Asked, Files, once_each, policy, requests, require_allowed
from benchmarks.settings import Settings
from spillover.ports import Durability


class Load(NamedTuple):
    """What is asked of an engine: `asked`, so many at a time, after one request of each account to know them."""

    files: Files
    asked: Sequence[Asked]
    durability: Durability
    in_flight: int
    settle: bool = False

    def warm(self) -> list[dict[str, str]]:
        return [asked.words() for asked in once_each(self.files.accounts, 9)]


def measure_many(settings: Settings, files: Files) -> Group:
    """64 in flight, `strict` and `fast`, beside the bare transactions; and with settlement in the background."""
    asked = requests(settings.decisions, files.accounts, seed=1)
    figures: list[Figure] = []
    about = ["A closed loop of asynchronous callers; times of a call include its wait for the group's turn"]
    for durability in ("strict", "fast"):
        load = Load(files, asked, durability, IN_FLIGHT)
        more, written = _many(load, settings.rounds)
        figures += more
        about.append(written)
    return Group("embedded: 64 in flight on one SQLite file", figures, ". ".join(about) + ".")


def _many(load: Load, rounds: int) -> tuple[list[Figure], str]:
    recording = _record(load)
    found = in_turn(rounds, {
        "engine": lambda: _on_copy(load, _loop),
        "bare": lambda: _on_copy(load, lambda path, load: _bare(path, load, recording)),
        "settling": lambda: _on_copy(load._replace(settle=True), _loop),
    })  # fmt: skip
    rates = {name: [run.rate for run in runs] for name, runs in found.items()}
    aims = (Aim("value", 20_000, "at least"), Aim("ratio", 0.6, "at least"))
    processor = {name: [run.processor for run in runs] for name, runs in found.items()}
    figures = [
        Figure(f"{load.durability}: decisions", "/s", rates["engine"], "bare transactions", rates["bare"], aims),
        Figure(
            f"{load.durability}: processor time of one", "us", processor["engine"], "bare transactions",
            processor["bare"],
        ),
    ]  # fmt: skip
    for percent in (50, 99):
        times = [percentile(run.times, percent) / 1000 for run in found["engine"]]
        figures.append(Figure(f"{load.durability}: a call, p{percent}", "ms", times))
    settling = "settlement off"
    figures.append(
        Figure(f"{load.durability}: decisions, settling", "/s", rates["settling"], settling, rates["engine"])
    )
    group = median(run.grouped for run in found["engine"])
    written = describe(recording.transactions, len(load.asked), "decision")
    return figures, f"{load.durability}: the engine had {group:.0f} decisions in a transaction; bare: {written}"


def measure_alone(settings: Settings, files: Files) -> Group:
    """One in flight: the plain face, the asynchronous one, and the bare transactions of one decision each."""
    strict = Load(files, requests(settings.alone, files.accounts, seed=2), "strict", 1)
    fast = strict._replace(durability="fast")
    recording = _record(strict)

    def bare(path: Path, load: Load) -> Run:
        return _bare(path, load, recording)

    found = in_turn(settings.rounds, {
        "strict, plain": lambda: _on_copy(strict, _plain),
        "strict, async": lambda: _on_copy(strict, _loop),
        "strict": lambda: _on_copy(strict, bare),
        "fast, plain": lambda: _on_copy(fast, _plain),
        "fast, async": lambda: _on_copy(fast, _loop),
        "fast": lambda: _on_copy(fast, bare),
    })  # fmt: skip
    figures = []
    for name in ("strict, plain", "strict, async", "fast, plain", "fast, async"):
        for percent in (50, 99):
            mine, limit = ([percentile(run.times, percent) for run in found[who]] for who in (name, name.split(",")[0]))
            figures.append(Figure(f"{name}: a call, p{percent}", "us", mine, "bare transaction", limit))
    written = describe(recording.transactions, len(strict.asked), "decision")
    about = f"Each call begins when the one before has answered. Bare: {written}."
    return Group("embedded: one in flight on one SQLite file", figures, about)


def _on_copy(load: Load, run: Callable[[Path, Load], Run]) -> Run:
    path = load.files.copy()
    try:
        return run(path, load)
    finally:
        load.files.remove(path)


def _record(load: Load) -> Recording:
    recording = Recording()
    _on_copy(load, lambda path, load: asyncio.run(_closed_loop(path, load, recording)))
    return recording


def _bare(path: Path, load: Load, recording: Recording) -> Run:
    times, processor = replay(path, recording, load.durability)
    asked = len(load.asked)
    return Run(asked / sum(times) * 1e6, times, asked / len(times), processor / asked)


def _loop(path: Path, load: Load) -> Run:
    return asyncio.run(_closed_loop(path, load, Commits()))


async def _closed_loop(path: Path, load: Load, watch: Commits | Recording) -> Run:
    url = f"sqlite:///{path}"
    opening = spillover.connect_async(url, policy=policy(), durability=load.durability, settle=load.settle)
    with watch:
        async with opening as access:
            require_allowed(await access.consume_many(load.warm()))
            watch.mark()
            run = await many(asking_async(access), load.asked, load.in_flight)
            commits = watch.count if isinstance(watch, Commits) else len(watch.transactions)
            return run._replace(grouped=len(load.asked) / commits)


def _plain(path: Path, load: Load) -> Run:
    url = f"sqlite:///{path}"
    with spillover.connect(url, policy=policy(), durability=load.durability, settle=load.settle) as access:
        require_allowed(access.consume_many(load.warm()))
        return alone(asking(access), load.asked)
