"""One wrong clock must not stop an account or end others' holds: a store on a server compares it with its own."""

import pytest

from spillover.core.decide import TOLERANCE
from spillover.model.errors import ClockAhead, ClockBehind
from tests.conformance.conftest import RUNGS, SERVERS
from tests.conformance.support import Hot, Rung, add, denial, grant, kinds

EMBEDDED = [name for name in RUNGS if name not in SERVERS]
AHEAD = TOLERANCE + 60_000
BEHIND = 10_000  # ms, stated: longer than what a batch may wait for its turn


@pytest.mark.parametrize("rung", SERVERS, indirect=True)
@pytest.mark.parametrize("decision", [grant, denial])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_was_decided_ahead_of_the_servers_clock_is_refused_and_nothing_changes(hot: Hot, rung: Rung, decision, at):
    hot.one(grant(add("a", 1)))
    before = hot.standing(1)
    batch = [grant(add("a", 1), key=f"{n}", now=rung.clock()) for n in range(3)]
    ahead = [*batch[:at], decision(add("a", 1), key=f"{at}", now=rung.clock() + AHEAD), *batch[at + 1 :]]
    with pytest.raises(ClockAhead, match="ahead"):
        hot.commit(*ahead)
    assert hot.standing(1) == rung.open().standing(1) == before
    assert rung.denials() == {}
    assert kinds(hot.commit(*batch)) == "ccc"


@pytest.mark.parametrize("rung", SERVERS, indirect=True)
def test_a_clock_within_the_tolerance_or_somewhat_behind_or_turned_by_hand_is_no_reason_to_refuse(hot: Hot, rung: Rung):
    for ahead in (TOLERANCE - 1, -BEHIND // 2):
        now = rung.clock() + ahead
        assert kinds(hot.commit(grant(now=now), denial(now=now))) == "cc"
    assert kinds(hot.commit(grant(now=0), denial(now=0))) == "cc"


@pytest.mark.parametrize("rung", SERVERS, indirect=True)
@pytest.mark.parametrize("decision", [grant, denial])
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("behind", [BEHIND, 10 * 365 * 86_400_000])
def test_what_was_decided_far_behind_the_servers_clock_is_refused_and_nothing_changes(
    hot: Hot, rung: Rung, decision, at, behind
):
    hot.one(grant(add("a", 1)))
    before = hot.standing(1)
    batch = [grant(add("a", 1), key=f"{n}", now=rung.clock()) for n in range(3)]
    late = [*batch[:at], decision(add("a", 1), key=f"{at}", now=rung.clock() - behind - 1), *batch[at + 1 :]]
    with pytest.raises(ClockBehind, match="behind"):
        hot.commit(*late)
    assert hot.standing(1) == rung.open().standing(1) == before
    assert rung.denials() == {}
    assert kinds(hot.commit(*batch)) == "ccc"


@pytest.mark.parametrize("rung", SERVERS, indirect=True)
@pytest.mark.parametrize(("off", "error"), [(AHEAD, ClockAhead), (-AHEAD, ClockBehind)])
def test_an_engine_tells_its_clock_with_one_item_and_all_of_the_batch_is_refused(hot: Hot, rung: Rung, off, error):
    batch = [grant(add("a", 1), account=n, key="k", now=rung.clock() + off if n == 1 else 0) for n in range(1, 9)]
    with pytest.raises(error):
        hot.commit(*batch)
    assert [hot.standing(n) for n in range(1, 9)] == [None] * 8
    assert hot.read() == []


@pytest.mark.parametrize("rung", EMBEDDED, indirect=True)
def test_a_store_in_the_same_machine_shares_its_clock_and_compares_nothing(hot: Hot, rung: Rung):
    assert kinds(hot.commit(grant(now=rung.clock() + AHEAD))) == "c"
