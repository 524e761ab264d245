"""On what terms calls of a client are charged, and one call's own: account, key, estimate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spillover.integrations.openai_meter import Meter
from spillover.integrations.openai_tokens import Count, Tokens, Usage, text_of_prompt
from spillover.model.errors import InvalidInput, shown

OWN = ("account", "key", "subject", "attributes", "estimate")
"""What a call may say for itself, in its keyword `spillover`."""
BOUNDS = ("max_completion_tokens", "max_output_tokens", "max_tokens")

Counts = Mapping[str, int] | int | None
Estimate = Counts | Callable[[Mapping[str, Any]], Counts]


@dataclass(frozen=True)
class Terms:
    """Who pays for calls of a client, for what feature, and how tokens are counted. `awaits`: for an event loop."""

    access: Any
    feature: str
    account: str | None
    subject: str | None
    attributes: Mapping[str, str]
    estimate: Estimate
    usage: Usage
    count_tokens: Count
    awaits: bool

    def meter(self, options: dict[str, Any]) -> Meter:
        """The meter of one call; its keyword `spillover` is taken off. Raises InvalidInput, UnknownName."""
        own = _own(options.pop("spillover", None))
        account = own.get("account") or self.account
        if account is None:
            raise InvalidInput("account", "none", "one of wrap(..., account=...), or of the call's spillover={...}")
        if options.get("background"):
            raise InvalidInput("background", "true", "a call that tells its usage when it ends; it cannot be metered")
        model = options.get("model")
        labels = {**({"model": model} if isinstance(model, str) else {}), **self.attributes}
        labels.update(own.get("attributes") or {})
        hold = self.access.hold(
            account, self.feature, self._estimate(options, own), key=own.get("key"), attributes=labels,
            subject=own.get("subject") or self.subject,
        )  # fmt: skip
        return Meter(hold, self.usage, self.count_tokens, text_of_prompt(options))

    def _estimate(self, options: Mapping[str, Any], own: Mapping[str, Any]) -> Counts:
        """What to hold; None: as the policy says."""
        stated = own.get("estimate", self.estimate)
        if callable(stated):
            stated = stated(options)
        if stated is not None:
            return stated  # type: ignore[no-any-return]  # it is checked where it is taken in
        return bounded(options, self.usage, self.count_tokens)


def bounded(options: Mapping[str, Any], usage: Usage, count_tokens: Count) -> dict[str, int] | None:
    """The most that a call can use: its own bound on tokens, and its prompt; None where it states no bound."""
    bound = next((options[name] for name in BOUNDS if options.get(name)), None)
    if type(bound) is not int:
        return None
    choices = options.get("n")
    most = bound * choices if type(choices) is int and choices > 1 else bound
    counts = usage(Tokens(count_tokens(text_of_prompt(options)), 0, most))
    return {name: count for name, count in counts.items() if count}


def _own(found: object) -> Mapping[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, Mapping) or set(found) - set(OWN):
        raise InvalidInput("spillover", shown(found), f"a mapping of {', '.join(OWN)}")
    return found
