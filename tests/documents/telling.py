"""All that a noun tells to whoever asks for its public attributes, in a form in which two nouns can be compared."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from spillover.engine.answers import Decision, Denial, Ending
from spillover.model.policy import Policy

COUNTED = ("name", "unit", "count")
"""What an answer knows of its feature wherever it is read; prices are the policy's."""
DENIAL = tuple(name for name, one in vars(Denial).items() if not name.startswith("_") and not callable(one))
"""Every property of a denial. Its `rule` is the engine's own."""
TOLD = (Decision, Ending)
"""Nouns that a reader gets in a class of its own."""


def told(noun: Any, *, asks: frozenset[str] = frozenset()) -> Any:
    """Attributes and properties, down to plain values; `asks` are properties of denials that are left unasked."""
    if isinstance(noun, Denial):
        return {name: told(getattr(noun, name)) for name in DENIAL if name not in asks}
    if isinstance(noun, Policy):
        return noun
    if isinstance(noun, Struct):
        kind = next((one for one in TOLD if isinstance(noun, one)), type(noun))
        found: dict[str, Any] = {"is": kind.__name__}
        for name in public(kind):
            value = getattr(noun, name)
            is_feature = name == "counted"
            found[name] = [getattr(value, one) for one in COUNTED] if is_feature else told(value, asks=asks)
        return found
    if isinstance(noun, dict):
        return {name: told(one, asks=asks) for name, one in noun.items()}
    return tuple(told(one, asks=asks) for one in noun) if isinstance(noun, list | tuple) else noun


def public(kind: type) -> list[str]:
    """Fields and properties of a class; no methods."""
    return [name for name in dir(kind) if not name.startswith("_") and not callable(getattr(kind, name))]
