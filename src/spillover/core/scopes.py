"""Whom a limit counts for: its scope value, the stem of its cells, and the maximum that is in force for it."""

from __future__ import annotations

from fractions import Fraction

from msgspec.structs import replace

from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.policy import Limit, Rule
from spillover.model.request import Request

SCOPES = "scopes"
"""The cell that counts the live scope values of an account."""

SCOPES_MAX = 10_000
"""Live scope values of an account (law 14)."""

TICKS_FROM, TICKS_UNTIL = 1_577_836_800_000, 2_082_758_400_000
"""Ticks of a bucket count from 2020-01-01 and stay below 2^53 until 2036-01-01, in milliseconds since 1970."""

Scope = tuple[tuple[str, tuple[str, ...]], ...]


def scope_of(limit: Limit, request: Request) -> str | None:
    """The value that the limit counts per: "" for the whole account, None where it does not apply to this request."""
    if limit.only and not fits(limit.only, request):
        return None
    if not limit.per:
        return ""
    if limit.per == "subject":
        return request.subject
    return request.attributes.get(limit.per)


def fits(scope: Scope, request: Request) -> bool:
    """Whether the request has, for each name, one of the values; "feature" and "subject" name what they say."""
    for name, values in scope:
        found = request.feature if name == "feature" else request.subject if name == "subject" else None
        if found is None:
            found = request.attributes.get(name)
        if found not in values:
            return False
    return True


def missing_attribute(rule: Rule, request: Request) -> str | None:
    """The first attribute without which the request cannot be counted, though a limit has to count it (deny)."""
    for name in rule.needs:
        if name not in request.attributes:
            return name
    for limit in rule.at_times:
        if limit.per not in request.attributes and fits(limit.only, request):
            return limit.per
    return None


def written(scope: str) -> str:
    """A scope value as it stands in the name of a cell: no two stand there alike, and none ends the stem."""
    if scope.isalnum():
        return scope
    return scope.replace("%", "%25").replace("@", "%40").replace(":", "%3A").replace("=", "%3D")


def stem_of(limit: Limit, scope: str) -> str:
    """How the names of the limit's cells begin for this scope value."""
    return f"{limit.cell}@{written(scope)}" if limit.per else limit.cell


def in_force(limit: Limit, scope: str, profile: Profile, now: int) -> Limit:
    """The limit with the maximum that is in force for this account and scope value (`limits.set`).

    One for just this value goes before one for all; of equals the last counts.
    """
    found = None
    for override in profile.overrides:
        applies = override.limit == limit.title and now < override.until and override.scope in (None, scope)
        if applies and (found is None or override.scope is not None or found.scope is None):
            found = override
    if found is None or found.max == limit.max:
        return limit
    if limit.window.kind == "refill" and found.max:
        spacing, ticks = bucket_scale(limit.window.length, found.max)
        return replace(limit, max=found.max, spacing=spacing, ticks=ticks)
    return replace(limit, max=found.max)


def bucket_scale(length: int, most: int) -> tuple[int, int]:
    """(spacing, ticks): units `spacing` ticks apart, `ticks` of them in a millisecond, so that `most` take `length` ms.

    Exact where the fraction is fine enough for ticks to stay below 2^53, else rounded up, which is slower.
    """
    exact = Fraction(length, most)
    ticks_max = AMOUNT_MAX // (TICKS_UNTIL - TICKS_FROM + length)
    if exact.denominator <= ticks_max:
        return exact.numerator, exact.denominator
    return -(-length * ticks_max // most), ticks_max
