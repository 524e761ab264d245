"""The waterfall, followed once more along what an event says it did (invariants 12, 13 and 14).

Layer by layer it is reckoned what each had to give of what the layers before it left, and laid beside the event's
leg. Reckoning goes on from what the event did, not from what it should have done: one wrong leg is one finding, and
limits and lots go on counting what really went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spillover.audit.limits import NUMBER_MAX, Ever, Limit
from spillover.audit.policies import Layer, Rule
from spillover.audit.prices import PLAIN as _PLAIN
from spillover.audit.prices import charge, units_for
from spillover.model.account import Profile
from spillover.model.event import Event
from spillover.model.leg import Leg

Parts = tuple[tuple[int, int], ...]
Report = Callable[[str, object, object], None]
"""(check, found, expected): takes note of a finding about this event."""

_NOTHING: Parts = ()
_OWED = Ever("owed", "owed", NUMBER_MAX, "", False)
"""All that an account owes on its overage line stays below 2^53."""
_ASKED = ("waterfall", "that were still asked for")


class Held:
    """What an account has as of an event: its terms, what is left in its lots, what its limits have counted."""

    __slots__ = ("newest", "order", "remaining", "terms", "windows")

    def __init__(self, terms: Profile) -> None:
        self.newest = 0
        self.remaining: dict[int, int] = {}
        self.windows: dict[str, list[int]] = {}
        self.order: dict[str, list[tuple[int, int, int]]] = {}
        self.put(terms)

    def put(self, terms: Profile) -> None:
        """These terms are in force from here on."""
        self.terms = terms
        self.order = {}
        # Lower priority number, earlier expiry, promotional before paid, earlier effective time, lower id.
        for lot in sorted(
            terms.lots, key=lambda lot: (lot.priority, lot.expires, not lot.promotional, lot.effective, lot.id)
        ):
            self.order.setdefault(lot.measure, []).append((lot.id, lot.effective, lot.expires))
        for state in self.windows.values():
            if len(state) == 3:
                state[1] = 0  # with another zone or billing day, periods end elsewhere

    def draw(self, measure: str, amount: int, at: int) -> tuple[Parts, int]:
        """Which lots have to give an amount at an instant, and how much of it they lack. Changes nothing."""
        if not amount:
            return _NOTHING, 0
        parts = []
        remaining = self.remaining
        for lot, effective, expires in self.order.get(measure, ()):
            if effective <= at < expires and (left := remaining.get(lot, 0)) > 0:
                part = left if left < amount else amount
                parts.append((lot, part))
                amount -= part
                if not amount:
                    break
        return tuple(parts), amount


class Follow:
    """An account's events, one at a time, on their way down a rule's waterfall."""

    __slots__ = ("event", "held", "left", "price", "report", "rule", "spending", "spent")

    event: Event
    rule: Rule
    price: int | None
    left: int
    """What no layer has given yet."""
    spent: int
    spending: list[tuple[Limit, str]] | None

    def __init__(self, held: Held, report: Report) -> None:
        self.held, self.report = held, report

    def run(self, rule: Rule, event: Event, price: int | None) -> None:
        """One event; `price` is that of a unit, None where no row fits."""
        self.rule, self.event, self.price = rule, event, price
        self.left, self.spent, self.spending = event.units, 0, None
        if rule.ceilings:
            self._ceilings(event)
        self._down(event)

    def _ceilings(self, event: Event) -> None:
        """Each must have room for the whole request, whoever pays."""
        for limit in self.rule.ceilings:
            name = limit.of(event.subject, event.attributes) if limit.per else limit.stem
            if name is not None:
                need = 1 if limit.requests else event.units
                room = limit.admit(self.held, name, event.at, need)
                if room < need:
                    self.report("limits", f"{need} admitted by ceiling {name}", f"at most the {room} it had room for")

    def _down(self, event: Event) -> None:
        """Through all layers, with the leg of each, if it has one."""
        legs = event.legs
        at, end = 0, len(legs)
        for layer in self.rule.layers:
            leg = layer.none
            if at < end and legs[at].layer == layer.source:
                leg = legs[at]
                at += 1
            elif not self.left:
                continue
            if layer.source == "allowance":
                self._allowance(layer, leg)
            elif layer.source == "units":
                parts, lacking = self.held.draw(event.feature, self.left, event.at)
                if leg.units != self.left - lacking or leg.lots != parts or leg.amount or leg.price:
                    self._compare(leg, self.left - lacking, 0, 0, parts, ("waterfall", "that its lots had"))
            else:
                self._paid(layer, leg)
            self.left -= leg.units
        if self.spending:
            for limit, name in self.spending:
                limit.admit(self.held, name, event.at, self.spent)
        if at < end:
            found, sources = ", ".join(leg.layer for leg in legs), ", ".join(x.source for x in self.rule.layers)
            self.report("waterfall", f"legs {found}", f"each of {sources} at most once, in this order")
        elif self.left:
            self.report("waterfall", f"{self.left} units that no layer gives", "all of them given, or a denial")

    def _allowance(self, layer: Layer, leg: Leg) -> None:
        """The room of the tightest window; what it gives counts in all of them."""
        event, given, left = self.event, leg.units, self.left
        must, tightest = left, ""
        for limit in layer.windows:
            name = limit.of(event.subject, event.attributes) if limit.per else limit.stem
            if name is None:
                continue
            if limit.requests:
                room = left if limit.admit(self.held, name, event.at, 1 if given else 0) else 0
            else:
                room = limit.admit(self.held, name, event.at, given)
            if room < must:
                must, tightest = room, name
        if given != must or leg.lots or leg.amount or leg.price:
            why = ("limits", f"that window {tightest} had room for") if tightest else _ASKED
            self._compare(leg, must, 0, 0, _NOTHING, why)

    def _paid(self, layer: Layer, leg: Leg) -> None:
        """Credits and overage: what lots or cap hold, and what consent and the spending limits leave."""
        price, most, at, times = self.price, self.left, self.event.at, layer.times
        if price is None or (layer.consent and not self.held.terms.consent):
            bound = "as no price fits" if price is None else "as the customer does not consent"
            self._compare(leg, 0, 0, 0, _NOTHING, ("serial", bound))
            return
        if not price:
            self._compare(leg, most, 0, 0, _NOTHING, _ASKED)
            return
        if self.spending is None:
            self.spending = list(self._applying(self.rule.spending))
        why, parts = _ASKED, _NOTHING
        for limit, name in self.spending:
            room = units_for(limit.admit(self.held, name, at, 0) - self.spent, price, times)
            if room < most:
                most, why = room, ("limits", f"that spending limit {name} left")
        if layer.source == "credits":
            parts, lacking = self.held.draw("credits", most * price, at)
            if lacking:
                most, why = (most * price - lacking) // price, ("waterfall", "that its lots could pay for")
                parts, _ = self.held.draw("credits", most * price, at)
        else:
            for limit, name in self._applying([layer.cap, _OWED] if layer.cap else [_OWED]):
                room = units_for(limit.admit(self.held, name, at, leg.amount), price, times)
                if room < most:
                    most, why = room, ("limits", f"that cap {name} left")
        self.spent += leg.amount
        one, all_ = (price, most * price) if times is _PLAIN else (charge(1, price, times), charge(most, price, times))
        if leg.units != most or leg.amount != all_ or leg.price != one or leg.lots != parts:
            self._compare(leg, most, one, all_, parts, why)

    def _applying(self, limits: list[Limit]) -> Iterator[tuple[Limit, str]]:
        for limit in limits:
            name = limit.of(self.event.subject, self.event.attributes)
            if name is not None:
                yield limit, name

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
