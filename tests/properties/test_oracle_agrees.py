"""The shipped rules and the oracle give the same verdicts, to the last lot and number, over long random histories."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from spillover.model.decision import Verdict
from tests.oracle.play import play
from tests.oracle.worlds import World, worlds

CASES = 10_000
"""At least so many decisions are compared in a default run."""

seen: Counter[str] = Counter()
"""How often what has come up: a comparison that never met a case says nothing of it."""


def note(verdict: Verdict) -> None:
    seen["decisions"] += 1
    seen["allowed"] += verdict.allowed
    seen["several legs"] += len(verdict.legs) > 1
    seen["several lots"] += any(len(leg.lots) > 1 for leg in verdict.legs)
    seen.update({leg.layer for leg in verdict.legs})
    seen.update({f"no: {blocker.kind}" for blocker in verdict.blockers})


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_same_verdicts(world: World) -> None:
    for decision in play(world):
        assert decision.verdict == decision.expected
        assert decision.committed
        note(decision.verdict)


def test_that_was_enough() -> None:
    """Runs after the one above: every layer, and every reason to deny, was met often enough to mean something."""
    if not seen:
        pytest.skip("runs with the whole module")
    assert seen["decisions"] >= CASES
    assert seen["allowed"] >= CASES // 4
    paid = ("allowance", "units", "credits", "overage", "several legs", "several lots")
    denied = (
        "window",
        "units",
        "spending",
        "consent",
        "credits",
        "cap",
        "ceiling",
        "state",
        "plan",
        "attribute",
        "late",
    )
    rare = {name: seen[name] for name in (*paid, *(f"no: {kind}" for kind in denied)) if seen[name] < 40}
    assert rare == {}


def test_a_wrong_order_of_lots_is_found() -> None:
    """The shipped rules take the lots as the profile lists them; the oracle sorts for itself."""
    wrong = []

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(worlds())
    def campaign(world: World) -> None:
        turned = replace(world.profile, lots=world.profile.lots[::-1])
        for decision in play(world._replace(profile=turned)):
            wrong.append(decision.verdict != decision.expected)
            if wrong[-1]:
                break

    campaign()
    assert any(wrong)
