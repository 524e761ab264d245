"""Law 21: the state decided on is in its box, every state of the box gives the same decision, every history is serial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from spillover.model.commit import Operation
from tests.oracle.boxes import LARGEST, Broken, check_box, check_state, reason, sample
from tests.oracle.engines import race
from tests.oracle.play import TIME, Decision, play
from tests.oracle.worlds import World, worlds

CASES = 10_000
"""Each property is shown on at least so many decisions in a default run."""

SEEDS = st.integers(0, 2**32 - 1)
counted: Counter[str] = Counter()


def many(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@many(700)
@given(worlds(), SEEDS)
def test_every_state_of_the_box_gives_the_same_decision(world: World, seed: int) -> None:
    random = Random(seed)
    for decision in play(world):
        check_box(world.policy, decision, random, samples=3)
        counted["decisions with their own state in the box"] += 1
        counted["states of boxes"] += 3


@many(700)
@given(worlds(), SEEDS)
def test_a_history_of_stale_and_skewed_engines_is_serial(world: World, seed: int) -> None:
    for answer in race(world, Random(seed)):
        assert answer.verdict == answer.serial or reason(answer.verdict) == reason(answer.serial)
        assert answer.same_effect
        assert answer.verdict.legs == answer.expected.legs
        assert reason(answer.verdict) == reason(answer.expected)
        counted["decisions of racing engines"] += 1
        counted["conflicts"] += answer.tries > 1
