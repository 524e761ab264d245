"""Whom something is for: scope values in the names of cells, and requests that fit a scope or an `only`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Only = Sequence[tuple[str, Sequence[str]]]
"""Attribute (or "feature", "subject") -> the values that fit."""

_SIGNS = (("%", "%25"), ("@", "%40"), (":", "%3A"), ("=", "%3D"))


def in_cell(value: str, rules: int) -> str:
    """A scope value as it stands in the name of a cell. Rules 1 wrote it as it was."""
    if value.isalnum() or rules < 2:
        return value
    for sign, shown in _SIGNS:
        value = value.replace(sign, shown)
    return value


def fits(only: Only, feature: str, subject: str, attributes: Mapping[str, str]) -> bool:
    """Whether a request has, for every name, one of the values."""
    for name, values in only:
        if name == "feature":
            value: str | None = feature
        elif name == "subject":
            value = subject
        else:
            value = attributes.get(name)
        if value not in values:
            return False
    return True
