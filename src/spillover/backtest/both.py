"""Both policies as one, for reading recorded usage: what either knows may come, and each lane takes what is its own."""

from __future__ import annotations

from msgspec.structs import replace

from spillover.model.policy import Feature, Policy


def both(present: Policy, proposed: Policy) -> Policy:
    """The features, counts, plans and attributes of either; where both have one, it is the proposed policy's."""
    features = dict(present.features)
    for name, feature in proposed.features.items():
        features[name] = _widened(feature, features.get(name))
    return replace(
        proposed,
        features=features,
        plans=present.plans | proposed.plans,
        attributes=_union(present.attributes, proposed.attributes),
        priced=_union(present.priced, proposed.priced),
    )


def _widened(feature: Feature, other: Feature | None) -> Feature:
    return feature if other is None else replace(feature, usage_names=_union(feature.usage_names, other.usage_names))


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*second, *first)))
