"""The shipped rules and the oracle give the same answers, to the last lot and number, over long random histories."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, seed, settings
from msgspec.structs import replace

from spillover.core import decide
from spillover.model.decision import Verdict
from tests.oracle.attempt import Bounds
from tests.oracle.faults import Fault, by_name, faults_for
from tests.oracle.happenings import worlds
from tests.oracle.hot import Answered
from tests.oracle.play import play
from tests.oracle.worlds import World

CASES = 10_000
"""At least so many decisions are compared in a default run."""

LOW = Bounds(scopes=5, holds=2)
"""Law 14 with bounds that are met within a few steps."""

seen: Counter[str] = Counter()
"""How often what has come up: a comparison that never met a case says nothing of it."""


def many(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


def note(answered: Answered) -> None:
    """What there was to be seen in an answer."""
    answer, request = answered.answer, answered.request
    seen[answered.kind] += 1
    if isinstance(answer, tuple):
        seen.update({f"move: {move.kind}" for move in answer})
        return
    seen["decisions"] += 1
    if isinstance(answer, Verdict):
        seen["allowed"] += answer.allowed
        seen.update({f"no: {blocker.kind}" for blocker in answer.blockers})
        seen["partly"] += answer.allowed and answer.granted < answer.units
        seen["recorded"] += request is not None and request.mode == "record" and answer.allowed
        seen["held"] += answer.hold is not None
    else:
        seen.update({f"held: {move.kind}" for move in answer.moves})
        seen["refused"] += answer.refused is not None
    seen["several legs"] += len(answer.legs) > 1
    seen["several lots"] += any(len(leg.lots) > 1 for leg in answer.legs)
    seen.update({leg.layer for leg in answer.legs})
    if answer.overshoot is not None:
        seen["forgiven"] += answer.overshoot.forgiven > 0
        seen["owed"] += answer.overshoot.owed > 0


@many(450)
@given(worlds())
def test_same_answers(world: World) -> None:
    for answered in play(world):
        assert answered.said == answered.expected, answered.kind
        assert answered.committed
        note(answered)


@many(150)
@given(worlds())
def test_same_answers_where_bounds_are_low(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide, "SCOPES_MAX", LOW.scopes)
        patch.setattr(decide, "HOLDS_MAX", LOW.holds)
        for answered in play(world, LOW):
            assert answered.said == answered.expected, answered.kind
            note(answered)


PAID = ("allowance", "units", "credits", "overage", "several legs", "several lots")
DENIED = (
    "window", "units", "spending", "consent", "credits", "cap", "ceiling", "state", "plan", "attribute", "late", "owed",
    "bound",
)  # fmt: skip
HELD = ("held", "extend", "commit", "release", "expire", "late", "held: expire", "held: revoke")
TERMS = ("terms", "move: owed", "move: revoke", "move: adjust", "move: expire", "move: rollover")
MODES = ("partly", "recorded", "forgiven", "owed")


def test_that_was_enough() -> None:
    """Runs after those above: every layer, mode, end and reason to deny was met often enough to mean something."""
    if not seen:
        pytest.skip("runs with the whole module")
    assert seen["decisions"] >= CASES
    assert seen["allowed"] >= CASES // 4
    wanted = (*PAID, *(f"no: {kind}" for kind in DENIED), *HELD, *TERMS, *MODES)
    rare = {name: seen[name] for name in wanted if seen[name] < 20}
    assert rare == {}


def disagreements(examples: int, bounds: Bounds | None = None, *, turned: bool = False) -> int:
    """In how many of so many histories both sides part; the same ones each time."""
    wrong = []

    @settings(many(examples), database=None)
    @seed(3)
    @given(worlds())
    def campaign(world: World) -> None:
        if turned:
            world = world._replace(profile=replace(world.profile, lots=world.profile.lots[::-1]))
        history = play(world, bounds) if bounds else play(world)
        wrong.append(any(answered.said != answered.expected or not answered.committed for answered in history))

    campaign()
    return sum(wrong)


def test_a_wrong_order_of_lots_is_found() -> None:
    """The shipped rules take the lots as the profile lists them; the oracle sorts for itself."""
    assert disagreements(50, turned=True) > 0


@pytest.mark.parametrize("fault", faults_for("oracle"), ids=by_name)
def test_a_fault_in_the_rules_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert disagreements(80) > 0


@pytest.mark.parametrize("fault", faults_for("bounds"), ids=by_name)
def test_a_bound_that_is_forgotten_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "SCOPES_MAX", LOW.scopes)
    monkeypatch.setattr(decide, "HOLDS_MAX", LOW.holds)
    fault(monkeypatch)
    assert disagreements(40, LOW) > 0


@pytest.mark.soak
@many(20_000)
@given(worlds(fewest=20, most=200))
def test_same_answers_over_many_long_histories(world: World) -> None:
    for answered in play(world):
        assert answered.said == answered.expected, answered.kind
        assert answered.committed
