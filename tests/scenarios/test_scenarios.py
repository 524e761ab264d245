"""The same scenario on an engine and over HTTP, for both faces of the client: what its file says, all else alike."""

import pytest

import spillover
from tests.http_client.test_same_answers import verbs
from tests.rungs.worlds import world
from tests.scenarios.playing import (
    ENGINES,
    FACES,
    PLAYERS,
    Scenario,
    heard,
    meets,
    names,
    play,
    player,
    policy_named,
    scenario,
)  # fmt: skip


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("kind", PLAYERS)
def test_a_scenario_gives_what_its_file_says(name, kind, request):
    found = scenario(name)
    with player(kind, request.getfixturevalue, found.policy, found.start) as one:
        for number, (step, given) in enumerate(play(found, one), 1):
            assert "pass" in step or meets(step, given), (number, step, given)


@pytest.mark.parametrize("name", names())
def test_every_result_and_every_error_is_the_same_whoever_plays(name, request):
    found = scenario(name)
    histories = {kind: all_of(kind, found, request) for kind in PLAYERS}
    for kind in PLAYERS[1:]:
        for (step, first), (_, other) in zip(histories[PLAYERS[0]], histories[kind], strict=True):
            assert other == first, (kind, step)


def all_of(kind, found, request):
    with player(kind, request.getfixturevalue, found.policy, found.start) as one:
        return list(play(found, one))


def test_the_scenarios_know_every_verb():
    known = {step["do"] for name in names() for step in scenario(name).steps if "do" in step}
    with spillover.connect("memory://", policy=policy_named("shop"), settle=False) as access:
        assert set(verbs(access)) - {"close"} <= known


def test_a_scenario_that_says_something_else_is_found_out(request):
    found = scenario("requests")
    for wrong in ({"says": "nothing"}, {"error": "KeyReused"}, {"gives": {"granted": 17}}, {"gives": [1]}):
        step = {"do": "consume", **wrong}
        with player("memory", request.getfixturevalue, found.policy, found.start) as one:
            assert not meets(step, [given for _, given in play(Scenario("x", *found[1:3], found.steps[:3]), one)][-1])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(400, 412))
def test_generated_scenarios_are_the_same_whoever_plays(seed, request):
    made = world(seed, 700, denials=True)
    players = {kind: generated(kind, made, request) for kind in (*ENGINES, *FACES)}
    first = next(players["memory"])
    count = 0
    others = [next(players[kind]) for kind in PLAYERS[1:]]
    while first is not None:
        assert all(other == first for other in others), first[0]
        count += 1
        first, *others = (next(players[kind], None) for kind in PLAYERS)
    assert count == len(made.steps)


def generated(kind, made, request):
    """Each step of a world with what it gave."""
    with player(kind, request.getfixturevalue, made.policy, made.steps[0].at) as one:
        for step in made.steps:
            one.clock.at = step.at
            yield step, heard(step.verb, one, {"with": step.options, "args": step.args})
