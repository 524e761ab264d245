"""What an event needs before any limit or layer: terms in force, state, attributes, and that it is not too late."""

from __future__ import annotations

from spillover.audit.held import Held
from spillover.audit.policies import Rule
from spillover.audit.waterfall import Report
from spillover.model.event import Event


class Admission:
    """Sees to one event after the other of an account."""

    def __init__(self, held: Held, report: Report) -> None:
        self._held, self._report = held, report

    def counts(self, event: Event, rule: Rule) -> None:
        """Only what the feature counts was used."""
        if not rule.feature.counts.issuperset(event.usage):
            self._report("rating", f"usage {event.usage}", f"counts of {', '.join(sorted(rule.feature.counts))}")

    def time(self, event: Event, rule: Rule) -> None:
        """No later than the policy admits (law 13)."""
        held, at = self._held, event.at
        held.late = rule.comes_late
        if at >= held.newest:
            held.newest = at
        elif at < held.newest - rule.late:
            self._report("serial", f"an event at {at}", f"one from {held.newest - rule.late} on")

    def check(self, event: Event, rule: Rule, price: int | None, version: int | None) -> bool:
        """What needs no counting: the terms' version and state, the attributes, the price.

        Where it does not hold, usage that is recorded is paid by nobody: True.
        """
        terms, found = self._held.terms, list[tuple[str, str, str]]()
        if version is not None and event.profile != version:
            self._report("serial", f"decided on terms {event.profile}", f"{version}, those in force")
        if terms.state != "active":
            found.append(("serial", f"usage of a {terms.state} account", "none"))
        if lacking := rule.lacking(event.feature, event.subject, event.attributes):
            found.append(("serial", f"no attribute {lacking}", "a denial, as limits count per its value"))
        for name, values in rule.only:
            if event.attributes.get(name) not in values:
                found.append(("serial", f"{name} {event.attributes.get(name)!r}", f"one of {', '.join(values)}"))
        if price is None and rule.feature.count == "cost":
            found.append(("rating", f"attributes {event.attributes}", "some that a price fits"))
        if event.mode == "record":
            return bool(found)
        for one in found:
            self._report(*one)
        return False
