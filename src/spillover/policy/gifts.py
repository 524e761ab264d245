"""What a plan gives: lots of credits or of a feature's units, once or anew in each period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from spillover.model.policy import Feature, Gift, Window
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.values import Only, attribute_values, exact_credits, whole_amount
from spillover.policy.windows import compile_window, read_length

PRIORITY = 100
"""The priority of a gift that says none."""

FEATURE = "feature"
"""What the scope of a lot calls the feature, beside its attributes."""

_RECURRING = ("starting", "in", "rollover")


class GiftReader:
    """Compiles the gifts of one plan, each of which has a name of its own."""

    def __init__(self, features: Mapping[str, Feature | None], findings: Findings) -> None:
        """`features` is None for one that has mistakes of its own."""
        self._features, self._findings = features, findings
        self._names: set[str] = set()

    def compile(self, written: Mapping[str, Any], path: Path, place: int) -> Gift:
        """A gift that has the schema's form; `place` (from 1) names it where it has no name."""
        name = written.get("name", f"gift{place}")
        if name in self._names:
            self._findings.add((*path, "name"), f"the name {name} twice in a plan", "a name of its own for each gift")
        self._names.add(name)
        measure, amount, costs = self._given(written, path)
        every, rollover, rollover_lasts = self._recurring(written, path, costs)
        return Gift(
            name,
            measure,
            amount,
            self._length(written, path, "expires"),
            every,
            rollover,
            rollover_lasts,
            int(written.get("priority", PRIORITY)),
            written.get("kind", "promotional") == "promotional",
            self._scope(written.get("only", {}), (*path, "only"), "units" in written),
        )

    def _given(self, written: Mapping[str, Any], path: Path) -> tuple[str, int, bool | None]:
        """The measure of the lot, its amount, and whether that is written in credits (None: it cannot be told)."""
        if ("credits" in written) == ("units" in written):
            found = "credits and units" if "units" in written else "neither credits nor units"
            self._findings.add(path, found, "credits, or units with for")
            return "credits", 0, None
        if "credits" in written:
            if "for" in written:
                expected = "for only beside units; only: {feature: [...]} says what credits may be spent on"
                self._findings.add((*path, "for"), "for beside credits", expected)
            return "credits", self._amount(written, path, "credits", True), True
        if "for" not in written:
            self._findings.add((*path, "for"), "nothing", "the feature that the units are of")
            return "credits", 0, None
        name: str = written["for"]
        if name not in self._features:
            self._findings.add((*path, "for"), show_value(name), "a feature that is named under features")
            return name, 0, None
        feature = self._features[name]
        if feature is None:
            return name, 0, None
        costs = feature.count == "cost"
        return name, self._amount(written, path, "units", costs), costs

    def _recurring(self, written: Mapping[str, Any], path: Path, costs: bool | None) -> tuple[Window | None, int, int]:
        """The periods of a gift with what of it goes on; none where it is given once."""
        if ("once" in written) == ("every" in written):
            found = "once and every" if "once" in written else "neither once nor every"
            self._findings.add(path, found, "once: true, or every with starting or in")
            return None, 0, 0
        if "once" in written:
            for key in _RECURRING:
                if key in written:
                    self._findings.add((*path, key), f"{key} beside once", f"{key} only beside every")
            return None, 0, 0
        if "expires" in written:
            expected = "no expires: what is given in a period lives to its end, and rollover says what goes on"
            self._findings.add((*path, "expires"), "expires beside every", expected)
        if written.get("starting") == "first_use":
            expected = "billing_day, or an instant such as 2026-01-01T00:00:00Z: a gift waits for no use"
            self._findings.add((*path, "starting"), '"first_use"', expected)
            return None, 0, 0
        every = compile_window(written, path, self._findings)
        rollover = written.get("rollover")
        if not rollover:
            return every, 0, 0
        there: Path = (*path, "rollover")
        return every, self._amount(rollover, there, "max", costs), self._length(rollover, there, "expires")

    def _amount(self, written: Mapping[str, Any], path: Path, key: str, costs: bool | None) -> int:
        """Micro-credits or units, above 0."""
        if costs is None:
            return 0
        value: int | str | Decimal = written[key]
        before, place = len(self._findings), (*path, key)
        if costs:
            amount = exact_credits(value, place, self._findings)
        else:
            amount = whole_amount(value, place, self._findings, "units")
        if not amount and len(self._findings) == before:
            self._findings.add(place, show_value(value), "more than 0")
        return amount

    def _length(self, written: Mapping[str, Any], path: Path, key: str) -> int:
        return read_length(written[key], (*path, key), self._findings) if key in written else 0

    def _scope(self, written: Mapping[str, Sequence[object]], path: Path, of_units: bool) -> Only:
        scope = attribute_values(written, path, self._findings)
        if FEATURE in written and of_units:
            self._findings.add((*path, FEATURE), "feature beside units", "no feature, as the units are those of for")
        for at, name in enumerate(dict(scope).get(FEATURE, ())):
            if name not in self._features:
                expected = "a feature that is named under features"
                self._findings.add((*path, FEATURE, at), show_value(name), expected)
        return scope
