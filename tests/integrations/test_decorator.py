"""A decorated function runs only if its request passes."""

import contextlib

import pytest

import spillover
from spillover.integrations.decorator import metered
from tests.integrations.driven import POLICY, credits_of, with_access
from tests.support import clock, policy


def test_a_coroutine_runs_only_if_its_request_passes():
    async def scene(access):
        ran = []

        @metered(lambda: access, "words", account=lambda who, text: who, usage=lambda who, text: len(text.split()))
        async def say(who, text):
            ran.append(text)
            return text.upper()

        assert await say("paid", "one two three") == "ONE TWO THREE"
        assert await credits_of(access, "paid") == 19
        with pytest.raises(spillover.Denied) as denied:
            await say("bare", "one two")
        assert denied.value.decision.denial.unlock == "2 more credits unlock it"
        assert ran == ["one two three"]
        assert say.__name__ == "say"

    with_access(scene)


def test_a_plain_function_runs_only_if_its_request_passes():
    with contextlib.closing(
        spillover.connect("memory://", policy=policy(POLICY), clock=clock(), settle=False, tend=False)
    ) as access:
        access.accounts.put("trial", plan="trial")
        ran = []

        @metered(access, "clips", account="trial", key=lambda name: name)
        def clip(name):
            ran.append(name)

        for name in ("a", "a", "b"):
            clip(name)
        with pytest.raises(spillover.Denied, match="daily"):
            clip("c")
        assert ran == ["a", "a", "b"]


def test_a_plain_function_refuses_an_access_that_is_awaited():
    async def scene(access):
        @metered(access, "clips", account="paid")
        def clip():
            raise AssertionError("it ran undecided")

        with pytest.raises(spillover.InvalidInput, match="plain"):
            clip()

    with_access(scene)
