"""How holds of a rule begin: the estimate where none is given, the least of each count, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spillover.model.policy import Feature, HoldTerms
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.limits import common_counts
from spillover.policy.values import whole_amount
from spillover.policy.windows import read_length

LASTS_MAX = 86_400_000
"""The longest that a hold is open without being extended: a day, in milliseconds."""


def compile_hold(written: Mapping[str, Any], path: Path, features: Sequence[Feature], findings: Findings) -> HoldTerms:
    """Terms that have the schema's form. Their counts are to be known to each of the rule's `features`."""
    usual = HoldTerms()
    default = _usage(written.get("default", {}), (*path, "default"), features, findings)
    if default and not any(count for _, count in default):
        findings.add((*path, "default"), "no count above 0", "an estimate of at least one unit")
    return HoldTerms(
        default,
        _usage(written.get("at_least", {}), (*path, "at_least"), features, findings),
        read_length(written["for"], (*path, "for"), findings, LASTS_MAX) if "for" in written else usual.lasts,
        written.get("when_short", usual.when_short),
    )


def _usage(
    written: Mapping[str, Any], path: Path, features: Sequence[Feature], findings: Findings
) -> tuple[tuple[str, int], ...]:
    """Usage counts by name."""
    for name in written:
        lacking = [feature.name for feature in features if name not in feature.usage_names]
        if lacking:
            known = ", ".join(sorted(common_counts(features))) or "none, as the rule's features have none in common"
            found = f"{show_value(name)}, which {lacking[0]} does not count"
            findings.add((*path, name), found, f"a usage count of all features of the rule: {known}")
    return tuple(
        (name, whole_amount(count, (*path, name), findings, "units")) for name, count in sorted(written.items())
    )
