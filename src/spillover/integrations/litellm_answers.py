"""What a call through LiteLLM's proxy used, as its success event tells it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from spillover.integrations.openai_tokens import Tokens, tokens_of


class Answer(NamedTuple):
    """What one call used.

    `images` that were made. `seconds` of sound that was read, rounded up. `characters` of text that was to be spoken.
    `response`: the answer as LiteLLM has it; None where only tokens are known.
    """

    tokens: Tokens
    images: int = 0
    seconds: int = 0
    characters: int = 0
    response: Any = None


def answer_of(response: Any, spoken: object) -> Answer:  # noqa: ANN401  # of any API
    """What an answer tells. `spoken`: the text of the call, where it was to be spoken."""
    usage, made = _field(response, "usage"), _field(response, "data")
    seconds = _field(usage, "seconds") or _field(response, "duration") or 0
    return Answer(
        told(usage) or Tokens(0),
        sum(1 for one in made if _field(one, "url") or _field(one, "b64_json")) if isinstance(made, list) else 0,
        -int(-seconds // 1) if isinstance(seconds, int | float) else 0,
        len(spoken) if isinstance(spoken, str) else 0,
        response,
    )


def told(usage: Any) -> Tokens | None:  # noqa: ANN401  # an object or a mapping
    """The tokens of a usage. Cached ones are part of the prompt, also where the model tells them beside it."""
    if isinstance(usage, Mapping):
        usage = _object(usage)
    tokens = tokens_of(usage)
    beside = [getattr(usage, name, None) for name in ("cache_read_input_tokens", "cache_creation_input_tokens")]
    if tokens is None or getattr(usage, "prompt_tokens", None) is not None or not any(beside):
        return tokens
    cached, written = (count or 0 for count in beside)
    return tokens._replace(prompt=tokens.prompt + cached + written, cached=cached)


def answering_model(kwargs: Mapping[str, Any]) -> str | None:
    """The name under which the proxy knows the model that answered: another than was asked for after a fallback."""
    about = _field(kwargs.get("litellm_params"), "model_info")
    found = _field(about, "team_public_model_name") or _field(kwargs.get("standard_logging_object"), "model_group")
    return found if isinstance(found, str) else None


def was_left(kwargs: Mapping[str, Any]) -> bool:
    """Whether the caller went away half way: then LiteLLM counts the text that came."""
    return _field(_field(kwargs.get("litellm_params"), "metadata"), "client_disconnected") is True


def _object(found: Mapping[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(
        **{name: _object(value) if isinstance(value, Mapping) else value for name, value in found.items()}
    )


def _field(found: Any, name: str) -> Any:  # noqa: ANN401  # whatever it is
    return found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
