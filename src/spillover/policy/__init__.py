"""Policies: from documents that people write to the model's `Policy`, with mistakes that name their place."""

from spillover.policy.check import Note, check_policy
from spillover.policy.coverage import Coverage, Defaulted, Unpriced, covers, price_coverage
from spillover.policy.read import policy_from_document, read_policy, read_policy_text
from spillover.policy.structure import policy_schema
from spillover.policy.succession import leaves_behind

__all__ = [
    "Coverage",
    "Defaulted",
    "Note",
    "Unpriced",
    "check_policy",
    "covers",
    "leaves_behind",
    "policy_from_document",
    "policy_schema",
    "price_coverage",
    "read_policy",
    "read_policy_text",
]
