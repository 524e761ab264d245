"""The stream between hot state and books: delivered twice and out of order, poisoned, or left alone for long."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from spillover.bootstrap.examining import doctor
from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.model.event import StreamEntry
from tests.conformance.support import grant
from tests.faults.conftest import RUNGS
from tests.faults.shop import NAMES, POLICY, Where, audited, booked, looks, open_shop, quarantined

SEEDS = [pytest.param(2, id="short"), pytest.param(100, id="long", marks=pytest.mark.soak)]
BATCH = 1_000


@pytest.mark.parametrize("seeds", SEEDS)
def test_a_stream_delivered_twice_and_in_any_order_is_booked_once(where: Where, seeds: int) -> None:
    with where.connect() as access:
        store, ledger = access.desk.store, access.desk.ledger
        for seed in range(seeds):
            pick = Random(seed)
            for number in range(30):
                name, key = pick.choice(NAMES), f"{seed} {number}"
                access.consume(name, "video", pick.choice([1, 5]), key=key)
                if access.open_hold(name, "video", 3, key=f"hold {key}"):
                    access.holds.commit(name, f"hold {key}", pick.choice([1, 4]))
            entries = drive(store.read(10_000))
            left: list[StreamEntry] = entries * 2
            while left:
                pick.shuffle(left)
                cut = pick.randrange(1, 40)
                settled = drive(ledger.settle(left[:cut]))
                left = left[cut:] + list(settled.parked)
            drive(store.acknowledge(entries))
        assert quarantined(access) == ()
        assert {one.status for one in looks(access)} == {"same"}
        assert len([row for row in booked(access) if row.event.kind == "usage"]) == 30 * seeds
        report = audited(where, access)
        assert report.ok, [str(finding) for finding in report.findings]


POISONS = {
    "bytes that are no text": b"\xff\xfe\x00",
    "no JSON": b"{",
    "an unknown kind": b'{"schema":2,"rules":2,"kind":"magic","account":1,"key":"poison"}',
    "another account's": b'{"schema":2,"rules":2,"kind":"usage","account":1,"key":"poison","fingerprint":"","at":0,'
    b'"profile":1,"changes":[]}',
}


def test_poison_events_are_in_quarantine_and_shown_and_their_neighbours_are_booked(where: Where) -> None:
    with where.connect() as access:
        store = access.desk.store
        account = access.run(access.desk.account("acme"))
        wanted = []
        for number, poison in enumerate(POISONS.values()):
            access.consume("acme", "video", 1, key=f"before {number}")
            place = drive(store.places([account]))[account]
            item = grant(
                account=account, epoch=place.epoch, version=place.version, key=f"poison {number}", payload=poison
            )
            drive(store.commit([item]))
            wanted.append((account, place.sequence + 1, poison))
        access.consume("acme", "video", 1, key="after")
        access.consume("bolt", "video", 1, key="beside")
        assert access.settle().quarantined == len(POISONS)
        assert drive(store.backlog()).entries == 0
        shown = quarantined(access)
        assert [(one.account, one.sequence, one.payload) for one in shown] == wanted
        keys = {row.event.key for row in booked(access) if row.event.kind == "usage"}
        assert keys == {*(f"before {number}" for number in range(len(POISONS))), "after", "beside"}
        (sign,) = [sign for sign in doctor(where.line) if sign.what == "quarantine"]
        assert (sign.level, sign.found) == ("act", f"{len(POISONS)} not booked: {shown[-1].reason}")


LONG = {rung: pytest.param(rung, 1_000_000, id=f"{rung}-long", marks=pytest.mark.soak) for rung in RUNGS}
COUNTS = [("valkey", 20_000), *((rung, 2_000) for rung in RUNGS if rung != "valkey"), *LONG.values()]


@pytest.mark.parametrize(("place", "events"), COUNTS, indirect=["place"])
def test_a_settler_that_was_away_for_long_leaves_admission_exact_its_lag_shown_and_catches_up(
    place: Where, events: int
) -> None:
    most = events // 24  # half of what is asked for of the one that is limited
    open_shop(place, policy=POLICY.replace("max: 40", f"max: {most}").replace("max: 30", f"max: {events}"))
    with place.connect() as access:
        store = access.desk.store
        granted: Counter[tuple[str, str]] = Counter()
        for first in range(0, events, BATCH):
            asks: list[dict[str, Any]] = [
                {
                    "account": NAMES[number % 3], "feature": "video" if number // 3 % 4 else "chat", "usage": 1,
                    "key": f"{number}",
                } for number in range(first, first + BATCH)
            ]  # fmt: skip
            for ask, answer in zip(asks, access.consume_many(asks), strict=True):  # type: ignore[arg-type]
                assert isinstance(answer, Decision)
                granted[ask["account"], ask["feature"]] += answer.granted
        assert {granted[name, "chat"] for name in NAMES} == {most}
        backlog = drive(store.backlog())
        assert backlog.entries == sum(granted.values()) + 9  # and nine terms
        assert settlement(place).startswith(f"{backlog.entries} waiting, the oldest for ")
        access.settle()
        assert drive(store.backlog()).entries == 0
        assert settlement(place) == "nothing waits"
        assert {one.status for one in looks(access)} == {"same"}
        assert audited(place, access).ok


def settlement(where: Where) -> str:
    """What the doctor says of it."""
    return next(sign.found for sign in doctor(where.line) if sign.what == "settlement")
