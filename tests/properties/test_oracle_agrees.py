"""The shipped rules and the oracle give the same verdicts over long random histories."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings

from tests.oracle.play import play
from tests.oracle.worlds import World, worlds

seen: Counter[str] = Counter()
"""How often what has come up: a test that never met a case has not tested it."""


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_same_verdicts(world: World) -> None:
    for decision in play(world):
        assert decision.verdict == decision.expected
        assert decision.committed
        seen["decisions"] += 1


def test_enough_was_seen() -> None:
    print(seen)
