"""The shipped rules and the oracle give the same answers, to the last lot and number, over long random histories."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, seed, settings
from msgspec.structs import replace

from spillover.core import decide
from spillover.model.account import Lot, Profile
from spillover.model.decision import Verdict
from spillover.model.event import Move as Moved
from spillover.model.event import MoveKind
from spillover.model.policy import Feature, Layer, PriceRow, Rule
from tests.oracle.attempt import Bounds
from tests.oracle.faults import Fault, by_name, faults_for
from tests.oracle.happenings import worlds
from tests.oracle.hot import Answered
from tests.oracle.oracle import BOUNDS
from tests.oracle.play import play
from tests.oracle.policies import DAY, instant, plan_of, policy_of
from tests.oracle.worlds import Ask, End, Move, Sink, Step, World

CASES = 10_000
"""At least so many decisions are compared in a default run."""

LOW = Bounds(scopes=5, holds=2)
"""Law 14 with bounds that are met within a few steps."""

START = instant("2026-06-15 10:00")

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
HELD = ("held", "extend", "commit", "release", "expire", "late")
TERMS = ("terms", "move: owed", "move: revoke", "move: adjust", "move: expire", "move: rollover")
MODES = ("partly", "recorded", "forgiven", "owed")


def test_that_was_enough() -> None:
    """Runs after those above: every layer, mode, end and reason to deny was met often enough to mean something."""
    if not seen:
        pytest.skip("runs with the whole module")
    assert seen["decisions"] >= CASES
    assert seen["allowed"] >= CASES // 4
    wanted = (*PAID, *(f"no: {kind}" for kind in DENIED), *HELD, *TERMS, *MODES)
    rare = {name: seen[name] for name in wanted if seen[name] < 10}
    assert rare == {}


def disagree(examples: int, bounds: Bounds = BOUNDS, *, turned: bool = False) -> bool:
    """Whether both sides part in one of so many histories; the same ones each time."""
    wrong: list[World] = []

    @settings(many(examples), database=None)
    @seed(3)
    @given(worlds())
    def campaign(world: World) -> None:
        if wrong:
            return
        if turned:
            world = world._replace(profile=replace(world.profile, lots=world.profile.lots[::-1]))
        if any(answered.said != answered.expected or not answered.committed for answered in play(world, bounds)):
            wrong.append(world)

    campaign()
    return bool(wrong)


def test_a_wrong_order_of_lots_is_found() -> None:
    """The shipped rules take the lots as the profile lists them; the oracle sorts for itself."""
    assert disagree(50, turned=True)


@pytest.mark.parametrize("fault", faults_for("oracle"), ids=by_name)
def test_a_fault_in_the_rules_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert disagree(200)


@pytest.mark.parametrize("fault", faults_for("bounds"), ids=by_name)
def test_a_bound_that_is_forgotten_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "SCOPES_MAX", LOW.scopes)
    monkeypatch.setattr(decide, "HOLDS_MAX", LOW.holds)
    fault(monkeypatch)
    assert disagree(60, LOW)


@pytest.mark.parametrize(("gone", "kind"), [(False, "expire"), (True, "revoke")])
def test_what_a_hold_gives_back_to_a_lot_that_is_gone_is_posted(gone: bool, kind: MoveKind) -> None:
    """Both sides say so, for a lot that has expired and for one that was revoked."""
    feature = Feature("f", "unit", "requests", (PriceRow(unit_price=5),), ("requests",))
    rule = Rule("f", ("f",), (Layer("credits"),))
    policy = policy_of([feature], [plan_of("one", (rule,))])
    lot = Lot(1, "credits", expires=START + DAY)
    ask = Ask(Move(1), "f", {"requests": 3}, "ada", {}, hold=2 * DAY)
    revoked = [Sink(Move(1), 0, "revoke", 99)] if gone else []
    steps: list[Step] = [ask, *revoked, End(Move(5 if gone else DAY), 0, "commit", 1)]
    answers = list(play(World(policy, Profile(1, 1, "one", START, lots=(lot,)), {1: 20}, START, steps)))
    assert [answered.said for answered in answers] == [answered.expected for answered in answers]
    assert answers[-1].answer.moves == (Moved(kind, 1, 15, held=True),)


@pytest.mark.soak
@many(20_000)
@given(worlds(fewest=20, most=200))
def test_same_answers_over_many_long_histories(world: World) -> None:
    for answered in play(world):
        assert answered.said == answered.expected, answered.kind
        assert answered.committed
