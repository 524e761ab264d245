"""`with access.hold(...)`: whatever becomes of the work, what it used is charged once, and nothing stays held."""

from __future__ import annotations

import asyncio

import pytest

import spillover
from spillover.model.errors import Denied, HoldEnded, InvalidInput, StoreUnavailable, UnknownName
from tests.engine.houses import URLS, clock, credits_of, engine, policy, url_of

TOKENS, SECONDS = "codex.tokens", "sora.seconds"
PATIENCE_S = 5


class Broken(Exception):
    """What the work fails with."""


@pytest.fixture(params=URLS)
def house(request, tmp_path):
    turning = clock()
    with engine(url_of(request.param, tmp_path), clock=turning) as access:
        access.credits.add("acme", "1", key="bought")
        yield access, turning


def nothing_is_held(access: spillover.Access) -> bool:
    return not access.holds.list("acme") and credits_of(access)[1] == 0


def test_leaving_commits_what_was_reported_as_an_estimate(house):
    access, _ = house
    with access.hold("acme", TOKENS, {"output": 100}, subject="ada") as hold:
        assert credits_of(access)[1] == 1000
        hold.report(output=3)
        hold.report(output=4, input=2)
    assert (hold.ending.charged, hold.ending.estimated, hold.ending.key) == (72, True, hold.key)
    assert hold.reported == {"output": 7, "input": 2}
    assert nothing_is_held(access)


def test_leaving_commits_the_exact_usage_whatever_was_reported(house):
    access, _ = house
    with access.hold("acme", TOKENS, {"output": 100}, key="h") as hold:
        hold.report(output=3)
        hold.exact(input=1, output=50)
    assert (hold.ending.charged, hold.ending.estimated) == (501, False)


@pytest.mark.parametrize("leave", [lambda hold: None, lambda hold: hold.report(output=0)])
def test_where_nothing_was_reported_the_hold_is_released(house, leave):
    access, _ = house
    with access.hold("acme", TOKENS) as hold:
        leave(hold)
    assert (hold.ending.kind, hold.ending.charged) == ("release", 0)
    assert credits_of(access)[0] == 1_000_000


@pytest.mark.parametrize("failure", [Broken("work"), KeyboardInterrupt(), SystemExit(3)])
def test_what_was_reported_is_committed_though_the_work_failed(house, failure):
    access, _ = house
    hold = access.hold("acme", TOKENS)

    def work() -> None:
        with hold:
            hold.report(output=3)
            raise failure

    with pytest.raises(type(failure)) as told:
        work()
    assert told.value is failure
    assert (hold.ending.charged, hold.ending.estimated) == (30, True)


def test_an_interruption_in_the_middle_of_the_end_still_commits(house, monkeypatch):
    access, _ = house
    commit, calls = access.holds.commit, []

    def interrupted(*args, **options):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return commit(*args, **options)

    monkeypatch.setattr(access.holds, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt), access.hold("acme", TOKENS) as hold:
        hold.report(output=3)
    assert hold.ending.charged == 30
    assert nothing_is_held(access)


def test_an_interruption_while_it_opens_leaves_nothing_held(house, monkeypatch):
    access, _ = house

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(access, "opened", interrupted)
    with pytest.raises(KeyboardInterrupt), access.hold("acme", TOKENS):
        pytest.fail("it is not entered")
    assert nothing_is_held(access)


def test_a_denied_hold_raises_the_denial_and_the_work_does_not_begin(house):
    access, _ = house
    with pytest.raises(Denied) as refused, access.hold("acme", TOKENS, {"output": 200_000}):
        pytest.fail("it is not entered")
    assert refused.value.decision.denial.blocked_by == "credits"
    assert str(refused.value) == refused.value.decision.sentence
    with pytest.raises(UnknownName), access.hold("nobody", TOKENS):
        pytest.fail("it is not entered")
    assert nothing_is_held(access)


@pytest.mark.parametrize(
    "usage", [{"seconds": 1}, {"output": -1}, {"output": 1.5}, {"output": True}, {"output": 2**53}]
)
def test_a_report_of_what_the_feature_does_not_count_is_refused_at_once_and_counts_nothing(house, usage):
    access, _ = house
    with access.hold("acme", TOKENS) as hold:
        hold.report(output=1)
        for tell in (hold.report, hold.exact):
            with pytest.raises(InvalidInput, match="usage"):
                tell(**{"input": 1, **usage})
        with pytest.raises(InvalidInput, match="usage"):
            hold.exact()
    assert hold.ending.charged == 10


def test_a_hold_is_entered_once_and_reports_come_between(house):
    access, _ = house
    hold = access.hold("acme", TOKENS)
    with pytest.raises(InvalidInput, match="not entered"):
        hold.report(output=1)
    with hold:
        hold.report(output=1)
        with pytest.raises(InvalidInput, match="entered before"), hold:
            pass
        hold.report(output=1)
    for late in (lambda: hold.report(output=1), lambda: hold.exact(output=1)):
        with pytest.raises(HoldEnded):
            late()
    with pytest.raises(InvalidInput, match="entered before"), hold:
        pass
    assert (hold.ending.charged, credits_of(access)[0]) == (20, 999_980)


@pytest.mark.parametrize("how", ["committed", "released", "expired"])
def test_a_key_whose_hold_has_ended_begins_no_work(house, how):
    access, turning = house
    access.open_hold("acme", TOKENS, key="h")
    if how == "committed":
        access.holds.commit("acme", "h", {"output": 5})
    elif how == "released":
        access.holds.release("acme", "h")
    else:
        turning.turn(seconds=61)
        access.tend()
    before = credits_of(access)
    with pytest.raises(HoldEnded, match=how), access.hold("acme", TOKENS, key="h"):
        pytest.fail("it is not entered")
    assert credits_of(access) == before


def test_work_that_is_taken_up_again_under_its_key_goes_on_with_its_hold(house):
    access, _ = house
    access.open_hold("acme", TOKENS, key="h")
    with access.hold("acme", TOKENS, key="h") as hold:
        hold.report(output=5)
    assert (hold.decision.replayed, hold.ending.charged) == (True, 50)


def test_a_stream_is_extended_ahead_in_few_steps(house, monkeypatch):
    access, _ = house
    extend, calls = access.holds.extend, []
    monkeypatch.setattr(access.holds, "extend", lambda *args, **options: calls.append(1) or extend(*args, **options))
    with access.hold("acme", TOKENS, {"output": 10}) as hold:
        for _ in range(5000):
            hold.report(output=1)
            (held,) = access.holds.list("acme") if _ % 500 == 0 else (None,)
            assert held is None or held.usage["output"] >= hold.reported["output"]
    assert hold.ending.charged == 50_000
    assert len(calls) <= 14, "each step is more than half as much again"
    assert hold.trouble is None


def test_work_that_takes_longer_than_its_hold_keeps_it(house):
    access, turning = house
    with access.hold("acme", TOKENS, {"output": 1000}, lasts=10_000) as hold:
        for _ in range(20):
            turning.turn(seconds=5)
            hold.report(output=1)
            access.tend()
    assert (hold.ending.charged, hold.ending.late) == (200, False)


def test_a_hold_that_expired_under_its_work_is_billed_late(house):
    access, turning = house
    with access.hold("acme", TOKENS) as hold:
        hold.report(output=1)
        turning.turn(seconds=61)
        access.tend()
        hold.report(output=1000)
    assert (hold.ending.late, hold.ending.charged) == (True, 10_010)
    assert isinstance(hold.trouble, HoldEnded)


def test_short_and_finish_goes_on_and_the_rest_is_recorded(house):
    access, _ = house
    with access.hold("acme", TOKENS, {"output": 90_000}) as hold:
        hold.report(output=80_000)
        hold.report(output=80_000)
    assert isinstance(hold.trouble, Denied)
    assert hold.ending.overshoot.amount == 600_000


def test_short_and_stop_raises_the_denial_and_what_was_reported_is_charged(house):
    access, _ = house
    hold = access.hold("acme", SECONDS, 11)

    def work() -> None:
        with hold:
            hold.report(seconds=4)
            hold.report(seconds=6)
            pytest.fail("it is short")

    with pytest.raises(Denied) as refused:
        work()
    assert refused.value.decision.denial.blocked_by == "credits"
    assert (hold.ending.granted, hold.ending.overshoot) == (10, None)


def test_the_works_own_error_is_told_with_a_note_where_the_hold_cannot_be_ended(house, monkeypatch):
    access, _ = house

    def failing(*args, **options):
        raise StoreUnavailable("planted")

    def work() -> None:
        with access.hold("acme", TOKENS, key="h") as hold:
            hold.report(output=1)
            monkeypatch.setattr(access.holds, "commit", failing)
            raise Broken

    with pytest.raises(Broken) as told:
        work()
    assert "'h' could not be ended (planted)" in told.value.__notes__[0]
    with pytest.raises(StoreUnavailable, match="planted"), access.hold("acme", TOKENS) as hold:
        hold.report(output=1)


def test_a_hold_of_plain_code_is_no_asynchronous_one_and_the_other_way_round():
    async def both() -> None:
        with spillover.connect("memory://", policy=policy()) as access:
            hold = access.hold("acme", "sora.seconds", 1)
            with pytest.raises(TypeError, match="found `async with` on a hold of plain code, expected `with`"):
                async with hold:
                    raise AssertionError
        async with spillover.connect_async("memory://", policy=policy()) as access:
            hold = access.hold("acme", "sora.seconds", 1)
            pattern = "found `with` on a hold of an event loop, expected `async with`"
            with pytest.raises(TypeError, match=pattern), hold:
                raise AssertionError

    asyncio.run(both())
