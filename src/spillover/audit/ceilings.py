"""Ceilings: each must have room, whoever pays (laws 1 and 6). In mode record they are counted, not bounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from spillover.audit.held import Held
from spillover.audit.keeping import Counted
from spillover.audit.limits import Distinct, Limit
from spillover.audit.prices import PLAIN, units_for

Found = tuple[Limit, str, str]
"""A limit that applies: with the maximum in force, the name that it counts by, and the scope value."""


class Asked(Protocol):
    """What ceilings look at, of an event or of a part of one."""

    @property
    def at(self) -> int: ...
    @property
    def feature(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...
    @property
    def usage(self) -> Mapping[str, int]: ...
    @property
    def units(self) -> int: ...
    @property
    def granted(self) -> int: ...
    @property
    def mode(self) -> str: ...


def find(limit: Limit, held: Held, asked: Asked) -> Found | None:
    """The limit as it applies to a request; None where it does not."""
    scope = limit.scope(asked.feature, asked.subject, asked.attributes)
    if scope is None:
        return None
    if held.terms.overrides:
        return held.in_force(limit, scope, asked.at), limit.named(scope, held.rules), scope
    return limit, limit.named(scope, held.rules), scope


class Ceilings:
    """The ceilings of a rule for one request. `marked` takes what they counted, where a hold is opened or extended."""

    __slots__ = ("asked", "held", "marked", "price", "report")

    def __init__(
        self, held: Held, asked: Asked, price: int | None, report: Callable[[str, object, object], None],
        marked: list[Counted] | None,
    ) -> None:  # fmt: skip
        self.held, self.asked, self.price, self.report, self.marked = held, asked, price, report, marked

    def left(self, limits: Sequence[Limit]) -> int:
        """Count the request, and give how many of its units they leave for the layers."""
        asked, held = self.asked, self.held
        units = asked.units
        for limit in limits:
            if limit.of == "open_holds" and self.marked is None:
                continue
            found = find(limit, held, asked)
            if found is not None:
                units = min(units, self._one(*found))
        return units

    def _one(self, limit: Limit, name: str, scope: str) -> int:
        """One ceiling counts; how many units it leaves."""
        asked, held, at = self.asked, self.held, self.asked.at
        partial, units = asked.mode == "partial", asked.units
        if limit.subjects is not None:
            return self._subject(limit.subjects, limit, name)
        need = self._need(limit, asked.granted if partial else units)
        if partial and units and not asked.granted:
            need = 0
        room = limit.admit(held, name, at, need)
        if self.marked is not None and need:
            self.marked.append(Counted(limit, name, scope, need, limit.since(held, name, at, 0)))
        if asked.mode == "record":
            return units
        if partial and limit.of in ("units", "credits"):
            if need > room:
                refuse(self.report, need, name, room)
            price = self.price or 0
            return room if limit.of == "units" else units_for(room, price, PLAIN) if price else units
        if need > room:
            refuse(self.report, need, name, room)
        return units

    def _subject(self, subjects: Distinct, limit: Limit, name: str) -> int:
        asked, held, at = self.asked, self.held, self.asked.at
        need = subjects.need(held, name, asked.subject, at)
        if need:
            room = limit.admit(held, name, at, need)
            if room < need and asked.mode != "record":
                refuse(self.report, need, name, room)
            subjects.count(held, name, asked.subject, at)
        return asked.units

    def _need(self, limit: Limit, units: int) -> int:
        """What so many units of this request count."""
        if limit.of == "units":
            return units
        if limit.of == "credits":
            return units * (self.price or 0)
        return self.asked.usage.get(limit.counts, 0) if limit.of == "usage" else 1


def refuse(report: Callable[[str, object, object], None], need: int, name: str, room: int) -> None:
    """A ceiling admitted more than it had room for."""
    report("limits", f"{need} admitted by ceiling {name}", f"at most the {room} it had room for")
