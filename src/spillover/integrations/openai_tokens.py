"""Tokens as OpenAI's API reports them, as text tells them roughly, and as a feature counts them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

CHARACTERS_A_TOKEN = 4

TEXT_EVENTS = frozenset(
    f"response.{name}.delta"
    for name in (
        "output_text", "refusal", "function_call_arguments", "reasoning_text", "reasoning_summary_text",
        "mcp_call_arguments", "custom_tool_call_input", "code_interpreter_call_code", "audio.transcript",
    )
)  # fmt: skip
"""Events of the Responses API whose `delta` is text that the model wrote."""


class Tokens(NamedTuple):
    """Tokens of one call. `prompt` includes `cached`, `output` includes `reasoning`, as OpenAI reports them."""

    prompt: int
    cached: int = 0
    output: int = 0
    reasoning: int = 0


Usage = Callable[[Tokens], Mapping[str, int]]
Count = Callable[[str], int]


def split_cached(tokens: Tokens) -> dict[str, int]:
    """`input` without cached tokens, `cached_input`, `output` with reasoning: each has a price of its own."""
    cached = min(tokens.cached, tokens.prompt)
    return {"input": tokens.prompt - cached, "cached_input": cached, "output": tokens.output}


def whole_input(tokens: Tokens) -> dict[str, int]:
    """`input` with cached tokens and `output`: for a feature that has one price for both kinds of input."""
    return {"input": tokens.prompt, "output": tokens.output}


def four_characters(text: str) -> int:
    """A rough rule: a token is four characters, rounded up. Right to within a third or so for English text."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def tokens_of(usage: Any) -> Tokens | None:  # noqa: ANN401  # by shape: both APIs, and whoever speaks like them
    """Tokens from the `usage` of either API; None where there is none."""
    if usage is None:
        return None
    if getattr(usage, "prompt_tokens", None) is not None:
        names = ("prompt_tokens", "prompt_tokens_details", "completion_tokens", "completion_tokens_details")
    else:
        names = ("input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details")
    prompt, about_prompt, output, about_output = (getattr(usage, name, None) for name in names)
    cached = getattr(about_prompt, "cached_tokens", None) or 0
    return Tokens(prompt or 0, cached, output or 0, getattr(about_output, "reasoning_tokens", None) or 0)


def text_of_piece(piece: Any) -> str:  # noqa: ANN401  # a chunk, or an event
    """What the model wrote in one piece of a stream."""
    if getattr(piece, "type", None) in TEXT_EVENTS:
        return str(piece.delta)
    return "".join(_written(choice.delta) for choice in getattr(piece, "choices", None) or () if choice.delta)


def text_of_answer(answer: Any) -> str:  # noqa: ANN401  # of either API
    """What the model wrote, in all."""
    choices = getattr(answer, "choices", None)
    if choices is not None:
        return "".join(_written(choice.message) for choice in choices)
    return str(getattr(answer, "output_text", ""))


def text_of_prompt(options: Mapping[str, Any]) -> str:
    """The text that a call sends: messages or input, instructions, tools. Pictures and sound count as nothing."""
    found = (options.get(name) for name in ("messages", "input", "instructions", "tools"))
    return "".join(part for value in found for part in _strings(value))


def _written(message: Any) -> str:  # noqa: ANN401  # a message, or a part of one
    parts = [getattr(message, name, None) for name in ("content", "refusal", "reasoning_content")]
    for call in getattr(message, "tool_calls", None) or ():
        function = getattr(call, "function", None)
        parts += [getattr(function, "name", None), getattr(function, "arguments", None)]
    return "".join(part for part in parts if isinstance(part, str))


def _strings(value: object) -> Iterable[str]:
    """All strings in it but web addresses and data in base64, which are no text for the model."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in ("url", "image_url", "data", "file_data"):
                yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
