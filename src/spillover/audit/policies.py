"""Policies as the audit reads them: from the stored canonical document, by a small reader of its own.

The form is that of `policy.schema.json`. A stored document was checked when it was published, so what does not fit here
is a finding about the document, raised as ValueError, KeyError or TypeError and caught by the caller.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from spillover.audit.limits import Ever, Limit, Periodic, Refill, Session, spaced
from spillover.audit.prices import PLAIN, Feature, Times, micro_credits, text_of
from spillover.model.leg import Leg
from spillover.model.policy import Source

_LENGTHS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SHORTEST = {"hour": 30 * 60_000, "day": 20 * 3_600_000, "week": 164 * 3_600_000, "month": 668 * 3_600_000}
"""How soon after one another two windows of the clock can begin: their shortest form, less what zones differ by."""
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
    """What a plan says of a feature. `needs`: attributes without which a request is denied.

    `guarded`: there is something to see to before any limit or layer.
    """

    __slots__ = ("ceilings", "feature", "guarded", "layers", "needs", "only", "spending")

    def __init__(self, written: Written, features: Mapping[str, Feature], feature: Feature) -> None:
        named = sorted(set(written["for"]))
        costs = any(features[name].count == "cost" for name in named)
        limits = Limits(written.get("name") or "+".join(named), costs)
        self.feature = feature
        self.ceilings = [limits.read(limit) for limit in written.get("ceilings", [])]
        self.layers = [Layer(layer, limits) for layer in written["waterfall"]]
        self.spending = [limits.read(limit, "credits") for limit in written.get("spending", [])]
        self.needs = limits.needs
        only = written.get("only", {})
        self.only = [(name, [text_of(value) for value in values]) for name, values in only.items()]
        self.guarded = bool(self.needs or self.only)


class Limits:
    """Reads the limits of one rule; `owner` begins the names of their cells."""

    def __init__(self, owner: str, costs: bool) -> None:
        self.owner, self.costs = owner, costs
        self.needs: list[str] = []

    def read(self, written: Written, of: str = "units") -> Limit:
        """One limit."""
        of = written.get("of", of)
        money = of == "credits" or (of == "units" and self.costs)
        most = micro_credits(written["max"]) if money else int(written["max"])
        kind, label, facts = _window(written, most)
        counted = "-credits" if money else "-requests" if of == "requests" else ""
        stem = f"{self.owner}/{written['name']}/{label}{counted}"
        per = written.get("per", "")
        if per not in ("", "subject") and written.get("when_missing", "deny") == "deny":
            self.needs.append(per)
        limit = kind(written["name"], stem, most, per, of == "requests")
        for name, value in facts.items():
            setattr(limit, name, value)
        return limit


def _window(written: Written, most: int) -> tuple[type[Limit], str, dict[str, Any]]:
    """Kind, label in the cells' names, and what else the kind keeps."""
    if "refill" in written:
        length = _length(written["refill"])
        spacing, ticks = spaced(length, most)
        return Refill, f"refill-{_shown(length)}", {"length": length, "spacing": spacing, "ticks": ticks}
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
    """One stored policy. `rules`: (plan, feature) -> rule; `priced`: attributes that are kept as given."""

    def __init__(self, document: str) -> None:
        """Raises ValueError, KeyError or TypeError for a document that is not of the form."""
        written = json.loads(document, parse_float=Decimal)
        self.features = {name: Feature(name, feature) for name, feature in written["features"].items()}
        self.plans = frozenset(written["plans"])
        self.rules: dict[tuple[str, str], Rule] = {}
        self.priced = {name for feature in self.features.values() for row in feature.rows for name, _ in row.when}
        for plan, content in written["plans"].items():
            for rule in content["rules"]:
                self.priced.update(rule.get("only", ()))
                for name in rule["for"]:
                    self.rules[plan, name] = Rule(rule, self.features, self.features[name])


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
