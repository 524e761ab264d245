"""Limits of a rule: the one shape of ceilings, windows, spending limits and caps, with the names of their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast, get_args

from spillover.core.scopes import bucket_scale
from spillover.model.amounts import format_credits
from spillover.model.policy import Counted, Feature, Limit, Window
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.values import attribute_values, exact_credits, whole_amount
from spillover.policy.windows import compile_window, show_length

ROUNDING_MAX = 100
"""A bucket may be slower than written by one part in this many."""

_OF = tuple(of for of in get_args(Counted) if of != "usage")
_SUFFIXES = {"requests": "-requests", "open_holds": "-holds", "subjects": "-subjects"}
_EVER = {"ever": True}


def common_counts(features: Sequence[Feature]) -> set[str]:
    """The usage counts that each of the features has."""
    return set(features[0].usage_names).intersection(*(each.usage_names for each in features)) if features else set()


class LimitReader:
    """Compiles the limits of one rule: `owner` begins the names of their cells, and each has a name of its own."""

    def __init__(self, owner: str, features: Sequence[Feature], findings: Findings) -> None:
        """`features`: those of the rule, as far as they are sound; they tell what units are, and which usage."""
        self._owner, self._features, self._findings = owner, features, findings
        # Units of a feature that is counted by its cost are micro-credits.
        self._costs = any(feature.count == "cost" for feature in features)
        self._names: set[str] = set()

    def compile(self, written: Mapping[str, Any], path: Path, of: Counted = "units", name: str = "") -> Limit:
        """A limit that has the schema's form; `of` and `name` where it says neither itself."""
        of, counts = self._counted(written.get("of", of), path)
        name = written.get("name", name)
        if name in self._names:
            place = (*path, "name") if "name" in written else path
            self._findings.add(place, f"the name {name} twice in a rule", "a name of its own for each limit")
        self._names.add(name)
        per = written.get("per", "")
        if "when_missing" in written and per in ("", "subject"):
            found = "when_missing without an attribute in per"
            self._findings.add((*path, "when_missing"), found, "when_missing only beside per with an attribute")
        credits_counted = of == "credits" or (of == "units" and self._costs)
        key = "forgive" if "forgive" in written else "max"
        there: Path = (*path, key)
        most = self._max(written[key], there, credits_counted, counts or of)
        window, spacing, ticks = self._window(written, path, of), 0, 0
        if window.kind == "refill":
            spacing, ticks = self._bucket(window.length, most, there, credits_counted)
        # What is counted is part of a window's kind: a number of requests means nothing where credits are counted.
        kind = "-credits" if credits_counted else f"-{counts}" if counts else _SUFFIXES.get(of, "")
        return Limit(
            name,
            most,
            window,
            f"{self._owner}/{name}/{window.label}{kind}",
            of,
            per,
            written.get("when_missing", "deny"),
            spacing,
            ticks,
            counts,
            attribute_values(written.get("only", {}), (*path, "only"), self._findings),
            f"{self._owner}/{name}",
        )

    def _counted(self, of: str, path: Path) -> tuple[Counted, str]:
        """What a limit counts, and the name of the usage where it counts one."""
        if of in _OF:
            return cast(Counted, of), ""
        if self._features and all(feature.count == of for feature in self._features):
            return "units", ""
        # `holds` is refused even where a usage has that name: in the names of cells it stands for open holds.
        lacking = [feature.name for feature in self._features if of not in feature.usage_names]
        if lacking or of == "holds":
            found = show_value(of) + (f", which {lacking[0]} does not count" if lacking else "")
            common = common_counts(self._features).difference(_OF, ["holds"])
            self._findings.add((*path, "of"), found, f"one of {', '.join([*_OF, *sorted(common)])}")
        return "usage", of

    def _window(self, written: Mapping[str, Any], path: Path, of: Counted) -> Window:
        if of == "open_holds":
            form = next(
                (key for key in ("every", "sliding", "refill", "starting", "in", "slots") if key in written), ""
            )
            if form:
                expected = "no window: a hold is counted for as long as it is open"
                self._findings.add((*path, form), f"{form} beside open_holds", expected)
            return compile_window(_EVER, path, self._findings)
        if of == "subjects":
            if written.get("per") == "subject":
                self._findings.add((*path, "per"), '"subject" beside subjects', "no per, or an attribute")
            for form in ("sliding", "refill"):
                if form in written:
                    expected = "every with starting or in, or ever: distinct subjects are counted from a window's start"
                    self._findings.add((*path, form), f"{form} beside subjects", expected)
        return compile_window(written, path, self._findings)

    def _max(self, value: int | str | Decimal, path: Path, credits_counted: bool, what: str) -> int:
        if credits_counted:
            return exact_credits(value, path, self._findings)
        return whole_amount(value, path, self._findings, what.replace("_", " "))

    def _bucket(self, length: int, most: int, path: Path, credits_counted: bool) -> tuple[int, int]:
        if most == 0:
            self._findings.add(path, "0 in a bucket", "at least 1, as a bucket of 0 never gives anything")
            return 0, 0
        spacing, ticks = bucket_scale(length, most)
        if spacing * most * ROUNDING_MAX > length * ticks * (ROUNDING_MAX + 1):
            finest = length * ticks // ROUNDING_MAX
            shown = f"{format_credits(finest)} credits" if credits_counted else f"{finest:,}"
            found = f"{show_value(most)} in {show_length(length)}, which is finer than a bucket can count"
            self._findings.add(path, found, f"at most {shown}, or a longer refill")
        return spacing, ticks
