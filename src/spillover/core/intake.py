"""The door: raw input becomes a checked request, or one clear error. Nothing behind it checks form again."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import TypeGuard, cast

import msgspec
from msgspec import Struct

from spillover.core.scopes import TICKS_FROM, TICKS_UNTIL
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import BoundExceeded, InvalidInput, UnknownName, shown
from spillover.model.policy import Feature, Policy
from spillover.model.request import Mode

NAME_MAX = 128
"""Characters of an account's or a subject's name."""
DECOMPOSED = 4
"""Characters, at most, that become one in Unicode's composed form: what is longer than that need not be looked at."""
KEY_MAX = 255
"""Bytes of a key."""
ATTRIBUTES_MAX = 16
ATTRIBUTE_MAX = 64
"""Attributes of a request, and bytes of a value (law 14)."""
WHOLE = "a whole number from 0 to 2^53 - 1"
RESERVED = "spillover:"
"""Keys that begin so are the engine's own."""
MODES = ("exact", "partial", "record")
HOLD_MIN, HOLD_MAX = 1_000, 86_400_000
"""How long a hold may last, in milliseconds: a second to a day."""
HOLD_DEFAULT = -1
"""A hold that lasts as long as the policy says."""
TIME_MIN, TIME_MAX = TICKS_FROM, TICKS_UNTIL
"""Instants that windows and buckets can count: from 2020 until 2036, in milliseconds."""

_encode = msgspec.json.Encoder().encode


class Ask(Struct, frozen=True, gc=False):
    """A request as the product gave it, checked, with names still as people write them.

    `attributes` are all that were sent; only those that the policy declares go further than the key's comparison.
    `at` is the request's own time in milliseconds, None for now.
    """

    account: str
    feature: str
    usage: dict[str, int]
    subject: str
    attributes: dict[str, str]
    key: str
    mode: Mode = "exact"
    at: int | None = None
    hold: int = 0


def take_in(
    policy: Policy,
    account: str,
    feature: object,
    usage: Mapping[str, int] | int | None = None,
    *,
    key: str,
    subject: str | None = None,
    attributes: Mapping[str, str] | None = None,
    mode: object = "exact",
    at: int | None = None,
    hold: int | None = 0,
) -> Ask:
    """Check a request against the policy. `usage` may be one whole number where the feature counts just one thing.

    `hold`: for how many ms a hold is opened (None: as long as the policy says; 0: none); then `usage` is the estimate,
    and may be left out where the policy has a default.

    Raises InvalidInput, UnknownName or BoundExceeded, naming the field; nothing has been written then.
    """
    known = policy.features.get(feature) if isinstance(feature, str) else None
    if known is None:
        raise UnknownName("feature", shown(feature), f"one of the policy's features: {_some(policy.features)}")
    if not isinstance(mode, str) or mode not in MODES or (mode == "record" and hold != 0):
        raise InvalidInput("mode", shown(mode), '"exact" or "partial"' + (', or "record"' if hold == 0 else ""))
    if hold is not None and (type(hold) is not int or not 0 <= hold <= HOLD_MAX or 0 < hold < HOLD_MIN):
        raise InvalidInput("lasts", shown(hold), "whole milliseconds, from a second to a day")
    if at is not None and (type(at) is not int or not TIME_MIN <= at < TIME_MAX):
        raise InvalidInput("at", shown(at), "milliseconds since 1970, from the years 2020 to 2035")
    return Ask(
        check_name("account", account),
        known.name,
        check_usage(known, usage) if hold == 0 else _check_estimate(policy, known, usage),
        "" if subject is None else check_name("subject", subject),
        {} if attributes is None else _check_attributes(policy, attributes),
        check_key(key),
        cast(Mode, exact(mode)),
        at,
        HOLD_DEFAULT if hold is None else hold,
    )


def check_name(field: str, value: object) -> str:
    """A name of an account or subject, in Unicode's composed form, so that equal names are equal."""
    if type(value) is str and value.isascii() and value.isprintable() and 0 < len(value) <= NAME_MAX:
        if value.strip() == value:
            return value
    elif isinstance(value, str) and len(value) <= DECOMPOSED * NAME_MAX:
        composed = exact(unicodedata.normalize("NFC", value))
        if 0 < len(composed) <= NAME_MAX and composed.strip() == composed and _clean(composed):
            return composed
    raise InvalidInput(field, shown(value), f"1 to {NAME_MAX} printable characters, no blanks at the ends")


def check_key(key: object, field: str = "key") -> str:
    """A caller's key: kept byte for byte, never normalised, for it is not a name."""
    if not _is_text(key, KEY_MAX):
        raise InvalidInput(field, shown(key), f"1 to {KEY_MAX} bytes of printable text")
    if key.startswith(RESERVED):
        raise InvalidInput(field, shown(key), f"a key that does not begin with {RESERVED!r}")
    return exact(key)


def check_usage(feature: Feature, usage: object) -> dict[str, int]:
    """The counts of a usage, by name. At least one unit; a feature counted by cost needs one count above 0."""
    expected = f"counts of {feature.name}: {_some(feature.usage_names)}"
    if usage is None and feature.count == "requests":
        return {"requests": 1}
    if type(usage) is int and len(feature.usage_names) == 1:
        usage = {feature.usage_names[0]: usage}
    if usage is None:
        raise InvalidInput("usage", "nothing", expected)
    if isinstance(usage, int | float | str) and len(feature.usage_names) == 1:
        raise InvalidInput(f"usage.{feature.usage_names[0]}", shown(usage), WHOLE)
    if not isinstance(usage, Mapping) or not usage:
        raise InvalidInput("usage", shown(usage), expected)
    for name, count in usage.items():
        if name not in feature.usage_names:
            raise InvalidInput("usage", shown(name), expected)
        if type(count) is not int or not 0 <= count <= AMOUNT_MAX:
            raise InvalidInput(f"usage.{name}", shown(count), WHOLE)
    if not any(usage.values()):
        raise InvalidInput("usage", shown(dict(usage)), "at least one unit")
    return {name: usage[name] for name in feature.usage_names if name in usage}


def no_estimate(feature: Feature) -> InvalidInput:
    """The error for a hold without an estimate, where the policy has no default."""
    expected = f"an estimate in counts of {feature.name}, as the policy has no default: hold: {{default: ...}}"
    return InvalidInput("estimate", "nothing", expected)


def _check_estimate(policy: Policy, feature: Feature, usage: object) -> dict[str, int]:
    """The estimate of a hold; {} for one that is left out, which is the rule's of the account's plan, if it has one."""
    if usage is not None or feature.count == "requests":
        return check_usage(feature, usage)
    rules = (plan.by_feature.get(feature.name) for plan in policy.plans.values())
    if not any(rule.hold.default or rule.hold.at_least for rule in rules if rule is not None):
        raise no_estimate(feature)
    return {}


def exact(text: str) -> str:
    """The text without whatever a subclass of str adds to it."""
    return str.__str__(text)


def fingerprint(
    feature: str, usage: object, subject: str, attributes: object, mode: str, at: int | None, hold: int = 0
) -> str:
    """What makes two requests under one key the same request (law 10): 128 bits in hexadecimal.

    Subject and unpriced attributes come as tokens, so the fingerprint says nothing of a name.
    """
    facts = (feature, sorted(usage.items()), subject, sorted(attributes.items()), mode, at)  # type: ignore[attr-defined]
    content = _encode((*facts, hold) if hold else facts)
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _check_attributes(policy: Policy, attributes: object) -> dict[str, str]:
    if not isinstance(attributes, Mapping):
        raise InvalidInput("attributes", shown(attributes), "a mapping of names to texts")
    if len(attributes) > ATTRIBUTES_MAX:
        raise BoundExceeded("attributes", len(attributes), ATTRIBUTES_MAX, "send only those that the policy declares")
    kept = {}
    for name, value in attributes.items():
        if _is_text(value, ATTRIBUTE_MAX):
            # One that is not declared is never stored (design, section 2). It may have been when its key was first
            # used, but only in a form that was taken.
            if name in policy.attributes or _is_text(name, NAME_MAX):
                kept[exact(name)] = exact(unicodedata.normalize("NFC", value))
        elif name in policy.attributes:
            raise InvalidInput(f"attributes.{name}", shown(value), f"1 to {ATTRIBUTE_MAX} bytes of printable text")
    return kept


def _is_text(value: object, most: int) -> TypeGuard[str]:
    """Whether it is clean text of 1 to so many bytes. Its length comes first: 10 MB are not looked through."""
    return isinstance(value, str) and 0 < len(value) <= most and _clean(value) and len(value.encode()) <= most


def _clean(text: str) -> bool:
    # Control characters, lone surrogates and unassigned code points are refused: they hide in logs and break exports.
    if text.isascii():
        return text.isprintable()
    return all(unicodedata.category(sign) not in ("Cc", "Cs", "Cn", "Co", "Zl", "Zp") for sign in text)


def _some(names: Mapping[str, object] | tuple[str, ...]) -> str:
    first = ", ".join(sorted(names)[:8])
    return first + (", ..." if len(names) > 8 else "") if names else "(none)"
