"""What reports are asked for, checked at the face: types and ranges, so that no driver's error gets out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spillover.core.intake import HOLD_MAX, HOLD_MIN, check_name
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput, shown

PLACE_MAX = 2**63 - 1
"""The largest number that a page can go on after."""


def check_page(since: object, until: object, limit: object) -> dict[str, Any]:
    """The instants and rows of a page, by the names that a ledger has for them. The ledger bounds the rows."""
    return {
        "since": _whole("since", since, NEVER, "milliseconds since 1970"),
        "until": _whole("until", until, NEVER, "milliseconds since 1970"),
        "limit": check_limit(limit),
    }


def check_lasts(lasts: object) -> int | None:
    """How long a hold lasts, in milliseconds; None for as long as the policy says."""
    if lasts is None or (type(lasts) is int and HOLD_MIN <= lasts <= HOLD_MAX):
        return lasts
    raise InvalidInput("lasts", shown(lasts), "whole milliseconds, from a second to a day")


def check_labels(attributes: object) -> dict[str, str]:
    """Attributes and their values, of which each is a name."""
    if attributes is None:
        return {}
    if not isinstance(attributes, Mapping) or "subject" in attributes:
        raise InvalidInput("attributes", shown(attributes), 'names and values, such as {"team": "blue"}')
    return {
        check_name("attributes", name): check_name(f"attributes.{name}", value) for name, value in attributes.items()
    }


def check_limit(limit: object) -> int:
    """A number of rows."""
    return _whole("limit", limit, PLACE_MAX, "a whole number of rows")


def check_after(after: object) -> int:
    """The place of a page that goes on after a number."""
    return _whole("after", after, PLACE_MAX, "what the page before gave to go on with")


def check_grouping(by: object, after: object) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """The names to group by (one alone is a group of one), and the group to go on after."""
    names = (by,) if isinstance(by, str) else _texts("by", by, 'names, such as ("feature", "day")')
    if after is None:
        return names, None
    expected = f"what the page before gave to go on with: {len(names)} texts"
    group = _texts("after", after, expected)
    if len(group) != len(names):
        raise InvalidInput("after", shown(after), expected)
    return names, group


def check_flag(field: str, value: object) -> bool:
    """True or False, and nothing that only counts as one."""
    if type(value) is not bool:
        raise InvalidInput(field, shown(value), "True or False")
    return value


def _texts(field: str, value: object, expected: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(part, str) for part in value):
        raise InvalidInput(field, shown(value), expected)
    return tuple(value)


def _whole(field: str, value: object, most: int, expected: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidInput(field, shown(value), expected)
    return value
