"""What can be checked of words without the service's policy, so that it is refused in the engine's own words."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal

from spillover.core.intake import MODES, WHOLE, check_key, check_name
from spillover.engine.accounts import check_instant
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import InvalidInput, UnknownName, shown


def new_key() -> str:
    """A key for a caller that gave none: made once, before the first try."""
    return uuid.uuid4().hex


def key_or_new(key: str | None) -> str:
    """The key that was given, or a new one. Raises InvalidInput."""
    return new_key() if key is None else check_key(key)


def request(
    account: object, feature: object, usage: object, subject: object, attributes: object, at: object, *,
    counts: str = "usage",
) -> dict[str, object]:  # fmt: skip
    """The words that every request has. Raises InvalidInput, UnknownName."""
    return {
        "feature": named_feature(feature),
        "at": None if at is None else check_instant("at", at),
        "account": check_name("account", account),
        counts: usage_of(usage),
        "subject": None if subject is None else check_name("subject", subject),
        "attributes": labels(attributes),
    }


def named_feature(feature: object) -> str:
    """A feature's name, as far as this knows."""
    if not isinstance(feature, str) or not _travels(feature):
        raise UnknownName("feature", shown(feature), "one of the policy's features")
    return feature


def mode_of(mode: object, *, hold: bool = False) -> str:
    """How a request is decided."""
    if not isinstance(mode, str) or mode not in MODES or (hold and mode == "record"):
        raise InvalidInput("mode", shown(mode), '"exact" or "partial"' + ("" if hold else ', or "record"'))
    return mode


def usage_of(usage: object) -> dict[str, int] | int | None:
    """Counts by name, or one number; which names there are, the service knows."""
    if usage is None or type(usage) is int:
        return usage
    if not isinstance(usage, Mapping):
        raise InvalidInput("usage", shown(usage), f"{WHOLE}, or such counts by name")
    for name, count in usage.items():
        if not isinstance(name, str) or not _travels(name):
            raise InvalidInput("usage", shown(name), "the name of a count")
        if type(count) is not int or not 0 <= count <= AMOUNT_MAX:
            raise InvalidInput(f"usage.{name}", shown(count), WHOLE)
    return dict(usage)


def labels(attributes: object) -> dict[str, str] | None:
    """Labels of a request. Which are declared, the service knows."""
    if attributes is None:
        return None
    if not isinstance(attributes, Mapping):
        raise InvalidInput("attributes", shown(attributes), "a mapping of names to texts")
    for name, value in attributes.items():
        if not all(isinstance(text, str) and _travels(text) for text in (name, value)):
            raise InvalidInput(f"attributes.{name}", shown(value), "1 to 64 bytes of printable text")
    return dict(attributes)


def money(value: object) -> object:
    """An amount of credits as JSON tells it: a decimal as text."""
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else value


def scope_of(scope: Mapping[str, object] | None) -> object:
    """What a lot may be spent on, its values as texts or lists."""
    if not isinstance(scope, Mapping):
        return scope
    return {name: list(each) if isinstance(each, tuple | set | frozenset) else each for name, each in scope.items()}


def _travels(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
