"""`spillover.openai.wrap(client, access, feature=...)`: an OpenAI client whose calls are held for, then charged."""

from spillover.integrations.openai import wrap
from spillover.integrations.openai_tokens import Tokens, four_characters, split_cached, whole_input

__all__ = ["Tokens", "four_characters", "split_cached", "whole_input", "wrap"]
