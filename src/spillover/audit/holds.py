"""Holds: opened, extended, and ended once (law 9, invariant 8); what a hold gives up goes back where it was counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from spillover.audit.held import Held
from spillover.audit.keeping import Keeping, Portion, in_order, joined, together
from spillover.audit.policies import Rule
from spillover.audit.prices import charge
from spillover.audit.waterfall import Draw, Follow, Report
from spillover.model.event import Event, Move
from spillover.model.hold import Hold
from spillover.model.leg import Leg

TOLERANCE_MS = 1000
HOLDS_MAX = 10_000
ENTRIES_MAX = 32
_RECORD = tuple(Hold.__struct_fields__)


class Trimmed(NamedTuple):
    """What a hold keeps in the end: its final legs, and lot -> what falls back."""

    legs: tuple[Leg, ...]
    back: dict[int, int]


class Holds:
    """The holds of one account, event by event."""

    def __init__(self, account: int, held: Held, follow: Follow, report: Report) -> None:
        self._account, self._held, self._follow, self._report = account, held, follow, report

    def open(self, event: Event, rule: Rule, price: int | None) -> None:
        """A hold is opened on its estimate."""
        hold, held = event.hold, self._held
        if hold is None:
            self._report("form", "a hold without a record", "the record that its end needs")
            return
        usage = rule.estimate(event.usage)
        units, _ = rule.feature.rate(usage, event.attributes)
        if units != event.units or (event.mode == "exact" and event.granted != units):
            self._report("rating", f"{event.units} units, {event.granted} granted", f"{units} for {usage}")
        if hold.id in held.holds:
            self._report("holds", f"a second hold {hold.id}", "one for each key")
        draw = Draw(
            event.at,
            event.feature,
            event.subject,
            event.attributes,
            usage,
            units,
            event.granted,
            event.legs,
            event.mode,
        )
        portions, ceilings = self._follow.hold(rule, draw, price)
        keeping = Keeping(
            short(event.key), event.key, event.at, hold.due, event.policy, held.plan(event.at), rule, price, usage,
            event.subject, event.attributes, event.rules, portions, ceilings, self._expiries(event.legs), 0,
            self._account,
        )  # fmt: skip
        self._draw(event.legs)
        held.holds[keeping.id] = keeping
        self._same(hold, keeping)
        if hold.due <= event.at:
            self._report("holds", f"a hold due at {hold.due}", f"a later instant than {event.at}")
        if len(held.holds) > HOLDS_MAX:
            self._report("serial", f"{len(held.holds)} open holds", f"at most {HOLDS_MAX}")
        self._bound(portions)

    def extend(self, event: Event) -> None:
        """The estimate of an open hold grows; what is more is drawn now, exactly."""
        hold, held = event.hold, self._held
        keeping = held.holds.get(hold.id) if hold is not None else None
        if hold is None or keeping is None:
            self._report("holds", f"an extension of hold {hold.id if hold else '?'}", "of one that is open")
            self._draw(event.legs)
            return
        # Its number, or 128 bits of the key that its caller gave it.
        named = re.fullmatch(f"spillover:(extend:{keeping.id}:[0-9a-f]{{32}})", event.key)
        self._follows(event, keeping, named[1] if named else f"extend:{keeping.id}:{keeping.steps + 1}")
        if held.terms.state != "active":
            self._report("serial", f"an extension for a {held.terms.state} account", "none")
        known = keeping.usage
        grown = {name: max(known.get(name, 0), event.usage.get(name, 0)) for name in {**known, **event.usage}}
        total, _ = keeping.rule.feature.rate(grown, keeping.attributes)
        more = max(total - keeping.units, 0)
        if (event.units, event.granted) != (more, more):
            self._report("rating", f"{event.units} units, {event.granted} granted", f"{more} more for {grown}")
        draw = self._further(event, keeping, more, event.legs, "exact")
        portions, ceilings = self._follow.further(keeping, draw, keeps=True)
        if hold.due <= keeping.due:
            self._report("holds", f"due at {hold.due}", f"later than {keeping.due}, as before")
        keeping.usage = grown
        keeping.due, keeping.steps = hold.due, keeping.steps + 1
        keeping.portions = joined(keeping.portions, portions)
        keeping.ceilings = together([*keeping.ceilings, *ceilings])
        keeping.expires = keeping.expires | self._expiries(event.legs)
        self._draw(event.legs)
        self._same(hold, keeping)
        self._bound(keeping.portions)

    def end(self, event: Event) -> None:
        """A hold is committed in time, released or expired."""
        held = self._held
        keeping = held.holds.pop(event.ends, None)
        if keeping is None:
            self._report("holds", f"an end of hold {event.ends}", "of one that is open: a hold ends once")
            self._draw(event.legs)
            return
        self._follows(event, keeping, f"end:{keeping.id}")
        commits = event.kind == "commit"
        usage: Mapping[str, int] = event.usage if commits else {}
        total = keeping.rule.feature.rate(usage, keeping.attributes)[0] if commits else 0
        if (event.units, event.granted) != (total, total) or (not commits and event.usage):
            self._report("rating", f"{event.units} units, {event.granted} granted", f"{total} for {dict(usage)}")
        if event.kind == "expire":
            if event.at < keeping.due + TOLERANCE_MS:
                self._report("holds", f"expired at {event.at}", f"{keeping.due + TOLERANCE_MS} at the earliest")
            held.expired[keeping.id] = keeping
        kept = keeping.units
        trimmed = self._trim(keeping, min(total, kept), event.at)
        self._uncount_ceilings(keeping, total, usage, event.at)
        legs = trimmed.legs
        if event.legs[: len(legs)] != legs:
            self._report("holds", f"legs {event.legs[: len(legs)]}", f"{legs}, which the hold keeps of its own")
        further = event.legs[len(legs) :]
        draw = self._further(event, keeping, max(total - kept, 0), further, "record")
        self._follow.further(keeping, draw, keeps=False)
        if sum(len(leg.lots) or 1 for leg in further) > ENTRIES_MAX:
            self._report("serial", f"{len(further)} further legs and their lots", f"at most {ENTRIES_MAX}")
        self._fall(event, keeping, trimmed.back)
        # What the hold drew and what it draws now beside what the event says of both.
        self._draw(further)

    def late(self, event: Event) -> None:
        """A commit after expiry: everything is drawn now."""
        keeping = self._held.expired.pop(event.ends, None)
        if keeping is None:
            self._report("holds", f"a late commit of hold {event.ends}", "of one that has expired, once")
            self._draw(event.legs)
            return
        self._follows(event, keeping, f"late:{keeping.id}")
        total, _ = keeping.rule.feature.rate(event.usage, keeping.attributes)
        if (event.units, event.granted) != (total, total):
            self._report("rating", f"{event.units} units, {event.granted} granted", f"{total} for {event.usage}")
        draw = Draw(
            event.at, keeping.rule.feature.name, keeping.subject, keeping.attributes, event.usage, total, total,
            event.legs, "record", event.overshoot,
        )  # fmt: skip
        self._follow.run(keeping.rule.growing(), draw, keeping.price, self._held.terms.state != "active")
        if sum(len(leg.lots) or 1 for leg in event.legs) > ENTRIES_MAX:
            self._report("serial", f"{len(event.legs)} legs and their lots", f"at most {ENTRIES_MAX}")
        if event.moves:
            self._report("holds", f"moves {event.moves}", "none, as nothing was held any more")
        self._draw(event.legs)

    def _further(self, event: Event, keeping: Keeping, more: int, legs: tuple[Leg, ...], mode: str) -> Draw:
        """What is drawn beyond what is held, with each count by which it grows."""
        usage = {}
        if event.kind in ("commit", "extend"):
            grown = ((name, count - keeping.usage.get(name, 0)) for name, count in event.usage.items())
            usage = {name: count for name, count in grown if count > 0}
        return Draw(
            event.at, keeping.rule.feature.name, keeping.subject, keeping.attributes, usage, more, more, legs, mode,
            event.overshoot,
        )  # fmt: skip

    def _follows(self, event: Event, keeping: Keeping, key: str) -> None:
        """Price, plan, policy and whose it is stay those of the opening; the key is the engine's own."""
        found = (event.key, event.policy, event.feature, event.subject, event.attributes)
        feature = keeping.rule.feature.name
        wanted = (f"spillover:{key}", keeping.policy, feature, keeping.subject, keeping.attributes)
        if found != wanted:
            self._report("holds", f"{found}", f"{wanted}, as the hold was opened")

    def _trim(self, keeping: Keeping, units: int, at: int) -> Trimmed:
        """Keep the first so many units; what is above goes back, from the last part to the first."""
        surplus, kept = keeping.units - units, list[Leg]()
        back: dict[int, int] = {}
        for portion in reversed(keeping.portions):
            less = min(surplus, portion.leg.units)
            surplus -= less
            leg = self._cut(portion, portion.leg.units - less, keeping.price or 0, back) if less else portion.leg
            if leg.units:
                kept.append(leg)
            if less:
                self._uncount(portion, leg, keeping.price or 0, at)
        return Trimmed(tuple(reversed(kept)), back)

    def _cut(self, portion: Portion, units: int, price: int, back: dict[int, int]) -> Leg:
        """A leg with its first units; its last lots get back first."""
        leg = portion.leg
        amount = 0
        if leg.layer in ("credits", "overage"):
            amount = min(charge(units, price, portion.layer.times), leg.amount)
        left = amount if leg.layer == "credits" else units if leg.layer == "units" else 0
        lots = []
        for lot, gave in leg.lots:
            keeps = min(gave, left)
            left -= keeps
            if keeps:
                lots.append((lot, keeps))
            if gave > keeps:
                back[lot] = back.get(lot, 0) + gave - keeps
        return Leg(leg.layer, units, leg.price, amount, tuple(lots))

    def _uncount(self, portion: Portion, leg: Leg, price: int, at: int) -> None:
        """Windows, spending limits and caps count what is left of the leg."""
        for one in reversed(portion.counted):
            of = one.limit.of
            if leg.layer != "allowance":
                keeps = leg.amount
            elif of == "credits":
                keeps = leg.units * price
            else:
                keeps = leg.units if of == "units" else one.amount if leg.units else 0
            one.give_back(self._held, at, one.amount - keeps)

    def _uncount_ceilings(self, keeping: Keeping, units: int, usage: Mapping[str, int], at: int) -> None:
        """What ceilings counted too much, the last first; open holds always, requests and subjects never."""
        counts: dict[str, int] = {}
        for one in keeping.ceilings:
            counts[one.name] = counts.get(one.name, 0) + one.amount
        for one in reversed(keeping.ceilings):
            of, limit = one.limit.of, one.limit
            if of in ("requests", "subjects"):
                continue
            wanted = units if of == "units" else units * (keeping.price or 0) if of == "credits" else 0
            if of == "usage":
                wanted = usage.get(limit.counts, 0)
            less = min(max(counts[one.name] - wanted, 0), one.amount)
            counts[one.name] -= less
            one.give_back(self._held, at, less)

    def _fall(self, event: Event, keeping: Keeping, back: dict[int, int]) -> None:
        """Lots get back what fell to them; those that are gone get nothing, and the event says so."""
        held, at = self._held, event.at
        live = {lot.id for lot in held.terms.lots if lot.expires > at}
        wanted = sorted(
            ("expire" if keeping.expires.get(lot, 0) <= at else "revoke", lot, amount)
            for lot, amount in back.items()
            if lot not in live
        )
        if sorted((move.kind, move.lot, move.amount) for move in event.moves) != wanted or any(
            move.to or not move.held for move in event.moves
        ):
            self._report("holds", f"moves {_told(event.moves)}", f"{wanted}, from lots that are gone")
        for move in event.moves:
            back[move.lot] = back.get(move.lot, 0) - move.amount
        for lot, amount in back.items():
            held.remaining[lot] = held.remaining.get(lot, 0) + amount

    def _draw(self, legs: tuple[Leg, ...]) -> None:
        remaining = self._held.remaining
        for leg in legs:
            for lot, amount in leg.lots:
                remaining[lot] = remaining.get(lot, 0) - amount

    def _expiries(self, legs: tuple[Leg, ...]) -> dict[int, int]:
        drawn = {lot for leg in legs for lot, _ in leg.lots}
        return {lot.id: lot.expires for lot in self._held.terms.lots if lot.id in drawn}

    def _bound(self, portions: list[Portion]) -> None:
        entries = sum(len(portion.leg.lots) or 1 for portion in portions)
        if entries > ENTRIES_MAX:
            self._report("serial", f"{entries} legs and lots", f"at most {ENTRIES_MAX}")

    def _same(self, hold: Hold, keeping: Keeping) -> None:
        """The record beside what was drawn, field by field."""
        found, wanted = in_order(hold), keeping.record()
        if found != wanted:
            for name in _RECORD:
                one, other = getattr(found, name), getattr(wanted, name)
                if one != other:
                    self._report("holds", f"a record with {name} {one}", other)


def short(key: str) -> str:
    """How a hold is known in its cell."""
    return blake2b(key.encode(), digest_size=8).hexdigest()


def _told(moves: tuple[Move, ...]) -> list[tuple[str, int, int]]:
    return [(move.kind, move.lot, move.amount) for move in moves]
