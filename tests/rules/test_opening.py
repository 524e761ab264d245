"""When a denied request would pass: the first instant, against a search of every candidate."""

from __future__ import annotations

import random

from msgspec.structs import replace

from spillover.core.decide import decide
from spillover.core.lots import burn_order
from spillover.core.opening import first_pass
from spillover.core.unlocking import unlock
from spillover.model.account import Lot
from spillover.model.request import Request
from tests.rules.house import DAY, HOUR, START, House


def test_the_first_instant_passes_and_none_before_it_does():
    """Random houses. Candidates: around each window's end and lot's turn, each refilled unit, and at random."""
    rng = random.Random(7)
    denials = opened = 0
    for _ in range(600):
        house = _random_house(rng)
        now = rng.randrange(3 * DAY)
        for _ in range(rng.randrange(6)):
            house.ask(rng.randrange(1, 5), now)
            now += rng.choice((0, 1, 17, 20_000, HOUR))
        request = Request(1, "f", {"seconds": rng.randrange(1, 8)}, "k")
        at = START + now

        def passes(instant: int, house: House = house, request: Request = request) -> bool:
            return decide(house.policy, house.profile, house.cells, request, instant)[0].allowed

        if passes(at):
            continue
        denials += 1
        found = first_pass(house.policy, house.profile, house.cells, request, at)
        candidates = _candidates(at, rng)
        if found is None:
            assert not any(passes(instant) for instant in candidates)
            continue
        opened += 1
        assert passes(found)
        assert not passes(found - 1)
        assert not any(passes(instant) for instant in candidates if instant < found)
    assert denials > 200
    assert opened > 120


def _candidates(at: int, rng: random.Random) -> list[int]:
    edges = [START + n * HOUR + d for n in range(24 * 16) for d in (-1, 0, 1)]
    steps = [at + n * 5_000 for n in range(60)]
    return [instant for instant in edges + steps + [at + rng.randrange(9 * DAY) for _ in range(50)] if instant >= at]


def _random_house(rng: random.Random) -> House:
    windows = [
        f"{{name: s, max: {rng.randrange(1, 6)}, every: 5h, starting: first_use}}",
        f"{{name: d, max: {rng.randrange(1, 6)}, every: day, in: UTC}}",
        f"{{name: w, max: {rng.randrange(2, 9)}, every: 7d, starting: billing_day}}",
        f"{{name: b, max: {rng.randrange(1, 6)}, refill: 1m}}",
    ]
    picked = ", ".join(rng.sample(windows, rng.randrange(1, 4)))
    layers = [f"{{from: allowance, windows: [{picked}]}}", "{from: units}", "{from: credits}"]
    rng.shuffle(layers)
    ceiling = f"ceilings: [{{name: c, max: {rng.randrange(3, 9)}, refill: 1m}}], " if rng.random() < 0.4 else ""
    house = House(f"{ceiling}waterfall: [{', '.join(layers)}]")
    effective = START + rng.randrange(4) * DAY
    lots = [
        (Lot(1, "f", expires=START + rng.randrange(1, 6) * DAY), rng.randrange(4)),
        (Lot(2, "credits", effective=effective, expires=effective + DAY), rng.randrange(12)),
        (Lot(3, "credits"), rng.randrange(12)),
    ]
    return house.lots(*rng.sample(lots, rng.randrange(3)))


def test_what_is_said_to_unlock_does_unlock():
    """Random denials: done as it says, the request passes; a micro-credit or a unit less, and it does not."""
    rng = random.Random(11)
    paid = gifted = nothing = 0
    for _ in range(800):
        house = _random_house(rng)
        limit = (
            f", spending: [{{name: s, max: {rng.randrange(1, 30)}, every: day, in: UTC}}]" if rng.random() < 0.4 else ""
        )
        rule = f"waterfall: [{{from: units}}, {{from: credits, consent: remembered}}]{limit}"
        if rng.random() < 0.6:
            house.policy = House(rule).policy
        house.profile = replace(house.profile, consent=rng.random() < 0.7)
        request = Request(1, "f", {"seconds": rng.randrange(1, 8)}, "k")
        if decide(house.policy, house.profile, house.cells, request, START)[0].allowed:
            continue
        remedy = unlock(house.policy, house.profile, house.cells, request, START)
        if remedy is None:
            nothing += 1
            continue
        paid, gifted = paid + bool(remedy.credits), gifted + bool(remedy.units)
        assert _done(house, request, remedy.consent, remedy.credits, remedy.units)
        if remedy.credits:
            assert not _done(house, request, remedy.consent, remedy.credits - 1, remedy.units)
        if remedy.units:
            assert not _done(house, request, remedy.consent, remedy.credits, remedy.units - 1)
    assert min(paid, gifted, nothing) > 20, (paid, gifted, nothing)


def _done(house: House, request: Request, consent: str, credits: int, units: int) -> bool:
    lots = [*house.profile.lots, Lot(8, "credits"), Lot(9, "f")]
    profile = replace(house.profile, lots=burn_order(lots), consent=house.profile.consent or bool(consent))
    return decide(house.policy, profile, house.cells | {"lot:8": credits, "lot:9": units}, request, START)[0].allowed
