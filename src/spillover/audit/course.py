"""An account's course: its events one after the other, each checked against the terms and what is held by then.

Settled events come first, then those that the stream still holds: both were decided in this one order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import MsgspecError, json

from spillover.audit.policies import Policies, Rule
from spillover.audit.waterfall import Follow, Held
from spillover.model.account import Lot, Profile
from spillover.model.event import SCHEMA, Event

RULES = 1
"""The rules that this audit knows."""
TOLERANCE_MS = 1000
ENTRIES_MAX = 32
RESERVED = "spillover:"
_profile = json.Decoder(Profile).decode

Report = Callable[[str, object, object], None]
"""(check, found, expected) about the event at hand."""
Versions = Mapping[int, tuple[str, int]]
"""Version -> payload and instant, of every version of the terms on record."""


class Course:
    """Where an account has got to. `cells` are folded from the events' changes, `held` follows from their legs.

    `raised`: lot -> what terms brought into force; `unbooked`: lot -> what events in quarantine drew from it; `born`:
    lot -> the first version of the terms that has it.
    `blind`: an event could not be followed, so limits are not known from there on, and are not spoken of.
    """

    def __init__(self, account: int, policies: Policies, profiles: Versions, report: Report) -> None:
        self._account, self._policies, self._profiles, self._report = account, policies, profiles, report
        self.held = Held(Profile(account, 0, "", 0, state="closed"))
        self._follow = Follow(self.held, report)
        self.cells: dict[str, int] = {}
        self.version = 0
        self.raised: dict[int, int] = {}
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
        for name, _, add in event.changes:
            if name.startswith("lot:"):
                lot = int(name[4:])
                self.held.remaining[lot] = self.held.remaining.get(lot, 0) + add
                self.unbooked[lot] = self.unbooked.get(lot, 0) - add

    def step(self, event: Event) -> None:
        """The next event."""
        self._fold(event)
        if event.schema != SCHEMA or event.rules != RULES or event.mode != "exact":
            found = f"schema {event.schema}, rules {event.rules}, mode {event.mode}"
            self._report("form", found, f"schema {SCHEMA}, rules {RULES}, mode exact")
        if event.kind == "terms":
            self._terms(event)
            return
        rule = self._known.get((event.policy, event.feature)) or self._rule(event)
        if rule is None:
            self.blind = True
        else:
            self._usage(event, rule)
        for leg in event.legs:
            if leg.lots:
                self._draw(event)
                break

    def _rule(self, event: Event) -> Rule | None:
        """What the policy that the event names says of it, under the plan in force."""
        policy = self._policies.known.get(event.policy)
        if policy is None:
            if event.policy not in self._policies.mistakes:
                self._report("policies", f"policy {event.policy!r}", "a policy that is stored")
            return None
        plan = self.held.terms.plan
        rule = policy.rules.get((plan, event.feature))
        if rule is None:
            self._report("serial", f"{event.feature} under plan {plan!r}", "a feature of the plan in force")
        else:
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
        held, at = self.held, event.at
        units, price = rule.feature.rate(event.usage, event.attributes)
        if units != event.units or units != event.granted:
            self._report("rating", f"{event.units} units, {event.granted} granted", f"{units} for {event.usage}")
        elif not rule.feature.counts.issuperset(event.usage):
            self._report("rating", f"usage {event.usage}", f"counts of {', '.join(sorted(rule.feature.counts))}")
        if event.profile != self.version or price is None or rule.guarded or held.terms.state != "active":
            self._admission(event, rule, price)
        if at >= held.newest:
            held.newest = at
        elif at < held.newest - TOLERANCE_MS:
            self._report("serial", f"an event at {at}", f"one from {held.newest - TOLERANCE_MS} on")
        if not self.blind:
            self._follow.run(rule, event, price)

    def _admission(self, event: Event, rule: Rule, price: int | None) -> None:
        """What needs no counting: the terms' version and state, the attributes, the price."""
        terms = self.held.terms
        if event.profile != self.version and not self.blind:
            self._report("serial", f"decided on terms {event.profile}", f"{self.version}, those in force")
        if terms.state != "active":
            self._report("serial", f"usage of a {terms.state} account", "none")
        for name in rule.needs:
            if name not in event.attributes:
                self._report("serial", f"no attribute {name}", "a denial, as limits count per its value")
        for name, values in rule.only:
            if event.attributes.get(name) not in values:
                self._report("serial", f"{name} {event.attributes.get(name)!r}", f"one of {', '.join(values)}")
        if price is None and rule.feature.count == "cost":
            self._report("rating", f"attributes {event.attributes}", "some that a price fits")

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
                if self.cells.get(name, 0) != left and lot not in self._parted:
                    self._parted.add(lot)
                    self._report("settled-state", f"{name} at {self.cells.get(name, 0)} by changes", f"{left} by legs")
        if entries > ENTRIES_MAX:
            self._report("serial", f"{entries} legs and lots", f"at most {ENTRIES_MAX}")

    def _terms(self, event: Event) -> None:
        terms = event.terms
        if terms is None:
            self._report("terms", "an entry of terms without terms", "the profile that came into force")
            return
        if event.profile != self.version + 1 or terms.version != event.profile or terms.account != self._account:
            found = f"terms {event.profile} with profile {terms.version} of account {terms.account}"
            self._report("terms", found, f"terms {self.version + 1} of this account")
        if event.key != f"{RESERVED}terms:{event.profile}":
            self._report("terms", f"key {event.key!r}", f"{RESERVED}terms:{event.profile}")
        kept = read_profile(self._profiles.get(event.profile, (None, 0))[0])
        if kept != terms:
            self._report("terms", f"{terms}", f"{kept}, which is version {event.profile} on record")
        self.version = event.profile
        self._put(event, terms)

    def _put(self, event: Event, terms: Profile) -> None:
        held = self.held
        for name, floor, add in event.changes:
            lot = name.removeprefix("lot:")
            if lot == name or not lot.isdecimal() or floor is not None or add <= 0:
                self._report("terms", f"a change of {name} by {add}", "lots raised, and nothing else")
                continue
            self.raised[int(lot)] = self.raised.get(int(lot), 0) + add
            held.remaining[int(lot)] = held.remaining.get(int(lot), 0) + add
        kept = set()
        for one in terms.lots:
            kept.add(one.id)
            self.born.setdefault(one.id, terms.version)
            if self.lots.setdefault(one.id, one) != one:
                self._report("terms", f"{one}", f"{self.lots[one.id]}, as before: a lot keeps its terms")
        made = self._profiles.get(terms.version, (None, 0))[1]
        for old in held.terms.lots:
            # A request's time may be as much older than the newest one, so for so long a lot outlasts its expiry.
            if old.id not in kept and held.remaining.get(old.id, 0) and old.expires > made - TOLERANCE_MS:
                found = f"terms of {made} without lot {old.id}, which has {held.remaining[old.id]} left"
                self._report("terms", found, f"every lot that is not used up nor expired, as this one is {old.expires}")
        held.put(terms)
        self._known.clear()


def read_profile(payload: str | None) -> Profile | None:
    """A stored profile; None where there is none that can be read."""
    try:
        return None if payload is None else _profile(payload)
    except (MsgspecError, UnicodeError, RecursionError):
        return None
