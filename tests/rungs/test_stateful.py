"""Any sequence of verbs, from two engines on one place that are closed and opened again: as one engine in memory.

Hypothesis finds the sequence and makes a failing one short. After each settlement all books are audited, sums and
balances are those of memory, and hot state and books agree account by account.
"""

from __future__ import annotations

from contextlib import ExitStack
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from tests.rungs.opening import ORACLE, RUNGS, Fixture, Hands, Opened, dice, opened, place
from tests.rungs.playing import Said, parting, take
from tests.rungs.worlds import ACCOUNTS, FEATURES, START, Maker, Step

POLICIES = (2, 3, 5, 8, 14, 18, 20, 21)
"""Seeds of policies that have much to decide."""
ENGINES = 2

picks = st.randoms(use_true_random=False)
turns = st.integers(0, ENGINES - 1)


MOVING = {"late", "owed", "bound"}
"""Blockers whose numbers are those of the state that the engine has seen: the denial stands in any later one."""


def loose(said: Said) -> Said:
    """An answer without those numbers: two engines on one place have not seen the same."""
    if isinstance(said, tuple):
        return tuple(map(loose, said))
    if not isinstance(said, dict) or "denial" not in said:
        return said
    denial = dict(said["denial"])
    if not {blocker.kind for blocker in denial["blockers"]} & MOVING:
        return said
    denial["blockers"] = [
        replace(blocker, room=0, short=0) if blocker.kind in MOVING else blocker for blocker in denial["blockers"]
    ]
    denial.pop("sentence", None)
    return {**said, "denial": denial, "sentence": ""}


class Machine(RuleBasedStateMachine):
    """One rung beside memory. `rung` and `fixture` are set by the test."""

    rung: str
    fixture: Fixture

    @initialize(seed=st.sampled_from(POLICIES), pick=picks)
    def begin(self, seed: int, pick: Random) -> None:
        self.stack = ExitStack()
        self.maker = Maker(seed, START, denials=False)
        self.policy = self.maker.policy
        self.oracle = self.stack.enter_context(opened(ORACLE, self.fixture, self.policy, START))
        self.where = self.stack.enter_context(place(self.rung, self.fixture))
        self.clock, self.bits = Hands(START), dice()
        self.engines = [self.open() for _ in range(ENGINES)]
        self.settled = True
        self.make(0)

    def open(self) -> Opened:
        return Opened(self.where, self.policy, self.clock, self.bits)

    def make(self, turn: int) -> None:
        """The steps that were made since are taken on both sides."""
        for step in self.maker.steps:
            expected, found = loose(take(self.oracle, step)), loose(take(self.engines[turn], step))
            assert found == expected, f"{step}: {parting(expected, found)}"
            self.settled = step.verb == "settle"
        self.maker.steps.clear()

    def with_dice(self, pick: Random) -> Maker:
        self.maker.pick = pick
        return self.maker

    @rule(turn=turns, pick=picks, size=st.integers(1, 6))
    def requests(self, turn: int, pick: Random, size: int) -> None:
        self.with_dice(pick).batch(size)
        self.make(turn)

    @rule(turn=turns, pick=picks, what=st.sampled_from(("hold", "hold", "end", "end", "extend")))
    def holds(self, turn: int, pick: Random, what: str) -> None:
        getattr(self.with_dice(pick), what)()
        self.make(turn)

    @rule(
        turn=turns, pick=picks, name=st.sampled_from(ACCOUNTS),
        what=st.sampled_from(("lot", "terms", "order", "limit", "refund", "ask", "look")),
    )  # fmt: skip
    def orders_and_reads(self, turn: int, pick: Random, name: str, what: str) -> None:
        getattr(self.with_dice(pick), what)(name)
        self.make(turn)

    @rule(by=st.sampled_from((1, 999, 1_000, 7_000, 60_000, 3_600_000, 86_400_000, 3 * 86_400_000)))
    def time_passes(self, by: int) -> None:
        self.maker.at += by

    @rule(turn=turns)
    def settle(self, turn: int) -> None:
        self.maker.say("settle")
        self.make(turn)
        assert self.engines[turn].sound() == self.oracle.sound()

    @rule(turn=turns)
    def opened_again(self, turn: int) -> None:
        """What an engine remembers is never a meaning."""
        self.engines[turn].close()
        self.engines[turn] = self.open()

    @invariant()
    def engines_agree(self) -> None:
        """What one engine has done, the other reads."""
        if not hasattr(self, "engines"):
            return
        name = ACCOUNTS[self.maker.count % len(ACCOUNTS)]
        feature = FEATURES[self.maker.count % len(FEATURES)]
        for verb, args in (("balance", (name,)), ("check", (name, feature, None if feature == "chat" else 1))):
            if feature == "tokens" and verb == "check":
                continue
            step = Step(self.maker.at, verb, args)
            expected = loose(take(self.oracle, step))
            for number, engine in enumerate(self.engines):
                found = loose(take(engine, step))
                assert found == expected, f"engine {number}, {step}: {parting(expected, found)}"

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            for engine in self.engines:
                engine.close()
            self.stack.close()


def run(rung: str, fixture: Fixture, examples: int, steps: int, **options: Any) -> None:
    machine = type(f"Machine on {rung}", (Machine,), {"rung": rung, "fixture": staticmethod(fixture)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
            **options,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("rung", RUNGS)
def test_any_verbs_in_any_order_say_and_book_what_memory_does(rung: str, request: pytest.FixtureRequest) -> None:
    run(rung, request.getfixturevalue, 6, 40)


@pytest.mark.soak
@pytest.mark.parametrize("rung", RUNGS)
def test_ten_thousand_steps_say_and_book_what_memory_does(rung: str, request: pytest.FixtureRequest) -> None:
    run(rung, request.getfixturevalue, 100, 100)
