"""Holds: opened on an estimate and committed with less, in one SQLite file and in memory; and their settlement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

import spillover
from benchmarks.bare import Recording, describe, replay
from benchmarks.embedded import IN_FLIGHT
from benchmarks.figures import Figure, Group, in_turn
from benchmarks.scenario import FEATURE, Asked, Files, once_each, policy, populate, requests, require_allowed
from benchmarks.settings import Settings
from benchmarks.settlement import Books, settled_figure
from spillover.ports import Durability

ESTIMATE, USED = 3, 2
"""Units that a hold is opened on, and that it is committed with: each end gives something back."""


class HoldBooks(Books):
    """The stream of a file in which every event opens a hold or commits it."""

    def fill(self, path: Path) -> None:
        """Pairs instead of single decisions."""
        asyncio.run(_pairs(path, requests(self.events // 2, self.files.accounts, seed=6), "fast"))


def measure(settings: Settings, files: Files) -> Group:
    """Pairs per second, `strict` with 64 in flight and in memory, and how fast their events are settled."""
    asked = requests(settings.decisions // 2, files.accounts, seed=5)
    strict, written = _strict(settings, files, asked)
    events = settings.events // 2 * 2
    settled, rows = settled_figure(settings, HoldBooks(files, events), "events of holds settled")
    about = (
        f"A pair opens a hold on {ESTIMATE} units and commits {USED}, which gives one back: two decisions, two events."
        " strict: a closed loop of asynchronous callers, beside the bare transactions of the same rows. memory://: one"
        f" call after the other, beside consume for {USED} units at once. Bare, strict: {written}."
        f" Bare, settled: {rows}."
    )
    return Group("holds: opened and committed", [strict, *_memory(settings, asked), settled], about)


def _strict(settings: Settings, files: Files, asked: Sequence[Asked]) -> tuple[Figure, str]:
    def run(watch: Recording | None = None) -> float:
        path = files.copy()
        try:
            return asyncio.run(_pairs(path, asked, "strict", once_each(files.accounts, 9), watch))
        finally:
            files.remove(path)

    def bare() -> float:
        path = files.copy()
        try:
            return len(asked) / sum(replay(path, recording, "strict")[0]) * 1e6
        finally:
            files.remove(path)

    recording = Recording()
    run(recording)
    found = in_turn(settings.rounds, {"engine": run, "bare": bare})
    name = f"strict: pairs, {IN_FLIGHT} in flight"
    figure = Figure(name, "/s", found["engine"], "bare transactions", found["bare"])
    return figure, describe(recording.transactions, len(asked), "pair")


async def _pairs(
    path: Path, asked: Sequence[Asked], durability: Durability, warm: Sequence[Asked] = (),
    watch: Recording | None = None,
) -> float:  # fmt: skip
    """So many workers, each committing the hold that it has opened before it opens another; pairs per second.

    `warm` is asked before, so that the engine knows the accounts.
    """
    waiting = iter(asked)

    async def work() -> None:
        for request in waiting:
            require_allowed([
                await access.open_hold(request.account, FEATURE, ESTIMATE, subject=request.subject, key=request.key)
            ])  # fmt: skip
            _require_used(await access.holds.commit(request.account, request.key, USED))

    opening = spillover.connect_async(f"sqlite:///{path}", policy=policy(), durability=durability, settle=False)
    with watch or nullcontext():
        async with opening as access:
            require_allowed(await access.consume_many([request.words() for request in warm]))
            if watch:
                watch.mark()
            begun = perf_counter()
            await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
            return len(asked) / (perf_counter() - begun)


def _memory(settings: Settings, asked: Sequence[Asked]) -> list[Figure]:
    rounds = 2 * settings.rounds
    more = [requests(len(asked), settings.accounts, seed=200 + n) for n in range(rounds)]
    with spillover.connect("memory://", policy=policy(), settle=False) as access:
        populate(access, settings.accounts)
        access.settle()
        found = in_turn(settings.rounds, {
            "pairs": lambda: _held(access, more.pop()),
            "consume": lambda: _consumed(access, more.pop()),
        })  # fmt: skip
    return [Figure("memory://: pairs", "/s", found["pairs"], "consume", found["consume"])]


def _held(access: spillover.Access, asked: Sequence[Asked]) -> float:
    begun = perf_counter()
    for request in asked:
        opened = access.open_hold(request.account, FEATURE, ESTIMATE, subject=request.subject, key=request.key)
        ending = access.holds.commit(request.account, request.key, USED)
        if not opened:
            raise RuntimeError(f"the benchmark expects grants only, found {opened!r}")
        _require_used(ending)
    return _settled(access, len(asked), perf_counter() - begun)


def _consumed(access: spillover.Access, asked: Sequence[Asked]) -> float:
    begun = perf_counter()
    for request in asked:
        require_allowed([access.consume(request.account, FEATURE, USED, subject=request.subject, key=request.key)])
    return _settled(access, len(asked), perf_counter() - begun)


def _settled(access: spillover.Access, count: int, elapsed: float) -> float:
    """Outside of the time: the stream is settled, so that every round begins with the same one."""
    access.settle()
    return count / elapsed


def _require_used(ending: spillover.Ending) -> None:
    """A commit that came too late, or beyond what was there, would measure something else."""
    if ending.kind != "commit" or ending.granted != USED or ending.late or ending.overshoot:
        raise RuntimeError(f"the benchmark expects {USED} units committed, found {ending!r}")
