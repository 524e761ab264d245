"""Policies: from documents that people write to the model's `Policy`, with mistakes that name their place."""

from spillover.policy.check import Note, check_policy
from spillover.policy.read import policy_from_document, read_policy, read_policy_text
from spillover.policy.structure import policy_schema

__all__ = ["Note", "check_policy", "policy_from_document", "policy_schema", "read_policy", "read_policy_text"]
