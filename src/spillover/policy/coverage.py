"""Which usage a policy has no price for: values that products send, but that no price row was written for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from spillover.core.price import fitting_row
from spillover.model.policy import Policy

Used = tuple[str, Mapping[str, str], int]
"""A feature, the priced attributes that its requests had, and how many there were."""


class Unpriced(Struct, frozen=True):
    """Requests that no price row fits. `attributes`: those that the feature's prices read; `count`: how many."""

    feature: str
    attributes: tuple[tuple[str, str], ...]
    count: int


class Defaulted(Struct, frozen=True):
    """A value that only the default row (one without `when`) covers, while other rows name its attribute."""

    feature: str
    attribute: str
    value: str
    count: int


class Coverage(Struct, frozen=True):
    """What a policy's prices leave open of recent usage; both by feature, the most used first."""

    unpriced: tuple[Unpriced, ...]
    defaulted: tuple[Defaulted, ...]


def covers(policy: Policy, feature: str, attributes: Mapping[str, str]) -> bool:
    """Whether some price row fits such a request. A feature without any price is never paid for, so it needs none;
    one that the policy does not name is not covered."""
    facts = policy.features.get(feature)
    return facts is not None and (not facts.prices or fitting_row(facts, attributes) is not None)


def price_coverage(policy: Policy, used: Iterable[Used]) -> Coverage:
    """What recent usage has that the policy's prices do not name. Nothing is counted twice within a list."""
    unpriced: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
    defaulted: dict[tuple[str, str, str], int] = {}
    for feature, attributes, count in used:
        facts = policy.features.get(feature)
        fitting = fitting_row(facts, attributes) if facts else None
        named: dict[str, set[str]] = {}
        for row in facts.prices if facts else ():
            for name, value in row.when:
                named.setdefault(name, set()).add(value)
        if not covers(policy, feature, attributes):
            combination = tuple((name, value) for name, value in sorted(attributes.items()) if name in named)
            unpriced[feature, combination] = unpriced.get((feature, combination), 0) + count
        elif fitting and not fitting.when:
            for name, values in named.items():
                if name in attributes and attributes[name] not in values:
                    place = (feature, name, attributes[name])
                    defaulted[place] = defaulted.get(place, 0) + count
    return Coverage(
        tuple(Unpriced(*key, count) for key, count in sorted(unpriced.items(), key=lambda item: _order(*item))),
        tuple(Defaulted(*key, count) for key, count in sorted(defaulted.items(), key=lambda item: _order(*item))),
    )


def _order(key: tuple[object, ...], count: int) -> tuple[object, ...]:
    return (key[0], -count, *key[1:])
