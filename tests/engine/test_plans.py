"""What comes by itself: scheduled plans and trials, gifts and rollovers, policies for an instant; and suspension."""

from __future__ import annotations

from threading import Event

import pytest

import spillover
from spillover.model.errors import InvalidInput
from tests.engine.houses import POLICY, URLS, clock, engine, policy, url_of

MESSAGES, TOKENS, SECONDS = "codex.messages", "codex.tokens", "sora.seconds"
DAY = 86_400_000


@pytest.fixture(params=[f"{face} {url}" for face in ("plain", "async") for url in URLS])
def house(request, tmp_path):
    face, url = request.param.split()
    turning = clock()
    with engine(url_of(url, tmp_path), face, clock=turning) as access:
        yield access, turning


def test_a_scheduled_plan_comes_into_force_at_its_instant(house):
    access, turning = house
    access.accounts.plan("acme", "free", when=turning() + 1000)
    turning.turn(milliseconds=999)
    assert access.check("acme", SECONDS, 1)
    assert access.balance("acme").plan == "plus"
    turning.turn(milliseconds=1)
    assert access.balance("acme").plan == "free"
    assert access.consume("acme", SECONDS, 1).denial.blocked_by == "plan free"
    access.settle()
    (row,) = [row for row in access.statement("acme").rows if row.kind == "plan_change" and row.source == "plus"]
    assert (row.target, row.reason) == ("free", "scheduled plan")


def test_another_plan_at_once_replaces_what_was_scheduled_and_counts_on(house):
    access, turning = house
    access.accounts.plan("acme", "trial", when=turning() + 1000)
    access.consume("acme", MESSAGES)
    access.accounts.plan("acme", "free")
    turning.turn(hours=1)
    assert access.balance("acme").plan == "free"
    assert access.consume("acme", MESSAGES).denial.blocked_by == "window daily", "what was used counts on (law 12)"
    for wrong in (turning(), 5, "soon"):
        with pytest.raises(InvalidInput, match="when"):
            access.accounts.plan("acme", "plus", when=wrong)


@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_a_trial_ends_to_the_millisecond_and_its_gift_with_it(house, beside):
    access, turning = house
    began = turning()
    access.accounts.put("new", "trial")
    assert access.balance("new").credits == 200_000_000
    access.accounts.put("new", "trial", reason="again")
    assert len(access.balance("new").measures[0].lots) == 1
    turning.set(began + 14 * DAY + beside)
    assert access.balance("new").plan == ("trial" if beside < 0 else "free")
    decided = access.consume("new", MESSAGES, key="k")
    assert [leg.layer for leg in decided.legs] == (["credits"] if beside < 0 else ["allowance"])
    access.settle()
    assert access.balance("new").credits == (195_000_000 if beside < 0 else 0)


@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_a_gift_ends_and_comes_again_at_its_periods_edge_and_a_part_rolls_over(house, beside):
    access, turning = house
    midnight = turning() // DAY * DAY + DAY
    access.accounts.put("new", "gifted")
    assert access.consume("new", SECONDS, 3, key="a")
    turning.set(midnight + beside)
    left = access.consume("new", SECONDS, 99, mode="partial", key="b")
    assert left.granted == (7 if beside < 0 else 14)
    access.settle()
    kinds = [row.kind for row in access.statement("new").rows if row.measure == SECONDS]
    assert kinds.count("grant") == (1 if beside < 0 else 2)
    assert (kinds.count("rollover"), kinds.count("expire")) == ((0, 0) if beside < 0 else (2, 1))


def test_what_rolled_over_lives_as_long_as_it_is_said_to(house):
    access, turning = house
    midnight = turning() // DAY * DAY + DAY
    access.accounts.put("new", "gifted")
    turning.set(midnight)
    assert access.check("new", SECONDS, 14)
    turning.set(midnight + DAY)
    assert access.tend() > 0
    assert access.consume("new", SECONDS, 99, mode="partial", key="k").granted == 14, "not 18: what rolled over is over"


def test_suspension_is_effective_at_once_for_a_second_engine_on_the_same_file(tmp_path):
    turning, url = clock(), f"sqlite:///{tmp_path}/x.db"
    with engine(url, clock=turning) as access, spillover.connect(url, clock=turning, settle=False) as other:
        assert other.consume("acme", MESSAGES)
        other.credits.add("acme", "1", key="c")
        other.open_hold("acme", TOKENS, key="h")
        access.accounts.suspend("acme", reason="unpaid", actor="billing")
        assert other.consume("acme", MESSAGES).denial.blocked_by == "state suspended"
        assert other.holds.extend("acme", "h", {"output": 500}).denial.blocked_by == "state suspended"
        assert other.holds.commit("acme", "h", {"output": 5}).charged == 50, "what was used is billed"
        other.accounts.put("acme", state="active")
        assert access.consume("acme", MESSAGES)


def test_a_policy_published_for_an_instant_decides_from_it_on(house):
    access, turning = house
    cheap = policy(POLICY.replace("price: {credits: 1}", "price: {credits: 3}"))
    access.credits.add("acme", "100", key="c")
    access.consume("acme", SECONDS, 10, key="allowance")
    access.open_hold("acme", SECONDS, 1, key="h")
    access.policies.publish(cheap, when=turning() + 1000)
    turning.turn(milliseconds=999)
    assert access.consume("acme", SECONDS, 1).charged == 1_000_000
    turning.turn(milliseconds=1)
    assert access.policy.hash == cheap.hash
    assert access.consume("acme", SECONDS, 1).charged == 3_000_000
    assert access.holds.commit("acme", "h", 2).charged == 2_000_000, "price and rules stay those of the opening"
    assert [one.hash for one in access.policies.list()] == [policy().hash, cheap.hash]
    assert access.policies.get(policy().hash) == policy()
    with pytest.raises(spillover.UnknownName):
        access.policies.get("none")
    for wrong in (turning(), "soon"):
        with pytest.raises(InvalidInput, match="when"):
            access.policies.publish(cheap, when=wrong)


def test_of_policies_up_to_an_instant_the_newest_publication_decides_also_for_who_opens_then(tmp_path):
    turning, url = clock(), f"sqlite:///{tmp_path}/x.db"
    first, second, third = (policy(POLICY.replace("credits: 1}", f"credits: {price}}}")) for price in (1, 2, 3))
    with engine(url, clock=turning) as access:
        access.policies.publish(second, when=turning() + 2000)
        with spillover.connect(url, clock=turning, settle=False) as other:
            assert other.policy.hash == first.hash, "what is to come does not decide yet"
        with spillover.connect(url, policy=first, clock=turning, settle=False) as other:
            assert len(other.policies.list()) == 2, "it is in force already"
            assert other.policy.hash == first.hash
            turning.turn(seconds=2)
            assert other.policy.hash == access.policy.hash == second.hash
        access.policies.publish(first, when=turning() + 2000)
        access.policies.publish(third)
        assert access.policy.hash == third.hash
        turning.turn(seconds=2)
        assert access.policy.hash == third.hash, "what was published after it takes its place for good"
        with spillover.connect(url, clock=turning, settle=False) as other:
            assert other.policy.hash == third.hash


def test_who_opens_with_a_policy_that_is_only_scheduled_decides_by_it_when_it_comes_or_now_by_force(tmp_path):
    turning, url = clock(), f"sqlite:///{tmp_path}/x.db"
    coming = policy(POLICY.replace("credits: 1}", "credits: 2}"))
    with engine(url, clock=turning) as access:
        access.policies.publish(coming, when=turning() + DAY)
    with spillover.connect(url, policy=coming, clock=turning, settle=False) as access:
        assert access.policy.hash == policy().hash, "it was published for an instant"
        turning.turn(days=1)
        assert access.policy.hash == coming.hash
        turning.turn(days=-1)
    with spillover.connect(url, policy=coming, clock=turning, settle=False, force=True) as access:
        assert access.policy.hash == coming.hash
    with spillover.connect(url, clock=turning, settle=False) as access:
        assert access.policy.hash == coming.hash


@pytest.mark.parametrize("url", URLS)
def test_an_open_engine_expires_the_hold_of_an_idle_account_by_itself(url, tmp_path):
    turning, pause = clock(), Event()
    with engine(url_of(url, tmp_path), clock=turning, settle=True) as access:
        access.credits.add("acme", "1", key="c")
        access.open_hold("acme", TOKENS, key="h")
        turning.turn(seconds=61)
        for _ in range(500):
            if not access.holds.list("acme"):
                break
            pause.wait(0.01)
        assert access.holds.list("acme") == ()
        assert access.holds.release("acme", "h").kind == "expire"
        assert access.trouble is None
    with engine(url_of(url, tmp_path), clock=clock(), settle=True, tend=False) as access:
        assert access.trouble is None
