"""An open hold as the audit reckons it: what it drew, and where each draw was counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from spillover.audit.limits import Limit, Windows
from spillover.audit.policies import Layer, Rule
from spillover.model.hold import Hold, Mark, Part
from spillover.model.leg import Leg


class Counted(NamedTuple):
    """So much was counted by a limit for a scope value, in the window `since`; `name` is that of its cells."""

    limit: Limit
    name: str
    scope: str
    amount: int
    since: int

    def mark(self) -> Mark:
        """As the record of a hold says it."""
        return Mark(self.limit.cell, self.amount, self.scope, self.since, self.limit.marked)

    def give_back(self, held: Windows, at: int, count: int) -> None:
        """So much of it is given up."""
        if count > 0:
            self.limit.take_back(held, self.name, at, min(count, self.amount), self.since)


class Portion(NamedTuple):
    """One leg of a hold as it was drawn, and where it was counted."""

    layer: Layer
    leg: Leg
    counted: list[Counted]


class Keeping(Struct):
    """An open hold. `units` are those that its portions drew; `expires`: when the lots that it drew on do."""

    id: str
    key: str
    opened: int
    due: int
    policy: str
    plan: str
    rule: Rule
    price: int | None
    usage: Mapping[str, int]
    subject: str
    attributes: Mapping[str, str]
    rules: int = 2
    portions: list[Portion] = []
    ceilings: list[Counted] = []
    expires: dict[int, int] = {}
    steps: int = 0
    account: int = 0

    @property
    def units(self) -> int:
        """What it drew in all."""
        return sum(portion.leg.units for portion in self.portions)

    def lots(self) -> dict[int, int]:
        """Lot -> how much of it is kept."""
        kept: dict[int, int] = {}
        for portion in self.portions:
            for lot, amount in portion.leg.lots:
                kept[lot] = kept.get(lot, 0) + amount
        return kept

    def record(self) -> Hold:
        """The record that the hot state must have of it."""
        parts = tuple(Part(portion.leg, _marks(portion.counted)) for portion in self.portions)
        return Hold(
            self.id, self.key, self.account, self.rule.feature.name, self.opened, self.due, self.policy, self.plan,
            self.rules, dict(self.usage), self.units, parts, _marks(self.ceilings), self.subject, dict(self.attributes),
            tuple(sorted(self.expires.items())), self.steps,
        )  # fmt: skip


def joined(portions: list[Portion], more: list[Portion]) -> list[Portion]:
    """A hold's portions with further ones; what goes on where the last one stopped becomes one with it."""
    found = list(portions)
    for portion in more:
        last = found[-1] if found else None
        same = last is not None and last.leg.layer == portion.leg.layer
        if last is None or not same or _places(last.counted) != _places(portion.counted):
            found.append(portion)
            continue
        leg, further = last.leg, portion.leg
        lots = list(leg.lots)
        for lot, amount in further.lots:
            if lots and lots[-1][0] == lot:
                lots[-1] = (lot, lots[-1][1] + amount)
            else:
                lots.append((lot, amount))
        whole = Leg(leg.layer, leg.units + further.units, leg.price, leg.amount + further.amount, tuple(lots))
        found[-1] = Portion(last.layer, whole, together([*last.counted, *portion.counted]))
    return found


def together(counted: list[Counted]) -> list[Counted]:
    """What was counted in the same window of the same limit, as one."""
    found: dict[tuple[str, int, int], Counted] = {}
    for one in counted:
        place = (one.name, one.since, one.limit.marked)
        known = found.get(place)
        found[place] = one if known is None else one._replace(amount=one.amount + known.amount)
    return list(found.values())


def _places(counted: list[Counted]) -> set[tuple[str, int, int]]:
    return {(one.name, one.since, one.limit.marked) for one in counted if one.amount}


def _marks(counted: list[Counted]) -> tuple[Mark, ...]:
    return tuple(sorted((one.mark() for one in counted if one.amount), key=_order))


def in_order(hold: Hold) -> Hold:
    """The same record with what has no order in one that does not depend on who wrote it."""
    return Hold(
        hold.id, hold.key, hold.account, hold.feature, hold.opened, hold.due, hold.policy, hold.plan, hold.rules,
        hold.usage, hold.units, tuple(Part(part.leg, _sorted(part.marks)) for part in hold.parts),
        _sorted(hold.ceilings), hold.subject, hold.attributes, tuple(sorted(hold.expires)), hold.steps,
    )  # fmt: skip


def _sorted(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    return tuple(sorted((mark for mark in marks if mark.count), key=_order))


def _order(mark: Mark) -> tuple[str, str, int, int, int]:
    return (mark.limit, mark.scope, mark.since, mark.max, mark.count)
