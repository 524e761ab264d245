"""One fast clock must not stop an account: a store on a server refuses what was decided ahead of its own time."""

import pytest

from spillover.core.decide import TOLERANCE
from spillover.model.errors import ClockAhead
from tests.conformance.conftest import RUNGS, SERVERS
from tests.conformance.support import Hot, Rung, add, denial, grant, kinds

EMBEDDED = [name for name in RUNGS if name not in SERVERS]
AHEAD = TOLERANCE + 60_000


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
def test_a_clock_within_the_tolerance_or_behind_or_turned_by_hand_is_no_reason_to_refuse(hot: Hot, rung: Rung):
    for now in (rung.clock() + TOLERANCE - 1, rung.clock() - 10 * 365 * 86_400_000, 1, 0):
        assert kinds(hot.commit(grant(now=now), denial(now=now))) == "cc"


@pytest.mark.parametrize("rung", EMBEDDED, indirect=True)
def test_a_store_in_the_same_machine_shares_its_clock_and_compares_nothing(hot: Hot, rung: Rung):
    assert kinds(hot.commit(grant(now=rung.clock() + AHEAD))) == "c"
