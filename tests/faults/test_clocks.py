"""Clocks that are off or go back: no second window, nothing ends before its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

import spillover
from spillover.access import clock as clocks
from spillover.access.plain import Access
from spillover.bootstrap import connect
from spillover.model.errors import ClockAhead
from tests.faults.shop import POLICY, Where, audited, booked
from tests.servers.process import wait_for
from tests.support import policy as shared

HOUR = 3_600_000


def test_a_clock_that_goes_back_over_the_edge_of_a_window_opens_no_second_one(place: Where) -> None:
    ahead, behind = spillover.TurnableClock("2026-03-03T00:00:01Z"), spillover.TurnableClock("2026-03-02T23:59:58Z")
    with place.connect(policy=shared(POLICY), clock=behind) as slow, place.connect(clock=ahead) as fast:
        slow.accounts.put("acme", "plus")
        granted = sum(slow.consume("acme", "chat").granted for _ in range(30))
        assert granted == 30
        of_the_new_day = sum(fast.consume("acme", "chat").granted for _ in range(25))
        assert of_the_new_day == 25
        of_both = sum(slow.consume("acme", "chat").granted for _ in range(60))  # its clock shows the day before, still
        assert of_the_new_day + of_both <= 40
        ahead.turn(hours=-3)
        assert of_the_new_day + of_both + sum(fast.consume("acme", "chat").granted for _ in range(60)) <= 40
        slow.settle()
        assert audited(place, slow).ok


@pytest.fixture
def ahead(where: Where, monkeypatch: pytest.MonkeyPatch) -> Iterator[Access]:
    """An engine on a machine whose clock is an hour ahead of the server's."""
    real = clocks.system_clock
    monkeypatch.setattr(connect, "system_clock", lambda: real() + HOUR)
    with where.connect() as found:
        monkeypatch.setattr(connect, "system_clock", real)
        yield found


SERVERS = pytest.mark.parametrize("place", ["postgres", "valkey", "redis62", "cluster"], indirect=True)


@SERVERS
def test_a_machine_whose_clock_is_ahead_of_the_servers_decides_nothing_and_expires_no_hold_early(
    where: Where, ahead: Access
) -> None:
    with where.connect() as right:
        assert right.open_hold("acme", "video", 5, key="held", lasts=HOUR // 2)
        for _ in range(2):
            with pytest.raises(ClockAhead):
                ahead.consume("acme", "video", 1, key="early")
            with pytest.raises(ClockAhead):
                ahead.open_hold("acme", "video", 1, key="another")
            with pytest.raises(ClockAhead):
                ahead.tend()
        assert [hold.key for hold in right.holds.list("acme")] == ["held"]
        assert right.holds.commit("acme", "held", 5)
        right.settle()
        assert [row.event.kind for row in booked(right, "acme") if row.event.kind != "terms"] == ["hold", "commit"]
        assert audited(where, right).ok


@SERVERS
def test_a_machine_whose_clock_is_ahead_of_the_servers_ends_no_lot_early(where: Where, ahead: Access) -> None:
    with where.connect() as right:
        lot = right.credits.add("acme", 5, key="short", expires=right.desk.clock() + HOUR // 2)
        with suppress(ClockAhead):
            ahead.tend()
        right.settle()
        assert {one.lot.id: one.balance for one in right.lots.list("acme")}[lot.id] == 5_000_000


@SERVERS
def test_a_settler_on_a_machine_whose_clock_is_ahead_ends_no_hold_and_no_lot_early_and_says_so(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = clocks.system_clock
    with where.connect() as right:
        lot = right.credits.add("acme", 5, key="short", expires=real() + HOUR // 2)
        assert right.open_hold("acme", "video", 5, key="held", lasts=HOUR // 2)
        monkeypatch.setattr(connect, "system_clock", lambda: real() + HOUR)
        with where.connect(settle=True) as ahead:
            wait_for(lambda: isinstance(ahead.trouble, ClockAhead), "found a settler that says nothing")
        monkeypatch.setattr(connect, "system_clock", real)
        right.settle()
        assert [hold.key for hold in right.holds.list("acme")] == ["held"]
        assert {one.lot.id: one.balance for one in right.lots.list("acme")}[lot.id] == 5_000_000
