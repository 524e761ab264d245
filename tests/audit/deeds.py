"""What else happens in a world: holds that are opened, extended and ended; lots and limits that are ordered about."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

from spillover import BoundExceeded, InvalidInput, UnknownName
from spillover.model.errors import HoldEnded, NotSettled

if TYPE_CHECKING:
    from tests.audit.worlds import World

HOUR, DAY = 3_600_000, 86_400_000


class Deeds:
    """One world's holds and orders, picked by its own dice."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.pick = world, Random(f"deeds {seed}")
        self.open: list[tuple[str, str, str]] = []
        self.used: list[tuple[str, str]] = []
        self.ended = self.late = self.refunded = 0

    def something(self, number: int) -> None:
        """A hold or an order; what is refused changes nothing, and the next one comes."""
        deeds = [self.hold, self.hold, self.end, self.end, self.extend, self.order, self.terms]
        with suppress(BoundExceeded, HoldEnded, InvalidInput, NotSettled, UnknownName):
            self.pick.choice(deeds)(number)

    def hold(self, number: int) -> None:
        """Opened on an estimate, exactly or as far as it goes."""
        pick, world = self.pick, self.world
        name, feature = pick.choice(world.names), pick.choice(("chat", "tokens", "video"))
        key = f"hold {number}"
        decision = world.access.open_hold(
            name, feature, world.usage(pick, feature), key=key, subject=pick.choice([None, "ada", "bob"]),
            attributes=world.attributes(pick), mode=pick.choice(["exact", "exact", "partial"]),
            lasts=pick.choice([None, 1_000, 60_000, 5 * HOUR]),
        )  # fmt: skip
        if decision:
            self.open.append((name, feature, key))

    def extend(self, number: int) -> None:
        """By more usage, or only longer."""
        if self.open:
            name, feature, key = self.pick.choice(self.open)
            usage = self.world.usage(self.pick, feature, 3) if self.pick.random() < 0.7 else None
            self.world.access.holds.extend(name, key, usage, lasts=self.pick.choice([None, 90_000, HOUR]))

    def end(self, number: int) -> None:
        """Committed with less, the same or more; released; left alone for a while, perhaps until it has expired."""
        if not self.open:
            return
        pick, holds = self.pick, self.world.access.holds
        name, feature, key = one = pick.choice(self.open)
        kind = pick.random()
        if kind < 0.2:
            holds.release(name, key)
        else:
            ending = holds.commit(
                name, key, self.world.usage(pick, feature, pick.choice([1, 1, 5])), estimated=kind > 0.9
            )
            self.late += bool(ending.late)
        self.ended += 1
        self.open.remove(one)

    def order(self, number: int) -> None:
        """Something about lots, charges or limits."""
        pick, access = self.pick, self.world.access
        name, key = pick.choice(self.world.names), f"order {number}"
        kind = pick.choice(["revoke", "adjust", "adjust", "refund", "refund", "reset", "limit", "limit"])
        lot = pick.randint(1, 6)
        if kind == "revoke":
            access.lots.revoke(name, lot, key=key)
        elif kind == "adjust":
            access.lots.adjust(name, lot, pick.choice([-9_000_000, -1, 3, 2_000_000]), key=key, reason="so")
        elif kind == "refund":
            mine = [used for whose, used in self.used if whose == name]
            if mine:
                access.refund(name, pick.choice(mine), units=pick.choice([None, 1, 2]), key=key)
                self.refunded += 1
        else:
            self._limit(name, key, kind)

    def _limit(self, name: str, key: str, kind: str) -> None:
        pick, access = self.pick, self.world.access
        limit, feature = pick.choice(self.world.limits)
        per = limit.get("per", "")
        scope = (
            pick.choice({"subject": ["ada", "bob"], "team": ["red", "blue"], "run": ["a", "b"]}[per]) if per else None
        )
        if kind == "reset":
            access.windows.reset(name, feature, limit["name"], key=key, scope=scope)
        else:
            until = pick.choice([None, self.world.at + HOUR, self.world.at + DAY])
            scope = scope if pick.random() < 0.5 else None
            access.limits.set(name, feature, limit["name"], pick.randint(0, 90), key=key, scope=scope, until=until)

    def terms(self, number: int) -> None:
        """A plan for later, or time for what has fallen due."""
        if self.pick.random() < 0.5:
            name = self.pick.choice(self.world.names)
            self.world.access.accounts.plan(name, self.pick.choice(["one", "two"]), when=self.world.at + HOUR)
        else:
            self.world.access.tend()


def richer(pick: Random, limit: dict[str, Any], *, ceiling: bool, costs: bool, features: list[str]) -> None:
    """What a limit may be besides: sliding, of something else, only for some."""
    if pick.random() < 0.3 and "ever" not in limit:
        for key in ("every", "starting", "in", "refill"):
            limit.pop(key, None)
        limit["sliding"] = pick.choice(["90s", "1h", "3d"])
        if pick.random() < 0.5:
            limit["slots"] = pick.choice([1, 3, 24])
    if not costs and pick.random() < 0.15:
        limit["of"] = "credits"
        if "refill" in limit:  # of credits a shorter one is finer than a bucket can count
            limit["refill"] = "5h"
    if ceiling and pick.random() < 0.35:
        _other(pick, limit, features)
    if pick.random() < 0.2:
        limit["only"] = {"team": ["red"]} if features == ["tokens"] else {"size": [8]}


def _other(pick: Random, limit: dict[str, Any], features: list[str]) -> None:
    """A ceiling on what is no source: open holds, distinct subjects, one count of the usage."""
    of = pick.choice(["open_holds", "subjects", "usage"])
    if of == "usage":
        of = "output" if features == ["tokens"] else "units"
    limit["of"] = of
    limit["max"] = pick.randint(2, 9) * (500 if of == "output" else 1)
    if of in ("open_holds", "subjects"):
        for key in ("sliding", "slots", "refill"):
            limit.pop(key, None)
        if of == "open_holds":
            for key in ("every", "starting", "in", "ever"):
                limit.pop(key, None)
        elif not {"every", "ever"} & limit.keys():
            limit |= {"every": "7s", "starting": "first_use"}
        if limit.get("per") == "subject":
            limit |= {"per": "team", "when_missing": "skip"}
