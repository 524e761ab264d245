"""What many answers come to, as documents say it: amounts, and requests by reason, by error and by who paid.

Credits come twice, as in every document: `credits`, a decimal as text, and `micro_credits`, a whole number.
"""

from __future__ import annotations

from msgspec import Struct

from spillover.model.amounts import format_credits
from spillover.model.policy import Policy

MICRO_CREDIT = "micro-credit"


def unit_of(policy: Policy, measure: str) -> str:
    """What amounts of a measure (credits, or a feature's units) are counted in."""
    feature = policy.features.get(measure)
    if measure == "credits" or (feature and feature.count == "cost"):
        return MICRO_CREDIT
    return feature.unit if feature else "unit"


class Credits(Struct, frozen=True):
    """An amount of credits."""

    credits: str
    micro_credits: int

    @classmethod
    def of(cls, micro: int) -> Credits:
        """From micro-credits."""
        return cls(format_credits(micro), micro)


class Denied(Struct, frozen=True):
    """Requests denied for one reason: the kind and name of what brought them to a halt."""

    kind: str
    name: str
    requests: int


class Refused(Struct, frozen=True):
    """Requests that were no question: `error` is the kind of error, `examples` the first of them with file and line."""

    error: str
    requests: int
    examples: tuple[str, ...]


class LayerUse(Struct, frozen=True):
    """What one layer gave to one feature: to how many requests, in how many units, for how many credits.

    `unit` is "micro-credit" for a feature that is counted by its cost.
    """

    feature: str
    layer: str
    requests: int
    units: int
    unit: str
    charged: Credits
