"""Ceilings: what must have room whoever pays (laws 1 and 6), and never gives anything itself."""

from __future__ import annotations

from spillover.core.gauges import Gauge
from spillover.core.members import Members
from spillover.core.price import affordable
from spillover.core.waterfall import Pour, blocked
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.decision import Blocker
from spillover.model.hold import Mark

Usage = dict[str, int]


class Ceilings:
    """The ceilings of a rule for one request. `marks` tell where a hold was counted."""

    __slots__ = ("blocking", "gauges", "marks", "pour", "price", "units", "usage")

    def __init__(self, pour: Pour, units: int, usage: Usage) -> None:
        self.pour, self.units, self.usage = pour, units, usage
        self.price = pour.price or 0
        self.blocking = -1
        self.marks: list[Mark] = []
        ceilings = pour.rule.ceilings
        if pour.rule.counts_holds and not pour.request.hold:
            ceilings = tuple(limit for limit in ceilings if limit.of != "open_holds")
        self.gauges = pour.gauges(ceilings) if ceilings else []

    def needs(self) -> list[tuple[Gauge, int]]:
        """Each with what the whole request counts in it."""
        return [(at, self._need(at, self.units)) for at in self.gauges]

    def exact(self) -> Blocker | None:
        """Each must have room for the whole request; the first that has none denies it."""
        units, pour = self.units, self.pour
        for at in self.gauges:
            of = at.limit.of
            need = units if of == "units" else 1 if of == "requests" else self._need(at, units)
            if at.room < need:
                at.write(0, 0, True, pour.operations)
                return blocked("ceiling", at, need)
            at.write(need, need, False, pour.operations)
            if need:
                self._counted(at, need)
        return None

    def record(self) -> Blocker | None:
        """Each counts the request, whether it has room or not; a blocker for one that no cell could hold."""
        for at in self.gauges:
            need, begun = self._need(at, self.units), len(self.pour.operations)
            if need or isinstance(at, Members):  # that a subject was counted before is a condition of its own
                at.record(need, self.pour.operations)
                self.pour.opened += at.opens if need else 0
                if passed := self._passed(at, begun):
                    return passed
        return None

    def _passed(self, at: Gauge, begun: int) -> Blocker | None:
        """The bound of a cell that this would pass, as its box from now on says."""
        operations = self.pour.operations
        for index in range(begun, len(operations)):
            name, low, high, floor, add = operations[index]
            value = max(self.pour.cells.get(name, 0), floor or 0)
            if value + add > AMOUNT_MAX:
                if low != high:
                    operations[index] = (name, AMOUNT_MAX - add + 1, AMOUNT_MAX, None, 0)
                name = f"counted in {at.limit.name}"
                return Blocker("bound", name, AMOUNT_MAX, value + add - AMOUNT_MAX, at.limit.per, at.scope)
        return None

    def reduce(self) -> int:
        """How many of the units they leave (mode partial); nothing is written yet."""
        asked = self.units
        for index, at in enumerate(self.gauges):
            room = self._units_of(at)
            if room < asked or (not asked and self.blocking < 0 and at.room < self._need(at, 0)):
                asked, self.blocking = room, index
        return asked

    def partial(self, asked: int, granted: int, left: int) -> Blocker | None:
        """Write them for what was granted; the one that reduced the request, if no layer ran out below it (`left`)."""
        stopping = self.blocking if not left else -1
        counts = granted > 0 or (not self.units and stopping < 0)
        for index, at in enumerate(self.gauges):
            need = least = self._need(at, granted) if counts else 0
            if left:  # the layers were asked for just so many
                least = max(need, self._need(at, asked + (index < self.blocking)))
            elif index < stopping:
                least = max(need, self._need(at, granted + 1))
            at.write(need, least, index == self.blocking, self.pour.operations)
            if need:
                self._counted(at, need)
        if stopping < 0:
            return None
        at = self.gauges[stopping]
        return blocked("ceiling", at, self._need(at, self.units))

    def _counted(self, at: Gauge, need: int) -> None:
        self.pour.opened += at.opens
        if self.pour.request.hold and at.limit.of != "subjects":
            self.marks.append(at.mark(need, 0))

    def _need(self, at: Gauge, units: int) -> int:
        """What so many units of this request count."""
        of = at.limit.of
        if of == "units":
            return units
        if isinstance(at, Members):
            return at.need
        if of == "credits":
            return units * self.price
        return self.usage.get(at.limit.counts, 0) if of == "usage" else 1

    def _units_of(self, at: Gauge) -> int:
        if at.limit.of == "units":
            return at.room
        if at.limit.of == "credits":
            return affordable(at.room, self.price, (1, 1)) if self.price else self.units
        return self.units if at.room >= self._need(at, self.units) else 0
