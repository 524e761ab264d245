"""An account's course: its events one after the other, each checked against the terms and what is held by then.

Settled events come first, then those that the stream still holds: both were decided in this one order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import MsgspecError, json

from spillover.audit.admission import Admission
from spillover.audit.held import Held
from spillover.audit.holds import Holds
from spillover.audit.policies import TOLERANCE_MS, Policies, Rule, nothing
from spillover.audit.turns import Turns, lot_of
from spillover.audit.waterfall import Follow
from spillover.model.account import Lot, Profile
from spillover.model.event import SCHEMA, Event

RULES = 2
"""The newest rules that this audit knows."""
ENTRIES_MAX = 32
RESERVED = "spillover:"
_MODES = {"usage": ("exact", "partial", "record"), "hold": ("exact", "partial"), "extend": ("exact",)}
_profile = json.Decoder(Profile).decode

Report = Callable[[str, object, object], None]
"""(check, found, expected) about the event at hand."""
Versions = Mapping[int, tuple[str, int]]
"""Version -> payload and instant, of every version of the terms on record."""
Ordered = Mapping[int, Mapping[int, int]]
"""Version -> lot -> what orders raise it by with that version."""


class Course:
    """Where an account has got to. `cells` are folded from the events' changes, `held` follows from their legs.

    `turns` knows what terms did; `unbooked`: lot -> what events in quarantine drew from it; `born`: lot -> the first
    version of the terms that has it.
    `blind`: an event could not be followed, so limits are not known from there on, and are not spoken of.
    """

    def __init__(self, account: int, policies: Policies, profiles: Versions, ordered: Ordered, report: Report) -> None:
        self._account, self._policies, self._profiles, self._report = account, policies, profiles, report
        self.held = Held(Profile(account, 0, "", 0, state="closed"))
        self._follow = Follow(self.held, report)
        self._admission = Admission(self.held, report)
        self._holds = Holds(account, self.held, self._follow, report)
        self.turns = Turns(self.held, ordered, report)
        self.cells: dict[str, int] = {}
        self.version = 0
        self.unbooked: dict[int, int] = {}
        self.lots: dict[int, Lot] = {}
        self.born: dict[int, int] = {}
        self.blind = False
        self._known: dict[tuple[str, str], Rule] = {}
        self._names: dict[int, str] = {}
        self._parted: set[int] = set()

    def pass_by(self, event: Event) -> None:
        """An event that is not booked but whose changes hold, as it stands in quarantine."""
        self.blind = True
        self._fold(event)
        if event.kind == "terms":
            self.version = max(self.version, event.profile)
            if event.terms is not None:
                self._put(event, event.terms)
            return
        before = self.held.kept()
        self._loosely(event)
        after = self.held.kept()
        lowered = {lot: -add for name, _, add in event.changes if (lot := lot_of(name)) is not None}
        for lot in lowered.keys() | before.keys() | after.keys():
            drawn = lowered.get(lot, 0) - after.get(lot, 0) + before.get(lot, 0)
            self.unbooked[lot] = self.unbooked.get(lot, 0) + drawn

    def _loosely(self, event: Event) -> None:
        """An event of which only what it says of lots and of its hold is followed."""
        held = self.held
        for name, _, add in event.changes:
            if (lot := lot_of(name)) is not None:
                held.remaining[lot] = held.remaining.get(lot, 0) + add
        if event.hold is not None or (event.ends and not event.late):
            id_ = event.hold.id if event.hold is not None else event.ends
            held.holds.pop(id_, None)
            held.loose.pop(id_, None)
            if event.hold is not None:
                held.loose[id_] = event.hold

    def step(self, event: Event, epoch: int) -> None:
        """The next event, of that epoch."""
        self._fold(event)
        held, kind = self.held, event.kind
        if event.schema != SCHEMA or event.rules != RULES:
            self._form(event)
        held.rules = event.rules
        if kind == "terms":
            self._terms(event, epoch)
            return
        if kind != "usage":
            self._hold(event)
            return
        if event.mode not in _MODES["usage"]:
            self._report("form", f"mode {event.mode}", f"one of {', '.join(_MODES['usage'])}")
        rule = self._known.get((event.policy, event.feature)) if event.at < held.until else None
        if rule is None:
            rule = self._rule(event)
        if rule is None:
            self.blind = True
        else:
            self._usage(event, rule)
        for leg in event.legs:
            if leg.lots:
                self._draw(event)
                break

    def _form(self, event: Event) -> None:
        """Events of rules 1 are of schema 1, use up what is asked for, exactly, and know nothing else."""
        old = event.schema == 1 and event.rules == 1 and event.kind in ("usage", "terms") and event.mode == "exact"
        if not old or event.moves or event.entries or event.overshoot or event.ends:
            found = f"schema {event.schema}, rules {event.rules}, kind {event.kind}, mode {event.mode}"
            self._report("form", found, f"schema {SCHEMA} with rules {RULES}, or 1 with 1, which only drew exactly")

    def _rule(self, event: Event) -> Rule | None:
        """What the policy that the event names says of it, under the plan in force."""
        policy = self._policies.known.get(event.policy)
        if policy is None:
            if event.policy not in self._policies.mistakes:
                self._report("policies", f"policy {event.policy!r}", "a policy that is stored")
            return None
        plan = self.held.plan(event.at)
        rule = policy.rule(plan, event.feature)
        if rule is None and event.mode == "record" and event.feature in policy.features:
            rule = nothing(policy.features[event.feature], policy.late)
        if rule is None:
            self._report("serial", f"{event.feature} under plan {plan!r}", "a feature of the plan in force")
        elif event.at < self.held.until:
            self._known[event.policy, event.feature] = rule
        return rule

    def _fold(self, event: Event) -> None:
        """The event's changes to the cells."""
        cells = self.cells
        for name, floor, add in event.changes:
            value = cells.get(name, 0)
            if floor is not None and value < floor:
                value = floor
            cells[name] = value + add

    def _usage(self, event: Event, rule: Rule) -> None:
        held = self.held
        units, price = rule.feature.rate(event.usage, event.attributes)
        if units != event.units or (units != event.granted and event.mode != "partial"):
            self._report("rating", f"{event.units} units, {event.granted} granted", f"{units} for {event.usage}")
        else:
            self._admission.counts(event, rule)
        closed = False
        if event.profile != self.version or price is None or rule.guarded or held.terms.state != "active":
            closed = self._admission.check(event, rule, price, self._standing())
        if event.at >= held.newest:
            held.newest = event.at
            held.late = rule.comes_late
        else:
            self._admission.time(event, rule)
        if not self.blind:
            self._follow.run(rule, event, price, closed or rule.unknown)

    def _standing(self) -> int | None:
        """The version of the terms in force, None where it is not known any more."""
        return None if self.blind else self.version

    def _hold(self, event: Event) -> None:
        """A hold is opened, extended, or ended."""
        held, holds = self.held, self._holds
        if event.mode not in _MODES.get(event.kind, ("record",)):
            self._report("form", f"a {event.kind} of mode {event.mode}", "exact, partial or record, as its kind has it")
        rule = self._rule(event) if event.kind == "hold" else None
        if self.blind or (event.kind == "hold" and rule is None):
            self.blind = True
            self._loosely(event)
            return
        self.turns.spoken()
        if rule is not None:
            self._admission.counts(event, rule)
            price = rule.feature.rate(event.usage, event.attributes)[1]
            self._admission.check(event, rule, price, self._standing())
            self._admission.time(event, rule)
            holds.open(event, rule, price)
        else:
            if event.profile != self.version:
                self._report("serial", f"decided on terms {event.profile}", f"{self.version}, those in force")
            id_ = event.hold.id if event.hold is not None else event.ends
            keeping = held.holds.get(id_) or held.expired.get(id_)
            if keeping is not None:
                self._admission.counts(event, keeping.rule)
                self._admission.time(event, keeping.rule)
            if event.kind == "extend":
                holds.extend(event)
            elif event.late:
                holds.late(event)
            else:
                holds.end(event)
        self._beside(event)

    def gifts(self, version: int) -> tuple[tuple[str, int], ...]:
        """The gifts that the terms of a version remember."""
        profile = read_profile(self._profiles.get(version, (None, 0))[0])
        return profile.gifts if profile is not None else ()

    def _beside(self, event: Event) -> None:
        """Lots that were touched have in their cells what is left of them."""
        for name, _, _ in event.changes:
            lot = lot_of(name)
            if lot is not None and self.held.remaining.get(lot, 0) != self.cells.get(name, 0):
                self._part(lot)

    def _draw(self, event: Event) -> None:
        """What the legs draw is what the cells lose."""
        entries, remaining, names = 0, self.held.remaining, self._names
        for leg in event.legs:
            entries += len(leg.lots) or 1
            for lot, amount in leg.lots:
                left = remaining.get(lot, 0) - amount
                remaining[lot] = left
                name = names.get(lot)
                if name is None:
                    name = names[lot] = f"lot:{lot}"
                if self.cells.get(name, 0) != left:
                    self._part(lot)
        if entries > ENTRIES_MAX:
            self._report("serial", f"{entries} legs and lots", f"at most {ENTRIES_MAX}")

    def _part(self, lot: int) -> None:
        """By the cells another amount is left of the lot than by the legs; told once."""
        if lot not in self._parted:
            self._parted.add(lot)
            found = f"lot:{lot} at {self.cells.get(f'lot:{lot}', 0)} by changes"
            self._report("settled-state", found, f"{self.held.remaining.get(lot, 0)} by legs")

    def _terms(self, event: Event, epoch: int) -> None:
        terms = event.terms
        if terms is None:
            self._report("terms", "an entry of terms without terms", "the profile that came into force")
            return
        if event.profile != self.version + 1 or terms.version != event.profile or terms.account != self._account:
            found = f"terms {event.profile} with profile {terms.version} of account {terms.account}"
            self._report("terms", found, f"terms {self.version + 1} of this account")
        key = f"{RESERVED}terms:{event.profile}" + (f":{epoch}" if epoch else "")
        if event.key != key:
            self._report("terms", f"key {event.key!r}", key)
        kept = read_profile(self._profiles.get(event.profile, (None, 0))[0])
        if kept != terms:
            self._report("terms", f"{terms}", f"{kept}, which is version {event.profile} on record")
        self.version = event.profile
        self._put(event, terms)

    def _put(self, event: Event, terms: Profile) -> None:
        held, before = self.held, self.held.terms
        if self.blind:
            self.turns.loosely(event)
        elif event.rules < 2:
            self.turns.old(event)
        else:
            self.turns.turn(event, before, terms, self.cells)
        known = set()
        for one in terms.lots:
            known.add(one.id)
            self.born.setdefault(one.id, terms.version)
            if self.lots.setdefault(one.id, one) != one:
                self._report("terms", f"{one}", f"{self.lots[one.id]}, as before: a lot keeps its terms")
        made = self._profiles.get(terms.version, (None, 0))[1]
        kept = held.kept() if held.holds else {}
        for old in before.lots:
            left = held.remaining.get(old.id, 0) + kept.get(old.id, 0)
            # A request's time may be as much older than the newest one, so for so long a lot outlasts its expiry.
            if old.id in known or not left or old.expires <= made - TOLERANCE_MS or old.id in self.turns.ended:
                continue
            found = f"terms of {made} without lot {old.id}, which has {left} left"
            self._report("terms", found, f"every lot that is not used up nor expired, as this one is {old.expires}")
        held.put(terms)
        self._known.clear()


def read_profile(payload: str | None) -> Profile | None:
    """A stored profile; None where there is none that can be read."""
    try:
        return None if payload is None else _profile(payload)
    except (MsgspecError, UnicodeError, RecursionError):
        return None
