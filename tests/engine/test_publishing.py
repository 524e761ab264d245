"""A policy that leaves behind what is in use is refused in one line, unless it is forced; and nothing is published."""

from __future__ import annotations

import pytest

import spillover
from spillover.bootstrap import publishing
from spillover.model.errors import PolicyError
from tests.engine.houses import POLICY, SECONDS_OF_PLUS, URLS, clock, engine, policy, url_of

MESSAGES, SECONDS = "codex.messages", "sora.seconds"
DAY = 86_400_000
NO_FREE = policy(POLICY.replace("then: free", "then: plus").replace("  free:\n", "  basic:\n"))
NO_VIDEO = policy(POLICY.replace(SECONDS_OF_PLUS, ""))


@pytest.fixture(params=[f"{face} {url}" for face in ("plain", "async") for url in URLS])
def house(request, tmp_path):
    face, url = request.param.split()
    turning = clock()
    with engine(url_of(url, tmp_path), face, clock=turning) as access:
        yield access, turning


def test_a_plan_that_accounts_have_or_are_to_get_may_not_be_missing(house):
    access, turning = house
    access.policies.publish(NO_FREE)
    access.policies.publish(policy())
    access.accounts.plan("acme", "free", when=turning() + DAY)
    with pytest.raises(PolicyError, match=r"plan free is missing.*force=True") as refused:
        access.policies.publish(NO_FREE)
    assert "\n" not in str(refused.value)
    assert len(refused.value.mistakes) == 1
    with pytest.raises(PolicyError, match="free"):
        access.policies.publish(NO_FREE, when=turning() + DAY)
    assert access.policy == policy()
    assert len(access.policies.list()) == 3
    access.policies.publish(NO_FREE, force=True)
    assert access.policy == NO_FREE


def test_a_feature_that_was_used_in_the_last_30_days_may_not_be_missing(house):
    access, turning = house
    access.consume("acme", SECONDS, 1)
    access.settle()
    turning.turn(days=30)
    with pytest.raises(PolicyError, match=r"sora.seconds is used under the plan plus"):
        access.policies.publish(NO_VIDEO)
    turning.turn(milliseconds=1)
    access.policies.publish(NO_VIDEO)
    assert not access.check("acme", SECONDS, 1)


def test_a_feature_that_nobody_used_may_go(house):
    access, _ = house
    access.consume("acme", MESSAGES)
    access.settle()
    access.policies.publish(NO_VIDEO)


def test_what_was_not_looked_at_counts_as_used_and_the_refusal_says_so(house, monkeypatch):
    access, _ = house
    monkeypatch.setattr(publishing, "PAGE", 2)
    monkeypatch.setattr(publishing, "EVENTS_MAX", 4)
    for number in range(4):
        access.consume("acme", MESSAGES, key=f"{number}", mode="record")
    access.settle()
    with pytest.raises(PolicyError, match="only 4 events were looked at"):
        access.policies.publish(NO_VIDEO)


def test_an_engine_that_opens_with_such_a_policy_is_refused_and_the_old_one_goes_on(tmp_path):
    url, turning = f"sqlite:///{tmp_path}/x.db", clock()
    with engine(url, clock=turning) as access:
        access.accounts.plan("acme", "free")
    with pytest.raises(PolicyError, match="plan free is missing, which 1 account has"):
        spillover.connect(url, policy=NO_FREE, clock=turning)
    with spillover.connect(url, clock=turning, settle=False) as access:
        assert access.policy == policy()
        assert access.consume("acme", MESSAGES)
    with spillover.connect(url, policy=NO_FREE, clock=turning, settle=False, force=True) as access:
        assert not access.consume("acme", MESSAGES)
