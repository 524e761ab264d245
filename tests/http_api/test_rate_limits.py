"""What is told of limits beside a decision is what the overview tells, and costs no reading."""

import asyncio

import pytest

from spillover.conventions.rate_limits import standing_after
from spillover.core.instants import to_instant
from spillover.policy import read_policy_text
from tests.http_api.inside import inside

POLICY = """
spillover: 1
attributes: [team]
features:
  calls: {unit: call, count: requests, price: {credits: 5}}
  tokens: {unit: credit, count: cost, price: {input: 1, output: 2, per: 1k}}
plans:
  plus:
    rules:
      - for: [calls]
        ceilings:
          - {name: burst, max: 20, refill: 1m, per: subject}
          - {name: hourly, max: 15, every: hour, in: UTC}
          - {name: seats, max: 3, of: subjects, every: month, in: UTC}
        waterfall:
          - from: allowance
            windows:
              - {name: session, max: 6, every: 5h, starting: first_use}
              - {name: rolling, max: 9, sliding: 7d}
              - {name: monthly, max: 100, every: month, in: Europe/Paris}
              - {name: team, max: 4, every: day, in: UTC, per: team, when_missing: skip}
              - {name: taste, max: 50, ever: true}
          - {from: credits, consent: remembered}
      - for: [tokens]
        waterfall: [{from: allowance, windows: [{name: spent, max: 3, every: day, in: UTC}]}]
"""


def play(steps):
    """Each step is a request; after it, what is told is compared with what the overview of the engine tells."""

    async def scene(ask, service, clock):
        for feature, usage, subject, team, minutes in steps:
            clock.turn(minutes=minutes)
            attributes = {"team": team} if team else {}
            access = service.access
            decision = await access.consume("acme", feature, usage, subject=subject, attributes=attributes)
            told = standing_after(service.desk, decision, subject, attributes).limits
            overview = await access.overview("acme", subject=subject, attributes=attributes or None)
            limits = next(one.limits for one in overview.features if one.feature == feature)
            wanted = {one.name: one for one in limits if one.kind in ("ceiling", "window") and one.of != "subjects"}
            assert {one.name for one in told} == set(wanted), feature
            for one in told:
                standing = wanted[one.name]
                assert (one.max, one.room, one.of) == (standing.max, standing.room, standing.of), one.name
                if standing.resets_at is not None and one.name != "rolling":
                    assert one.resets == -(-(standing.resets_at - clock()) // 1000), one.name
                assert one.kind == standing.kind

    in_memory(scene)


def in_memory(scene):
    async def put(ask, service, clock):
        await service.access.policies.publish(read_policy_text(POLICY), force=True)
        await service.access.accounts.put("acme", plan="plus")
        await scene(ask, service, clock)

    inside(put)


def test_a_story_of_all_kinds_of_windows_is_told_as_the_overview_tells_it():
    play(
        [
            ("calls", None, "ada", "blue", 0), ("calls", 2, "ada", "blue", 1), ("calls", None, "bob", None, 20),
            ("calls", 3, "bob", "red", 60), ("calls", 3, "bob", "red", 1), ("calls", None, "ada", "blue", 300),
            ("tokens", {"input": 900, "output": 5}, None, None, 1), ("calls", 2, "ada", "blue", 60 * 24 * 8),
            ("calls", 50, "ada", "blue", 1), ("tokens", {"input": 2000}, "ada", None, 1),
        ]
    )  # fmt: skip


@pytest.mark.parametrize(("credits", "consent", "passed"), [(100, True, True), (100, False, False), (0, True, False)])
def test_an_empty_window_is_passed_on_where_the_next_layer_would_pay(credits, consent, passed):
    async def scene(ask, service, clock):
        access = service.access
        await access.accounts.put("acme", consent=consent)
        if credits:
            await access.credits.add("acme", credits, key="c")
        decision = await access.consume("acme", "calls", mode="partial", usage=6, subject="ada")
        told = {one.name: one for one in standing_after(service.desk, decision, "ada", None).limits}
        assert told["session"].room == 0
        assert told["session"].passed_on == passed
        assert not told["burst"].passed_on

    in_memory(scene)


def test_windows_are_told_by_their_length_in_seconds():
    async def scene(ask, service, clock):
        clock.set(to_instant(clock.moment.replace(month=2, day=3)) + 31_536_000_000)  # February of 28 days
        decision = await service.access.consume("acme", "calls", subject="ada", attributes={"team": "blue"})
        told = {one.name: one.window for one in standing_after(service.desk, decision, "ada", {"team": "blue"}).limits}
        assert told == {
            "burst": 60, "hourly": 3600, "session": 18_000, "rolling": 604_800, "monthly": 28 * 86_400, "team": 86_400,
            "taste": 0,
        }  # fmt: skip

    in_memory(scene)


def test_what_is_not_in_memory_is_not_told_and_not_read():
    async def scene(ask, service, clock):
        decision = await service.access.consume("acme", "calls", subject="ada")
        account = await asyncio.to_thread(lambda: service.plain.run(service.desk.account("acme")))
        service.desk.known.forget(account)
        assert standing_after(service.desk, decision, "ada", None).limits == ()

    in_memory(scene)
