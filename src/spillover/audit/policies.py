"""Policies as the audit reads them: from the stored canonical document, by a small reader of its own.

The form is that of `policy.schema.json`. A stored document was checked when it was published, so what does not fit here
is a finding about the document, raised as ValueError, KeyError or TypeError and caught by the caller.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from spillover.audit.buckets import Refill, spaced
from spillover.audit.counters import Periodic, Session
from spillover.audit.limits import Limit
from spillover.audit.prices import PLAIN, Feature, Times, micro_credits, text_of
from spillover.audit.rings import Sliding
from spillover.audit.scopes import Only, fits
from spillover.audit.totals import Ever, Subjects
from spillover.model.leg import Leg
from spillover.model.policy import Source

TOLERANCE_MS = 1000
_LENGTHS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SHORTEST = {"hour": 30 * 60_000, "day": 20 * 3_600_000, "week": 164 * 3_600_000, "month": 668 * 3_600_000}
"""How soon after one another two windows of the clock can begin: their shortest form, less what zones differ by."""
_SLOTS = 12
_GROWING = ("units", "credits", "usage")
_MARKS = {"requests": "-requests", "open_holds": "-holds", "subjects": "-subjects", "credits": "-credits"}
"""How the names of cells tell what is counted, where it is not units."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Written = Mapping[str, Any]


class Layer:
    """One source of a waterfall, as written, with its limits."""

    __slots__ = ("cap", "consent", "none", "source", "times", "windows")

    def __init__(self, written: Written, limits: Limits) -> None:
        self.source: Source = written["from"]
        self.none = Leg(self.source, 0)
        self.windows = [limits.read(limit) for limit in written.get("windows", [])]
        self.consent = "consent" in written
        times = Fraction(written.get("price_times", 1)).as_integer_ratio()
        self.times: Times = PLAIN if times == PLAIN else times
        self.cap = limits.read({"name": "overage_cap", **written["cap"]}, "credits") if "cap" in written else None


class Rule:
    """What a plan says of a feature, under a policy that admits usage as late as `late` ms.

    `needs`: attributes without which a request is denied; `needs_if`: only one that fits. `beyond`: the factor on the
    price of overshoot, None where it costs nothing. `least` and `usual`: what a hold keeps at least, and where no
    estimate is given. `guarded`: there is something to see to before any limit or layer. `unknown`: the plan says
    nothing of the feature. `comes_late`: usage may belong to windows before. `quick`: ceilings count all requests.
    """

    __slots__ = (
        "_growing", "beyond", "ceilings", "comes_late", "feature", "guarded", "late", "layers", "least", "needs",
        "needs_if", "only", "overshoot", "quick", "spending", "unknown", "usual",
    )  # fmt: skip

    def __init__(self, written: Written, features: Mapping[str, Feature], feature: Feature, late: int) -> None:
        named = sorted(set(written["for"]))
        limits = Limits(written.get("name") or "+".join(named), [features[name] for name in named])
        self.feature, self.late = feature, late
        self.comes_late = late > TOLERANCE_MS
        self._growing: Rule | None = None
        self.unknown = False
        self.ceilings = [limits.read(limit) for limit in written.get("ceilings", [])]
        self.quick = all(limit.quick for limit in self.ceilings)
        self.layers = [Layer(layer, limits) for layer in written["waterfall"]]
        self.spending = [limits.read(limit, "credits") for limit in written.get("spending", [])]
        forgiven = written.get("overshoot")
        self.overshoot = limits.read({"name": "overshoot", **forgiven}, "credits") if forgiven else None
        self.needs, self.needs_if = limits.needs, limits.needs_if
        self.only = read_only(written)
        self.guarded = bool(self.needs or self.needs_if or self.only)
        factors = {layer.source: layer.times for layer in self.layers}
        self.beyond = factors.get("credits") or factors.get("overage")
        hold = written.get("hold", {})
        self.least: Mapping[str, int] = hold.get("at_least", {})
        self.usual: Mapping[str, int] = hold.get("default", {})

    def lacking(self, feature: str, subject: str, attributes: Mapping[str, str]) -> str:
        """An attribute without which such a request is denied; "" where it has all."""
        for name in self.needs:
            if name not in attributes:
                return name
        for limit in self.needs_if:
            if limit.per not in attributes and fits(limit.only, feature, subject, attributes):
                return limit.per
        return ""

    def growing(self) -> Rule:
        """The rule for what a hold draws after its opening: only ceilings on what can grow count it."""
        if self._growing is None:
            self._growing = copy(self)
            self._growing.ceilings = [limit for limit in self.ceilings if limit.of in _GROWING]
            self._growing.quick = all(limit.quick for limit in self._growing.ceilings)
        return self._growing

    def estimate(self, usage: Mapping[str, int]) -> dict[str, int]:
        """What a hold keeps for such an estimate."""
        found = dict(usage or self.usual)
        return found | {name: max(found.get(name, 0), least) for name, least in self.least.items()}


def nothing(feature: Feature, late: int) -> Rule:
    """The rule by which usage is recorded of which the plan says nothing: no limit, and nobody pays."""
    rule = Rule({"for": [feature.name], "waterfall": []}, {feature.name: feature}, feature, late)
    rule.unknown = True
    return rule


def read_only(written: Written) -> Only:
    """What `only` says, of a rule or a limit."""
    return [(name, [text_of(value) for value in values]) for name, values in written.get("only", {}).items()]


class Limits:
    """Reads the limits of one rule; `owner` begins the names of their cells."""

    def __init__(self, owner: str, features: list[Feature]) -> None:
        self.owner, self.features = owner, features
        self.costs = any(feature.count == "cost" for feature in features)
        self.needs: list[str] = []
        self.needs_if: list[Limit] = []

    def read(self, written: Written, of: str = "units") -> Limit:
        """One limit."""
        of, counts = written.get("of", of), ""
        if of not in _MARKS and of != "units":
            of, counts = ("units", "") if all(one.count == of for one in self.features) else ("usage", of)
        money = of == "credits" or (of == "units" and self.costs)
        written_max = written["forgive"] if "forgive" in written else written["max"]
        most = micro_credits(written_max) if money else int(written_max)
        kind, label, facts = _window({"ever": True} if of == "open_holds" else written, most)
        marked = _MARKS["credits"] if money else f"-{counts}" if counts else _MARKS.get(of, "")
        title = f"{self.owner}/{written['name']}"
        per = written.get("per", "")
        limit = kind(written["name"], f"{title}/{label}{marked}", most, per, of)
        limit.title, limit.counts = title, counts
        limit.restrict(read_only(written))
        for name, value in facts.items():
            setattr(limit, name, value)
        if of == "subjects" and isinstance(limit, Ever | Session | Periodic):
            limit.subjects = Subjects(limit)
        if per not in ("", "subject") and written.get("when_missing", "deny") == "deny":
            if limit.only:
                self.needs_if.append(limit)
            else:
                self.needs.append(per)
        return limit


def _window(written: Written, most: int) -> tuple[type[Limit], str, dict[str, Any]]:
    """Kind, label in the cells' names, and what else the kind keeps."""
    if "refill" in written:
        length = _length(written["refill"])
        spacing, ticks = spaced(length, most)
        return Refill, f"refill-{_shown(length)}", {"length": length, "spacing": spacing, "ticks": ticks}
    if "sliding" in written:
        length, slots = _length(written["sliding"]), int(written.get("slots", _SLOTS))
        label = f"sliding-{_shown(length)}" + ("" if slots == _SLOTS else f"-{slots}")
        return Sliding, label, {"slot": -(-length // slots), "slots": slots}
    if "every" not in written:
        return Ever, "ever", {}
    every, starting = written["every"], written.get("starting")
    facts: dict[str, Any] = {"unit": "", "zone": "", "length": 0, "anchor": None, "shortest": _SHORTEST.get(every, 0)}
    if starting is None:
        return Periodic, f"{every}-{written['in']}", facts | {"unit": every, "zone": written["in"]}
    if starting == "first_use":
        return Session, f"session-{_shown(_length(every))}", {"length": _length(every)}
    if starting != "billing_day":
        facts["anchor"] = (datetime.fromisoformat(starting.upper()) - _EPOCH) // timedelta(milliseconds=1)
    if every == "month":
        return Periodic, "fixed-month" + ("" if facts["anchor"] is None else f"-{facts['anchor']}"), facts
    facts["length"] = facts["shortest"] = length = _length(every)
    from_ = "" if facts["anchor"] is None else f"-{facts['anchor'] % length}"
    return Periodic, f"fixed-{_shown(length)}{from_}", facts


def _length(written: str) -> int:
    return int(written[:-1]) * _LENGTHS[written[-1]]


def _shown(length: int) -> str:
    unit = next(unit for unit in "dhms" if length % _LENGTHS[unit] == 0)
    return f"{length // _LENGTHS[unit]}{unit}"


class Policy:
    """One stored policy. `rules`: (plan, feature) -> rule; `priced`: attributes that are kept as given.

    `late`: how many ms before the newest instant of an account its usage may lie.
    """

    def __init__(self, document: str) -> None:
        """Raises ValueError, KeyError or TypeError for a document that is not of the form."""
        written = json.loads(document, parse_float=Decimal)
        self.features = {name: Feature(name, feature) for name, feature in written["features"].items()}
        self.plans = frozenset(written["plans"])
        self.rules: dict[tuple[str, str], Rule] = {}
        self.late = _length(written["late"]) if "late" in written else TOLERANCE_MS
        self.priced = {name for feature in self.features.values() for row in feature.rows for name, _ in row.when}
        for plan, content in written["plans"].items():
            for gift in content.get("gives", ()):
                self.priced.update(set(gift.get("only", ())) - {"feature"})
            for rule in content["rules"]:
                for part in _restricted(rule):
                    self.priced.update(part.get("only", ()))
                for name in rule["for"]:
                    self.rules[plan, name] = Rule(rule, self.features, self.features[name], self.late)

    def rule(self, plan: str, feature: str) -> Rule | None:
        """What it says of a feature under a plan."""
        return self.rules.get((plan, feature))


def _restricted(rule: Written) -> Iterator[Written]:
    """The rule and all its limits, each of which may have an `only`."""
    yield rule
    yield from rule.get("ceilings", ())
    yield from rule.get("spending", ())
    for layer in rule["waterfall"]:
        yield from layer.get("windows", ())
        yield layer.get("cap", {})


class Policies:
    """All stored policies by hash. `mistakes`: hash -> what is wrong with it; such a policy is not used."""

    def __init__(self, stored: Mapping[str, bytes]) -> None:
        self.known: dict[str, Policy] = {}
        self.mistakes: dict[str, str] = {}
        for name, document in stored.items():
            found = hashlib.sha256(document).hexdigest()
            if found != name:
                self.mistakes[name] = f"a document whose hash is {found}"
                continue
            try:
                self.known[name] = Policy(document.decode())
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                self.mistakes[name] = f"a document that is not a policy ({type(error).__name__}: {error})"
