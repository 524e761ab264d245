"""`spillover.litellm.SpilloverHook(access, feature=...)`: LiteLLM's proxy holds before each call, and charges after."""

from spillover.integrations.litellm import SpilloverHook
from spillover.integrations.litellm_answers import Answer
from spillover.integrations.litellm_calls import Kind, end_user, key_alias, team
from spillover.integrations.openai_tokens import Tokens, four_characters, split_cached, whole_input

__all__ = [
    "Answer", "Kind", "SpilloverHook", "Tokens", "end_user", "four_characters", "key_alias", "split_cached", "team",
    "whole_input",
]  # fmt: skip
