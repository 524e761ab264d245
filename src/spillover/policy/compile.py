"""The sound parts of a document into features and plans; what its form cannot show is checked on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from spillover.model.policy import Feature, Plan, Rule
from spillover.policy.features import compile_feature
from spillover.policy.findings import Findings, Path, show_value
from spillover.policy.rules import compile_rule

ATTRIBUTES_MAX = 16
"""Names of attributes that a policy may declare (design, law 14)."""


class Draft(NamedTuple):
    """The parts of a document that have the schema's form. None stands for one that is there but has not."""

    features: dict[str, Mapping[str, Any] | None]
    plans: dict[str, list[Mapping[str, Any] | None]]
    default_plan: str
    attributes: tuple[str, ...]


class Compiled(NamedTuple):
    """What a policy is made of, meaningful only if no mistake was found."""

    features: dict[str, Feature]
    plans: dict[str, Plan]
    attributes: tuple[str, ...]
    priced: tuple[str, ...]


def sound_parts(document: Mapping[str, Any], mistaken: Iterable[Path]) -> Draft | None:
    """What can be compiled although there are mistakes at some paths; None if they leave no whole to look at."""
    features: dict[str, Mapping[str, Any] | None] = dict(document["features"]) if "features" in document else {}
    plans = {}
    for path in mistaken:
        ...
    return None
