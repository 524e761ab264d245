"""Limits of a rule: the one shape of ceilings, windows, spending limits and caps, with the names of their cells."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from spillover.core.gauges import bucket_scale
from spillover.model.amounts import AMOUNT_MAX, format_credits
from spillover.model.policy import Limit
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.values import exact_credits
from spillover.policy.windows import compile_window, show_length

ROUNDING_MAX = 100
"""A bucket may be slower than written by one part in this many."""

Of = Literal["units", "requests", "credits"]


class LimitReader:
    """Compiles the limits of one rule: `owner` begins the names of their cells, and each has a name of its own."""

    def __init__(self, owner: str, costs: bool, findings: Findings) -> None:
        """`costs`: units of the rule's features are micro-credits, as they are counted by their cost."""
        self._owner, self._costs, self._findings = owner, costs, findings
        self._names: set[str] = set()

    def compile(self, written: Mapping[str, Any], path: Path, of: Of = "units", name: str = "") -> Limit:
        """A limit that has the schema's form; `of` and `name` where it says neither itself."""
        of, name = written.get("of", of), written.get("name", name)
        if name in self._names:
            place = (*path, "name") if "name" in written else path
            self._findings.add(place, f"the name {name} twice in a rule", "a name of its own for each limit")
        self._names.add(name)
        per = written.get("per", "")
        if "when_missing" in written and per in ("", "subject"):
            found = "when_missing without an attribute in per"
            self._findings.add((*path, "when_missing"), found, "when_missing only beside per with an attribute")

        credits_counted = of == "credits" or (of == "units" and self._costs)
        most = self._max(written["max"], (*path, "max"), credits_counted)
        window, spacing, ticks = compile_window(written, path, self._findings), 0, 0
        if window.kind == "refill":
            spacing, ticks = self._bucket(window.length, most, path, credits_counted)
        # What is counted is part of a window's kind: a number of requests means nothing where credits are counted.
        kind = "-credits" if credits_counted else "-requests" if of == "requests" else ""
        cell = f"{self._owner}/{name}/{window.label}{kind}"
        return Limit(name, most, window, cell, of, per, written.get("when_missing", "deny"), spacing, ticks)

    def _max(self, value: int | str | Decimal, path: Path, credits_counted: bool) -> int:
        if credits_counted:
            return exact_credits(value, path, self._findings)
        if not isinstance(value, int) or value > AMOUNT_MAX:
            expected = "a whole number from 0 to 9,007,199,254,740,991, as units or requests are counted here"
            self._findings.add(path, show_value(value), expected)
            return 0
        return value

    def _bucket(self, length: int, most: int, path: Path, credits_counted: bool) -> tuple[int, int]:
        if most == 0:
            self._findings.add((*path, "max"), "0 in a bucket", "at least 1, as a bucket of 0 never gives anything")
            return 0, 0
        spacing, ticks = bucket_scale(length, most)
        if spacing * most * ROUNDING_MAX > length * ticks * (ROUNDING_MAX + 1):
            finest = length * ticks // ROUNDING_MAX
            shown = f"{format_credits(finest)} credits" if credits_counted else f"{finest:,}"
            found = f"{show_value(most)} in {show_length(length)}, which is finer than a bucket can count"
            self._findings.add((*path, "max"), found, f"at most {shown}, or a longer refill")
        return spacing, ticks
