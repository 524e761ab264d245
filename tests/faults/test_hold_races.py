"""A hold that expires as it is committed ends once; what changes under it follows the written rule."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import spillover
from spillover.access.plain import Access
from spillover.core.decide import TOLERANCE
from spillover.model.errors import HoldEnded
from tests.faults.shop import POLICY, Where, audited, booked, looks, quarantined
from tests.support import policy as shared

NOON = "2026-03-02T12:00:00Z"
MINUTE = 60_000
TIMES = [pytest.param(1, id="short"), pytest.param(50, id="long", marks=pytest.mark.soak)]


def open_engines(place: Where) -> tuple[Access, Access, spillover.TurnableClock]:
    clock = spillover.TurnableClock(NOON)
    one = place.connect(policy=shared(POLICY), clock=clock)
    one.accounts.put("acme", "plus")
    one.credits.add("acme", 1_000_000, key="first")
    return one, place.connect(clock=clock), clock


@pytest.mark.parametrize("times", TIMES)
def test_a_hold_that_expires_as_it_is_committed_or_released_ends_once(place: Where, times: int) -> None:
    one, other, clock = open_engines(place)
    names = iter(range(10_000))
    ends: dict[str, str] = {}
    for turn in range(times * 12):
        offset, verb = (0, 1, -1)[turn % 3], ("commit", "release")[turn // 3 % 2]
        key = f"hold {next(names)}"
        opened = one.open_hold("acme", "video", 5, key=key, lasts=MINUTE)
        clock.set(opened.due + TOLERANCE + offset)
        ends[key] = race(one, other, key, verb, reads=turn % 4 * 2)
    opened = one.open_hold("acme", "video", 5, key="beaten", lasts=MINUTE)
    clock.set(opened.due + TOLERANCE)  # and one that is beaten for sure, at the first instant at which it can be
    other.tend()
    assert one.holds.commit("acme", "beaten", 4).late
    ends["beaten"] = "commit"
    one.settle()
    events = booked(one, "acme")
    ids = {row.event.hold.id: row.event.key for row in events if row.event.kind == "hold" and row.event.hold}
    by_key: dict[str, list[str]] = {}
    for row in events:
        if row.event.ends:
            kind = "late" if row.event.late else row.event.kind
            by_key.setdefault(ids[row.event.ends], []).append(kind)
    assert by_key.keys() == ends.keys()
    for key, said in ends.items():
        assert by_key[key] in ([["commit"], ["expire", "late"]] if said == "commit" else [["release"], ["expire"]]), key
    assert {found.status for found in looks(one)} == {"same"}
    assert audited(place, one).ok
    one.close()
    other.close()


def race(one: Access, other: Access, key: str, verb: str, reads: int) -> str:
    """Both at once, who ends it after so many reads; what was asked for."""
    meet = threading.Barrier(2)
    broken: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            meet.wait(20)
            work()
        except HoldEnded:
            assert verb == "release"
        except BaseException as error:
            broken.append(error)

    def end() -> None:
        for _ in range(reads):
            one.holds.list("acme")
        if verb == "commit":
            one.holds.commit("acme", key, 4)
        else:
            one.holds.release("acme", key)

    threads = [threading.Thread(target=run, args=(work,)) for work in (end, other.tend)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert broken == []
    return verb


def expire_lot(access: Access, clock: spillover.TurnableClock) -> None:
    clock.turn(hours=2)
    access.tend()


def reprice(access: Access, _: spillover.TurnableClock) -> None:
    access.policies.publish(shared(POLICY.replace("price: {credits: 1}", "price: {credits: 3}")), force=True)


CHANGES: dict[str, Callable[[Access, spillover.TurnableClock], object]] = {
    "the lot is revoked": lambda access, clock: access.lots.revoke("acme", 1, key="back"),
    "the lot expires": expire_lot,
    "the price changes": reprice,
    "the account is suspended": lambda access, clock: access.accounts.suspend("acme"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_during_a_hold_leaves_its_price_and_no_negative_lot(place: Where, change: str) -> None:
    clock = spillover.TurnableClock(NOON)
    with place.connect(policy=shared(POLICY), clock=clock) as access, place.connect(clock=clock) as other:
        access.accounts.put("acme", "plus")
        access.credits.add("acme", 40, key="short", expires=clock() + 3_600_000)
        access.consume("acme", "video", 30, key="window")  # the allowance is used up
        for usage in (4, 50):
            assert access.open_hold("acme", "video", 10, key=f"held {usage}", lasts=3 * 3_600_000).granted == 10
        CHANGES[change](other, clock)
        for usage in (4, 50):
            ended = access.holds.commit("acme", f"held {usage}", usage)
            assert all(leg.price in (None, 0, 1_000_000) for leg in ended.legs if leg.layer == "credits")
            assert sum(leg.units for leg in ended.legs if leg.layer == "credits") >= min(usage, 10)
        access.settle()
        assert quarantined(access) == ()
        assert all(0 <= lot.balance <= lot.granted for lot in access.lots.list("acme"))
        assert {found.status for found in looks(access)} == {"same"}
        report = audited(place, access)
        assert report.ok, [str(finding) for finding in report.findings]
