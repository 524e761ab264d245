"""Random accounts whose windows, slots, buckets, lots, holds and terms all turn within half a second.

So every millisecond of the time ahead can be tried. Policies are built as the model's objects, for written ones cannot
be so short.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from msgspec.structs import replace

from spillover.core.apply import apply
from spillover.core.decide import HOLDS, TOLERANCE, decide
from spillover.core.holds import end
from spillover.core.lots import burn_order
from spillover.core.opening import Course
from spillover.core.scopes import bucket_scale
from spillover.model.account import Lot, Override, Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.hold import Hold
from spillover.model.policy import Feature, Layer, Limit, Plan, Policy, PriceRow, Rule, Window
from spillover.model.request import Request

NOW = 1_772_442_000_000
SPAN = 700
"""Milliseconds ahead that are tried one by one."""


class Case(NamedTuple):
    """An account at NOW, its open holds, and a request."""

    policy: Policy
    profile: Profile
    cells: dict[str, int]
    holds: tuple[Hold, ...]
    request: Request

    def course(self) -> Course:
        """The account's cells as the rules foresee them."""
        return Course(lambda _: self.policy, self.profile, self.cells, self.holds)

    def passes(self, at: int, cells: dict[str, int] | None = None) -> bool:
        """Whether it truly passes at an instant: holds that are due then have expired, then."""
        cells = self.expired(at) if cells is None else cells
        return decide(self.policy, self.profile, cells, self.request, at)[0].allowed

    def expired(self, at: int) -> dict[str, int]:
        """The cells after every hold that is due at the instant was expired at that instant."""
        cells = dict(self.cells)
        for hold in sorted(self.holds, key=lambda one: (one.due, one.id)):
            if hold.due + TOLERANCE <= at:
                done, operations = end(self.policy, self.profile, cells, hold, "expire", {}, at)
                assert done.refused is None, done
                changed = apply(cells, operations)
                assert changed is not None, "the state decided on lies in its own box"
                cells.update(changed)
        return cells


def random_case(rng: random.Random) -> Case:
    """An account with a history, and a request of which nobody knows yet whether it passes."""
    plans = {name: _plan(name, rng) for name in ("p", "q")}
    feature = Feature("f", "second", "seconds", (PriceRow(unit_price=rng.choice((0, 3, 5, 5))),), ("seconds",))
    policy = Policy("h", {"f": feature}, plans, late=rng.choice((1000, 1000, 1200)))
    profile, cells = _profile(policy, rng)
    holds: list[Hold] = []
    at = NOW - rng.randrange(200, 900)
    for _ in range(rng.randrange(8)):
        at = min(at + rng.choice((0, 1, 3, 20, 60, 150)), NOW)
        lasts = rng.choice((0, 0, NOW - at + rng.randrange(-950, -500), NOW - at + rng.randrange(-400, 200)))
        request = _request(rng, f"k{len(cells)}-{at}-{rng.random()}", max(lasts, 0))
        verdict, operations = decide(policy, profile, cells, request, at)
        changed = apply(cells, operations)
        assert changed is not None
        cells.update(changed)
        holds += [verdict.hold] if verdict.hold else []
    wanted = _request(rng, "wanted", rng.choice((0, 0, 0, 5000)))
    wanted = replace(wanted, mode=rng.choice(("exact", "exact", "exact", "partial")))
    assert cells.get(HOLDS, 0) == len(holds)
    return Case(policy, profile, cells, tuple(holds), wanted)


def _request(rng: random.Random, key: str, hold: int) -> Request:
    subject, labels = rng.choice(("", "s1", "s2")), {"team": rng.choice("ab")}
    return Request(1, "f", {"seconds": rng.randrange(1, 9)}, key, subject, labels, hold=hold)


def _profile(policy: Policy, rng: random.Random) -> tuple[Profile, dict[str, int]]:
    lots, cells = [], {}
    for id_ in range(1, rng.randrange(4) + 1):
        measure, begins = rng.choice(("credits", "f")), rng.choice((0, 0, NOW + rng.randrange(-100, 400)))
        ends = rng.choice((AMOUNT_MAX, NOW + rng.randrange(-50, 500)))
        scope = rng.choice(((), (), (("team", ("a",)),)))
        lots.append(Lot(id_, measure, rng.choice((100, 50)), begins, ends, rng.random() < 0.5, scope))
        cells[f"lot:{id_}"] = rng.randrange(0, 40 if measure == "credits" else 9)
    limits = [limit for plan in policy.plans.values() for limit in plan.by_feature["f"].limits()]
    overrides = []
    for limit in rng.sample(limits, min(len(limits), rng.randrange(3))):
        until, scope = rng.choice((AMOUNT_MAX, NOW + rng.randrange(1, 400))), rng.choice((None, None, "s1", "a"))
        overrides.append(Override(limit.title, rng.randrange(1, 14), scope, until))
    change = rng.random() < 0.3
    profile = Profile(
        1, 1, "p", NOW - rng.randrange(10_000), consent=rng.random() < 0.9, lots=burn_order(lots),
        overrides=tuple(overrides), next_plan="q" if change else "",
        next_at=NOW + rng.randrange(-100, 400) if change else AMOUNT_MAX,
    )  # fmt: skip
    return profile, cells


def _plan(name: str, rng: random.Random) -> Plan:
    count = iter(range(100))

    def limit(kinds: tuple[str, ...]) -> Limit:
        return _limit(f"f/l{next(count)}-{name if rng.random() < 0.5 else 'both'}", kinds, rng)

    ceilings = tuple(
        limit(("units", "requests", "credits", "usage", "subjects", "open_holds"))
        for _ in range(rng.choice((0, 0, 1, 2)))
    )
    layers = [
        Layer("allowance", tuple(limit(("units", "requests", "credits")) for _ in range(rng.randrange(1, 4)))),
        Layer("units"),
        Layer("credits", consent=rng.random() < 0.3),
        Layer("overage", factor=(6, 5), cap=limit(("credits",))),
    ]
    kept = rng.sample(layers, rng.randrange(1, 4))
    spending = tuple(limit(("credits",)) for _ in range(rng.choice((0, 0, 1))))
    rule = Rule("f", ("f",), tuple(kept), ceilings, spending)
    return Plan(name, (rule,), {"f": rule})


def _limit(title: str, kinds: tuple[str, ...], rng: random.Random) -> Limit:
    of, length = rng.choice(kinds), rng.randrange(20, 300)
    most = rng.randrange(1, 60) if of == "credits" else rng.randrange(1, 4) if of in ("requests", "subjects") else 9
    most = rng.randrange(1, 12) if of in ("units", "usage") else most
    windows = [
        Window("session", length),
        Window("fixed", length, anchor=rng.choice((None, NOW - rng.randrange(5000)))),
        Window("ever"),
    ]
    if of != "subjects":
        windows += [Window("sliding", length, slots=rng.randrange(1, 7)), Window("refill", length)]
    window = Window("ever") if of == "open_holds" else rng.choice(windows)
    spacing, ticks = bucket_scale(length, most) if window.kind == "refill" else (0, 0)
    per = rng.choice(("", "", "", "subject", "team"))
    only = rng.choice(((), (), (), (("team", ("b",)),)))
    return Limit(
        title, most, window, f"{title}-{window.kind}-{length}-{of}", of, per, "deny", spacing, ticks,
        "seconds" if of == "usage" else "", only, title,
    )  # fmt: skip
