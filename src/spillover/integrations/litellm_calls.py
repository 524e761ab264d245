"""A call through LiteLLM's proxy as a request: who pays, for which feature, how much is held; and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from spillover.integrations.answering import OWN, Refusal
from spillover.integrations.litellm_answers import Answer
from spillover.integrations.openai_terms import Counts, Estimate, bounded
from spillover.integrations.openai_tokens import Count, Tokens, Usage, text_of_prompt

OF_TOKENS = ("completion", "text_completion", "responses", "anthropic_messages", "embedding")
"""Kinds of calls whose usage is told in tokens."""
FREE = frozenset({
    "moderation", "create_file", "file_content", "file_retrieve", "file_delete", "file_list", "get_responses",
    "delete_responses", "cancel_responses", "list_input_items", "retrieve_batch", "list_batches", "cancel_batch",
    "list_mcp_tools",
})  # fmt: skip
"""Kinds of calls that run no model, or at no cost."""
WORDS = frozenset({
    "add", "agent", "agents", "answer", "anthropic", "api", "append", "apply", "archive", "ask", "assistant",
    "assistants", "async", "attach", "audio", "auth",
})  # fmt: skip
"""First words of names whose own letter the `a` is: it does not say that the call is awaited."""

Value = str | Callable[[Any, Mapping[str, Any]], str | None] | None
"""A value, or a function of the key (`user_api_key_dict`) and of the call's options (`data`)."""


@dataclass(frozen=True)
class Kind:
    """How one kind of call is charged: its feature, its counts as an `Answer` tells them, and what to hold before.

    `estimate`: counts, or a function of the call's options; left out, the policy's `hold: default`.
    """

    feature: str
    usage: Callable[[Answer], Mapping[str, int]]
    estimate: Estimate = None


@dataclass(frozen=True)
class Asked:
    """One call, as an access takes it. `pinned`: the attribute `model` is the operator's, whichever model answers."""

    account: str
    kind: Kind
    estimate: Counts
    subject: str | None
    labels: dict[str, str]
    pinned: bool


class NotServed(Exception):
    """The call does not pass, whoever pays."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.problem["detail"])
        self.refusal = refusal


@dataclass(frozen=True)
class Terms:
    """Who pays for calls through the proxy, for what feature, and how they are counted."""

    account: Value
    subject: Value
    attributes: Mapping[str, Value]
    kinds: Mapping[str, Kind]
    unmetered: Collection[str]

    def asked(self, key: Any, data: Mapping[str, Any], call_type: str) -> Asked | None:  # noqa: ANN401  # LiteLLM's
        """The call as a request; None for one that is free. Raises NotServed."""
        name = kind_name(call_type)
        if name in self.unmetered:
            return None
        kind = self.kinds.get(name)
        if kind is None:
            raise _refused(403, "not-metered", f"Calls of the kind {name} are not served here")
        model = data.get("model")
        if isinstance(model, str) and "," in model:  # each of them would answer, and one would be charged
            raise _refused(400, "malformed", "model: found several, expected one")
        if data.get("background"):
            raise _refused(400, "malformed", "background: found true, expected a call that tells its usage at its end")
        account = _given(self.account, key, data)
        if account is None:
            raise _refused(403, "forbidden", "Nobody is known on whose account this request could be")
        labels = {label: _given(value, key, data) for label, value in self.attributes.items()}
        if isinstance(model, str):
            labels.setdefault("model", model)
        estimate = kind.estimate(data) if callable(kind.estimate) else kind.estimate
        known = {label: value for label, value in labels.items() if value is not None}
        return Asked(account, kind, estimate, _given(self.subject, key, data), known, "model" in self.attributes)


def of_tokens(feature: str, usage: Usage, estimate: Estimate, count_tokens: Count) -> dict[str, Kind]:
    """The kinds whose usage is told in tokens. What is held: `estimate`, else the call's own bound with its prompt."""

    def chat(data: Mapping[str, Any]) -> Counts:
        return bounded(data, usage, count_tokens)

    def embedding(data: Mapping[str, Any]) -> Counts:  # nothing is written, so the prompt is all
        counts = usage(Tokens(count_tokens(text_of_prompt(data))))
        return {name: count for name, count in counts.items() if count} or None

    def counts(answer: Answer) -> Mapping[str, int]:
        return usage(answer.tokens)

    held = {name: embedding if name == "embedding" else chat for name in OF_TOKENS}
    return {name: Kind(feature, counts, held[name] if estimate is None else estimate) for name in OF_TOKENS}


def kind_name(call_type: str) -> str:
    """`completion` for `acompletion`: LiteLLM's name of the call, whether it is awaited or not."""
    is_awaited = call_type.startswith("a") and call_type.partition("_")[0] not in WORDS
    return call_type[1:] if is_awaited else call_type


def team(key: Any, _: Mapping[str, Any]) -> str | None:  # noqa: ANN401  # LiteLLM's
    """The id of the team that the key belongs to: set by who administers the proxy alone."""
    return key.team_id or None


def key_alias(key: Any, _: Mapping[str, Any]) -> str | None:  # noqa: ANN401  # LiteLLM's
    """The alias of the key. Who may make keys may choose it."""
    return key.key_alias or None


def end_user(key: Any, _: Mapping[str, Any]) -> str | None:  # noqa: ANN401  # LiteLLM's
    """The caller's own word for who uses it (`user` in the call): trust it only from callers that are yours."""
    return key.end_user_id or None


def _given(value: Value, key: Any, data: Mapping[str, Any]) -> str | None:  # noqa: ANN401  # LiteLLM's
    return value(key, data) if callable(value) else value


def _refused(status: int, name: str, detail: str) -> NotServed:
    problem: dict[str, object] = {
        "type": OWN + name, "title": "Not served", "status": status, "detail": detail,
    }  # fmt: skip
    return NotServed(Refusal(status, problem, (("cache-control", "no-store"),)))
