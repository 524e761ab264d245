"""The same world of requests, holds, orders and reads, step by step on every rung: the same answers and the same books.

Compared are all of each answer, each read, each error, and at the end the digest of the settled books, to the last
byte, as ids and tokens are those of the same dice. Memory is what the others are compared with.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from spillover.stores.sqlite import SQLiteHotStore
from tests.audit.worlds import DAY
from tests.rungs.comparing import compare, in_memory, played
from tests.rungs.opening import ORACLE, RUNGS
from tests.rungs.playing import Said
from tests.rungs.worlds import Step, world

CASES = 50_000
"""Decisions that are compared with memory in a default run, all rungs together."""
SEEDS, DECISIONS = (2, 3, 4, 6, 10), 2_100
MILLION, FIRST = 1_000_000, 100

FEW = 30
"""Steps by which a difference is shown: eight accounts with three lots each stand before the first request."""


def counted(said: list[Said], steps: list[Step]) -> Counter[str]:
    """How often what has come up: a comparison that never met a case says nothing of it."""
    seen: Counter[str] = Counter(step.verb for step in steps)
    for answers, step in zip(said[:-1], steps, strict=True):
        for answer in answers if step.verb == "consume_many" else (answers,):
            if isinstance(answer, dict) and "legs" in answer:
                _count(seen, answer)
            elif isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], str):
                seen[f"error: {answer[0]}"] += 1
    return seen


def _count(seen: Counter[str], answer: dict[str, Said]) -> None:
    seen["decisions"] += 1
    seen.update(leg.layer for leg in answer["legs"])
    seen["several legs"] += len(answer["legs"]) > 1
    seen["several lots"] += any(len(leg.lots) > 1 for leg in answer["legs"])
    seen["replayed"] += answer["replayed"]
    if answer["overshoot"]:
        seen["forgiven"] += answer["overshoot"].forgiven > 0
        seen["owed"] += answer["overshoot"].owed > 0
    if "kind" in answer:
        seen[f"end: {answer['kind']}"] += 1
        seen["late end"] += answer["late"]
        return
    seen["allowed"] += answer["allowed"]
    seen["partly"] += answer["allowed"] and answer["granted"] < answer["units"]
    seen["held"] += answer["due"] > 0
    denial = answer.get("denial")
    if denial:
        seen.update(f"no: {blocker.kind}" for blocker in denial["blockers"])
        seen["opens"] += denial.get("opens_at") is not None
        seen["unlocks"] += bool(denial.get("unlock"))


PAID = ("allowance", "units", "credits", "overage", "several legs", "several lots", "partly", "forgiven", "owed")
DENIED = ("window", "units", "spending", "consent", "credits", "cap", "ceiling", "state", "plan", "attribute", "late")
HELD = ("held", "end: commit", "end: release", "late end", "replayed", "opens", "unlocks")
ERRORS = ("KeyReused", "HoldEnded", "UnknownName", "NotSettled", "InvalidInput")
ORDERS = (
    "accounts.put", "accounts.plan", "accounts.suspend", "accounts.erase", "credits.add", "units.add", "lots.revoke",
    "lots.reverse", "lots.adjust", "limits.set", "windows.reset", "refund", "settle", "tend", "consume", "check",
    "explain", "balance", "overview", "statement", "usage", "balance_at", "holds.list", "lots.list",
)  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rung", RUNGS)
def test_every_answer_and_the_books_are_those_of_memory(rung: str, seed: int, request: pytest.FixtureRequest) -> None:
    compare(*in_memory(seed, DECISIONS), rung, request.getfixturevalue)


def test_that_was_enough() -> None:
    """Every layer, mode, end, order and reason to deny comes up in the worlds often enough to mean something."""
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        one, said = in_memory(seed, DECISIONS)
        seen += counted(said, one.steps)
    assert seen["decisions"] * len(RUNGS) >= CASES
    assert seen["allowed"] >= seen["decisions"] // 4
    wanted = (*PAID, *(f"no: {kind}" for kind in DENIED), *HELD, *(f"error: {name}" for name in ERRORS), *ORDERS)
    assert {name: seen[name] for name in wanted if seen[name] < 3} == {}


@pytest.mark.parametrize("rung", RUNGS)
def test_denials_are_counted_as_in_memory(rung: str, request: pytest.FixtureRequest) -> None:
    """In a world that lies in the last days, as servers forget counts after a month by a clock of their own."""
    start = int(time.time() * 1000) - 25 * DAY
    one = world(11, 300, start, denials=True)
    assert one.steps[-1].at < time.time() * 1000
    compare(one, played(one, ORACLE, request.getfixturevalue), rung, request.getfixturevalue)


def test_a_difference_is_found_and_shown_with_few_steps(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that only one rung has: a file that knows of no open hold."""

    async def forgetful(self: SQLiteHotStore, account: int, key: str) -> None:
        return None

    monkeypatch.setattr(SQLiteHotStore, "hold", forgetful)
    with pytest.raises(AssertionError, match=r"seed 3: memory and sqlite part at .*") as caught:
        compare(*in_memory(3, 300), "sqlite", request.getfixturevalue)
    assert 1 <= str(caught.value).count("\n") <= FEW


@pytest.mark.soak
def test_a_million_decisions_are_those_of_memory(request: pytest.FixtureRequest) -> None:
    """All rungs together: world after world, each on every rung, for as many minutes as there may be.

    SPILLOVER_MINUTES: no world is begun after so many; SPILLOVER_SEED goes on at a world, as the run before says.
    """
    seed = int(os.environ.get("SPILLOVER_SEED", FIRST))
    until = time.monotonic() + 60 * float(os.environ.get("SPILLOVER_MINUTES", "120"))
    compared = 0
    while compared < MILLION and time.monotonic() < until:
        one, expected = in_memory(seed, DECISIONS)
        for rung in RUNGS:
            compare(one, expected, rung, request.getfixturevalue)
            compared += counted(expected, one.steps)["decisions"]
        seed += 1
        print(f"{compared:,} decisions compared; go on with SPILLOVER_SEED={seed}", flush=True)
    assert compared
