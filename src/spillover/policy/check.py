"""What is worth knowing of a policy that has no mistakes: `spillover policy check` prints it as notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from spillover.model.policy import HoldTerms, Layer, Limit, Plan, Policy, Rule
from spillover.policy.findings import Path, show_path
from spillover.policy.windows import show_length

HOUR = 3_600_000
"""A gift that comes back sooner, in milliseconds, is worth a note."""


class Note(NamedTuple):
    """Something that is allowed, but may not be what was meant: where, and what it does."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def check_policy(policy: Policy) -> list[Note]:
    """Notes on a policy, in the order of its plans, then of its features."""
    notes = []
    for plan in policy.plans.values():
        for at, rule in enumerate(plan.rules):
            path = show_path(("plans", plan.name, "rules", at))
            notes += [Note(path, text) for text in (*_of_rule(rule), *_of_limits(rule))]
        notes += [Note(show_path(path), text) for path, text in _of_gifts(plan, policy)]
        notes += [Note(show_path(path), text) for path, text in _of_outage(plan, policy)]
    notes += [Note(show_path(("packs", name)), text) for name, text in _of_packs(policy)]
    used = {feature for plan in policy.plans.values() for feature in plan.by_feature}
    for feature, facts in policy.features.items():
        if facts.count == "request":
            notes.append(
                Note(show_path(("features", feature, "count")), "counts a usage named request; requests perhaps")
            )
        if feature not in used:
            notes.append(Note(show_path(("features", feature)), "no plan has a rule for it, so all plans deny it"))
    return notes


def _of_rule(rule: Rule) -> Iterator[str]:
    if not any(layer.source in ("credits", "overage") for layer in rule.waterfall):
        yield "no paid layer (credits, overage): what allowance and units do not cover is denied"
        if rule.spending:
            yield "spending limits without a paid layer bound nothing"
        if rule.overshoot:
            yield "overshoot without a paid layer costs nothing, so there is nothing to forgive"
    elif rule.overshoot is None:
        yield "all overshoot is forgiven; bound it with overshoot: {forgive: ...}"
    if any(layer.source == "overage" and layer.cap is None for layer in rule.waterfall):
        yield "overage without a cap: what an account may owe is bounded by spending limits only"
    for layer in rule.waterfall:
        yield from _of_allowance(layer, rule)
    if "+" in rule.owner:
        yield "several features without a name: windows start empty when a feature is added; give the rule a name"


def _of_allowance(layer: Layer, rule: Rule) -> Iterator[str]:
    """An allowance none of whose windows concerns a request gives it all that it asks for."""
    skipped = [limit.per for limit in layer.windows if limit.when_missing == "skip"]
    if skipped and len(skipped) == len(layer.windows):
        yield f"the allowance is without bound for a request without {' and '.join(sorted(set(skipped)))}"
    elif layer.windows and all(limit.only or limit.when_missing == "skip" for limit in layer.windows):
        bounded: dict[str, set[str]] = {}
        for limit in layer.windows:
            if len(limit.only) == 1 and limit.when_missing != "skip":
                bounded.setdefault(limit.only[0][0], set()).update(limit.only[0][1])
        if not any(bounded.get(name, set()).issuperset(values) for name, values in rule.only):
            yield "the allowance is without bound for a request that none of its windows is for"


def _of_limits(rule: Rule) -> Iterator[str]:
    for limit in rule.limits():
        window = limit.window
        if window.kind == "refill" and limit.spacing * limit.max != window.length * limit.ticks:
            yield f"bucket {limit.name}: rounded, {_slower(limit)} slower than written"
        if window.kind == "sliding":
            slot = -(-window.length // window.slots)
            shown = f"{slot} ms" if slot % 1000 else show_length(slot)
            yield f"sliding window {limit.name}: may deny up to one slot ({shown}) longer than written"
        if limit.of == "usage":
            yield f"ceiling {limit.name} of {limit.counts}: it passes or denies, also in mode partial"
        for name, values in rule.only:
            if not set(values).intersection(dict(limit.only).get(name, values)):
                yield f"limit {limit.name} is for no request: the rule is only for other values of {name}"


def _of_gifts(plan: Plan, policy: Policy) -> Iterator[tuple[Path, str]]:
    rules = [rule for each in policy.plans.values() for rule in each.rules]
    for at, gift in enumerate(plan.gives):
        path: Path = ("plans", plan.name, "gives", at)
        source = "credits" if gift.measure == "credits" else "units"
        payable = [rule for rule in rules if any(layer.source == source for layer in rule.waterfall)]
        if source == "credits":
            scope = dict(gift.scope).get("feature")
            if not any(scope is None or set(scope).intersection(rule.features) for rule in payable):
                yield path, "no plan has a rule that is paid by these credits, so nobody can spend them"
        elif not any(gift.measure in rule.features for rule in payable):
            yield path, f"no plan has a rule for {gift.measure} that is paid by units, so nobody can spend them"
        if gift.rollover >= gift.amount:
            yield path, "a rollover of all that is left: the cap is not below what is given"
        if gift.every and 0 < gift.every.length < HOUR:
            yield path, "comes back within the hour: each time is an entry in the account's books"


def _of_packs(policy: Policy) -> Iterator[tuple[str, str]]:
    rules = [rule for plan in policy.plans.values() for rule in plan.rules]
    for name, pack in policy.packs.items():
        source = "credits" if pack.measure == "credits" else "units"
        payable = [rule for rule in rules if any(layer.source == source for layer in rule.waterfall)]
        if source == "credits" and not payable:
            yield name, "no plan has a rule that is paid by credits, so nobody can spend them"
        elif source == "units" and not any(pack.measure in rule.features for rule in payable):
            yield name, f"no plan has a rule for {pack.measure} that is paid by units, so nobody can spend them"
    if len({pack.currency for pack in policy.packs.values()}) > 1:
        yield next(iter(policy.packs)), "packs in several currencies: of those that are enough the smallest is named"


def _of_outage(plan: Plan, policy: Policy) -> Iterator[tuple[Path, str]]:
    place: Path = ("plans", plan.name, "outage")
    opened = [other.name for other in policy.plans.values() if other.outage]
    if opened and not plan.outage and any(layer.source == "overage" for rule in plan.rules for layer in rule.waterfall):
        yield place[:2], f"pays later and is closed in an outage, while {opened[0]} is not: outage: {{admit: ...}}"
    for feature in plan.outage:
        if plan.by_feature[feature].hold != HoldTerms():
            yield (*place, "admit", feature), "no hold is opened in an outage: only what is consumed or recorded"


def _slower(limit: Limit) -> str:
    written = limit.window.length * limit.ticks
    return f"{(limit.spacing * limit.max - written) * 100 / written:.4f} %"
