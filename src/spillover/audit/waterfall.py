"""The waterfall, followed once more along what an event says it did (invariants 12, 13 and 14).

Layer by layer it is reckoned what each had to give of what the layers before it left, and laid beside the event's
leg. Reckoning goes on from what the event did, not from what it should have done: one wrong leg is one finding, and
limits and lots go on counting what really went.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from msgspec import Struct

from spillover.audit.ceilings import Ceilings, Found, find, refuse
from spillover.audit.held import NOTHING, Held, Parts
from spillover.audit.keeping import Counted, Keeping, Portion
from spillover.audit.limits import NUMBER_MAX, Limit
from spillover.audit.policies import Layer, Rule
from spillover.audit.prices import PLAIN as _PLAIN
from spillover.audit.prices import charge, units_for
from spillover.audit.totals import Ever
from spillover.model.decision import Overshoot
from spillover.model.event import Event
from spillover.model.leg import Leg

Report = Callable[[str, object, object], None]
"""(check, found, expected): takes note of a finding about this event."""

_RECEIVABLE = Ever("owed", "owed", NUMBER_MAX, "", "credits")
"""All that the overage line advances an account stays below 2^53."""
_ASKED = ("waterfall", "that were still asked for")


class Draw(Struct):
    """What is drawn at one instant; an event of kind usage is one itself."""

    at: int
    feature: str
    subject: str
    attributes: Mapping[str, str]
    usage: Mapping[str, int]
    units: int
    granted: int
    legs: tuple[Leg, ...]
    mode: str = "exact"
    overshoot: Overshoot | None = None


class Follow:
    """An account's draws, one at a time, on their way down a rule's waterfall.

    `portions` are filled where a hold is opened or extended, as `marked` are with what ceilings counted. `already`:
    windows of requests that have counted the hold before, which is one request.
    """

    __slots__ = (
        "already", "draw", "held", "left", "marked", "portions", "price", "report", "rule", "spending", "spent",
    )  # fmt: skip

    draw: Draw | Event
    rule: Rule
    price: int | None
    left: int
    """What no layer has given yet."""
    spent: int
    spending: list[Found] | None

    def __init__(self, held: Held, report: Report) -> None:
        self.held, self.report = held, report
        self.portions: list[Portion] | None = None
        self.marked: list[Counted] | None = None
        self.already: Set[str] = frozenset()

    def run(self, rule: Rule, draw: Draw | Event, price: int | None, closed: bool = False) -> None:
        """One draw; `price` is that of a unit, None where no row fits. `closed`: no layer may pay anything."""
        self.rule, self.draw, self.price = rule, draw, price
        self.left, self.spent, self.spending = draw.units, 0, None
        if rule.ceilings:
            held = self.held
            if rule.quick and draw.mode == "exact" and self.marked is None and not held.terms.overrides:
                for limit in rule.ceilings:
                    need = 1 if limit.requests else draw.units
                    room = limit.admit(held, limit.stem, draw.at, need)
                    if room < need:
                        refuse(self.report, need, limit.stem, room)
            else:
                self.left = Ceilings(held, draw, price, self.report, self.marked).left(rule.ceilings)
        if closed:
            if draw.legs:
                self.report("serial", f"legs {_named(draw.legs)}", "none, as nothing may pay for it")
        else:
            self._down(draw)
        if draw.mode == "exact":
            if self.left:
                self.report("waterfall", f"{self.left} units that no layer gives", "all of them given, or a denial")
            if draw.overshoot is not None:
                self.report("rating", "an overshoot", "none in mode exact")
        else:
            self._rest(draw)

    def hold(self, rule: Rule, draw: Draw, price: int | None) -> tuple[list[Portion], list[Counted]]:
        """A draw that a hold keeps: what it drew, and what ceilings counted for it."""
        portions, marked = list[Portion](), list[Counted]()
        self.portions, self.marked = portions, marked
        try:
            self.run(rule, draw, price)
        finally:
            self.portions = self.marked = None
        return portions, marked

    def further(self, keeping: Keeping, draw: Draw, *, keeps: bool) -> tuple[list[Portion], list[Counted]]:
        """What a hold draws after its opening. Where it `keeps` it, as for `hold`."""
        rule = keeping.rule.growing()
        self.already = {one.limit.cell for portion in keeping.portions for one in portion.counted}
        try:
            if keeps:
                return self.hold(rule, draw, keeping.price)
            self.run(rule, draw, keeping.price, self.held.terms.state != "active")
            return [], []
        finally:
            self.already = frozenset()

    def _down(self, draw: Draw | Event) -> None:
        """Through all layers, with the leg of each, if it has one."""
        legs = draw.legs
        at, end = 0, len(legs)
        for layer in self.rule.layers:
            leg = layer.none
            if at < end and legs[at].layer == layer.source:
                leg = legs[at]
                at += 1
            elif not self.left:
                continue
            if self.portions is not None and leg is not layer.none:
                self.portions.append(Portion(layer, leg, []))
            if layer.source == "allowance":
                self._allowance(layer, leg)
            elif layer.source == "units":
                parts, lacking = self._lots(draw.feature, self.left)
                if leg.units != self.left - lacking or leg.lots != parts or leg.amount or leg.price:
                    self._compare(leg, self.left - lacking, 0, 0, parts, ("waterfall", "that its lots had"))
            else:
                self._paid(layer, leg)
            self.left -= leg.units
        if self.spending:
            self._spend(self.spending)
        if at < end:
            sources = ", ".join(layer.source for layer in self.rule.layers)
            self.report("waterfall", f"legs {_named(legs)}", f"each of {sources} at most once, in this order")

    def _lots(self, measure: str, amount: int) -> tuple[Parts, int]:
        return self.held.draw(measure, amount, self.draw)

    def _allowance(self, layer: Layer, leg: Leg) -> None:
        """The room of the tightest window; what it gives counts in all of them."""
        draw, given, left, held = self.draw, leg.units, self.left, self.held
        must, tightest = left, ""
        for window in layer.windows:
            limit, name, scope = window, window.stem, ""
            if window.scoped or held.terms.overrides:
                found = find(window, held, draw)
                if found is None:
                    continue
                limit, name, scope = found
            if limit.of == "units":
                count = given
                room = limit.admit(held, name, draw.at, count)
            elif limit.requests:
                again = limit.cell in self.already
                count = 1 if given and not again else 0
                room = left if limit.admit(held, name, draw.at, count) or again else 0
            else:
                price = self.price or 0
                count = given * price
                room = limit.admit(held, name, draw.at, count)
                room = units_for(room, price, _PLAIN) if price else left
            if room < must:
                must, tightest = room, name
            if count and self.portions is not None:
                since = limit.since(held, name, draw.at, 0)
                self.portions[-1].counted.append(Counted(limit, name, scope, count, since))
        if given != must or leg.lots or leg.amount or leg.price:
            why = ("limits", f"that window {tightest} had room for") if tightest else _ASKED
            self._compare(leg, must, 0, 0, NOTHING, why)

    def _closed(self, layer: Layer) -> str:
        """Why a paid layer gives nothing, whatever it has; "" where it may give."""
        if layer.consent and not self.held.terms.consent:
            return "as the customer does not consent"
        if self.price is None:
            return "as no price fits"
        return f"as {self.held.debt} are owed" if self.held.debt and self.price else ""

    def _paid(self, layer: Layer, leg: Leg) -> None:
        """Credits and overage: what lots or cap hold, and what consent and the spending limits leave."""
        price, most, held, times = self.price, self.left, self.held, layer.times
        if price is None or layer.consent or held.debt:
            bound = self._closed(layer)
            if bound or price is None:
                self._compare(leg, 0, 0, 0, NOTHING, ("serial", bound))
                return
        if not price:
            self._compare(leg, most, 0, 0, NOTHING, _ASKED)
            return
        if self.spending is None:
            self.spending = self._applying(self.rule.spending)
        why, parts = _ASKED, NOTHING
        for limit, name, _ in self.spending:
            room = units_for(limit.admit(held, name, self.draw.at, 0) - self.spent, price, times)
            if room < most:
                most, why = room, ("limits", f"that spending limit {name} left")
        if layer.source == "credits":
            parts, lacking = self._lots("credits", most * price)
            if lacking:
                most, why = (most * price - lacking) // price, ("waterfall", "that its lots could pay for")
                parts, _ = self._lots("credits", most * price)
        else:
            most, why = self._overage(layer, leg, most, why)
        self.spent += leg.amount
        one, all_ = (price, most * price) if times is _PLAIN else (charge(1, price, times), charge(most, price, times))
        if leg.units != most or leg.amount != all_ or leg.price != one or leg.lots != parts:
            self._compare(leg, most, one, all_, parts, why)

    def _overage(self, layer: Layer, leg: Leg, most: int, why: tuple[str, str]) -> tuple[int, tuple[str, str]]:
        """What its caps leave of so many units, and why."""
        price, at = self.price or 0, self.draw.at
        for limit, name, scope in self._applying([layer.cap, _RECEIVABLE] if layer.cap else [_RECEIVABLE]):
            room = units_for(limit.admit(self.held, name, at, leg.amount), price, layer.times)
            if room < most:
                most, why = room, ("limits", f"that cap {name} left")
            if leg.amount and self.portions is not None:
                since = limit.since(self.held, name, at, 0)
                self.portions[-1].counted.append(Counted(limit, name, scope, leg.amount, since))
        return most, why

    def _spend(self, spending: list[Found]) -> None:
        """The paid layers together, in each spending limit."""
        for limit, name, scope in spending:
            limit.admit(self.held, name, self.draw.at, self.spent)
            later = self.spent
            for portion in self.portions or ():
                if portion.leg.amount:
                    later -= portion.leg.amount
                    since = limit.since(self.held, name, self.draw.at, later)
                    portion.counted.append(Counted(limit, name, scope, portion.leg.amount, since))

    def _rest(self, draw: Draw | Event) -> None:
        """What no layer gave: not granted (partial), or overshoot (record)."""
        given, over = sum([leg.units for leg in draw.legs]), draw.overshoot
        if draw.mode == "partial":
            if draw.granted != given or (draw.units and not given) or over is not None:
                self.report("waterfall", f"{draw.granted} granted, {over}", f"the {given} of its legs, at least one")
            return
        wanted = self._overshoot() if self.left > 0 else None
        if over != wanted:
            bound = over is not None and wanted is not None and over.forgiven > wanted.forgiven
            self.report("limits" if bound else "rating", f"{over}", f"{wanted}, which no layer could pay")
        if over is not None:
            self.held.debt += over.owed

    def _overshoot(self) -> Overshoot:
        """What is left, at the price of credits, else of overage; forgiven as far as there is room for it."""
        rule, price, held, draw = self.rule, 0, self.held, self.draw
        if rule.beyond is not None and self.price:
            price = charge(1, self.price, rule.beyond)
        amount = forgiven = self.left * price
        said = draw.overshoot.forgiven if draw.overshoot is not None else 0
        if rule.overshoot is not None and amount:
            for limit, name, _ in self._applying([rule.overshoot]):
                forgiven = min(forgiven, limit.admit(held, name, draw.at, said))
        return Overshoot(self.left, price, amount, forgiven)

    def _applying(self, limits: list[Limit]) -> list[Found]:
        found = [find(limit, self.held, self.draw) for limit in limits]
        return [one for one in found if one is not None]

    def _compare(self, leg: Leg, must: int, price: int, amount: int, parts: Parts, why: tuple[str, str]) -> None:
        """The leg beside what the layer had to give. `why`: the check that more than this breaks, and what bounds it.

        The first difference is reported, under the promise that it breaks.
        """
        given, source = leg.units, leg.layer
        if given > must:
            self.report(why[0], f"{given} units of {source}", f"at most {must}, {why[1]}")
        elif given < must:
            self.report("waterfall", f"{given} units of {source}", f"{must}, before any later layer gives")
        elif leg.amount != amount or (given and leg.price != price):
            found = f"{given} units of {source} at {leg.price} for {leg.amount}"
            self.report("rating", found, f"{price} a unit, {amount} in all")
        elif leg.lots != parts:
            self.report("waterfall", f"lots {_shown(leg.lots)} of {source}", f"lots {_shown(parts)}, in burn order")


def _shown(parts: Parts) -> str:
    return ", ".join(f"{lot}: {part}" for lot, part in parts) or "none"


def _named(legs: tuple[Leg, ...]) -> str:
    return ", ".join(leg.layer for leg in legs)
