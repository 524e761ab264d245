"""Headers that the service reads and writes like any application that meters: the idempotency key, and limits.

RateLimit-Policy and RateLimit follow draft-ietf-httpapi-ratelimit-headers-10; older names come only to who asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from spillover.conventions.rate_limits import Told
from spillover.model.amounts import MICRO

Pair = tuple[str, str]
QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
POLICIES_MAX = 4_096
"""Limits whose text is remembered: it is the same for most accounts."""
PROFILES = ("x-ratelimit", "openai", "codex")


def key_in(given: str) -> str | None:
    """The key that the header Idempotency-Key tells, quoted or plain; None for a quoted one that is broken."""
    given = given.strip()
    if not given.startswith('"'):
        return given
    quoted = QUOTED.fullmatch(given)
    return None if quoted is None else re.sub(r'\\(["\\])', r"\1", quoted[1])


def limit_headers(told: Sequence[Told], profiles: Iterable[str], now: int, credits_left: int | None) -> list[Pair]:
    """The limits of a decision. `credits_left`: micro-credits, where they are known."""
    pairs: list[Pair] = []
    if told:
        pairs.append(("ratelimit-policy", ", ".join([_policy(one.name, one.max, one.window) for one in told])))
        if standing := [_standing(one) for one in told if not one.passed_on]:
            pairs.append(("ratelimit", ", ".join(standing)))
    for profile in profiles:
        match profile:
            case "x-ratelimit":
                pairs += _x_ratelimit(told)
            case "openai":
                pairs += _openai(told)
            case _:
                pairs += _codex(told, now, credits_left)
    return pairs


@lru_cache(POLICIES_MAX)
def _policy(name: str, most: int, window: int) -> str:
    return f'"{name}";q={most}' + (f";w={window}" if window else "")


def _standing(one: Told) -> str:
    return f'"{one.name}";r={one.room}' + (f";t={one.resets}" if one.resets is not None else "")


def _tightest(told: Iterable[Told]) -> Told | None:
    """The limit with the least part of its room left, among those that are told as they stand."""
    return min((one for one in told if not one.passed_on), key=lambda one: one.room / max(one.max, 1), default=None)


def _x_ratelimit(told: Sequence[Told]) -> list[Pair]:
    one = _tightest(told)
    if one is None:
        return []
    pairs = [("x-ratelimit-limit", str(one.max)), ("x-ratelimit-remaining", str(one.room))]
    return pairs if one.resets is None else [*pairs, ("x-ratelimit-reset", str(one.resets))]


def _openai(told: Sequence[Told]) -> list[Pair]:
    """x-ratelimit-{limit,remaining,reset}-{requests,tokens}: usage counts stand for tokens."""
    pairs = []
    for what in ("requests", "tokens"):
        one = _tightest(each for each in told if (each.of == "requests") == (what == "requests"))
        if one is None:
            continue
        pairs += [(f"x-ratelimit-limit-{what}", str(one.max)), (f"x-ratelimit-remaining-{what}", str(one.room))]
        if one.resets is not None:
            pairs.append((f"x-ratelimit-reset-{what}", f"{one.resets}s"))
    return pairs


def _codex(told: Sequence[Told], now: int, credits_left: int | None) -> list[Pair]:
    """The two windows of the allowance as primary and secondary, the shorter one first, and the credits."""
    windows = sorted((one for one in told if one.kind == "window" and one.window), key=lambda one: one.window)
    pairs = []
    for name, one in zip(("primary", "secondary"), windows, strict=False):
        used = 100 if not one.max else round(100 * (one.max - min(one.room, one.max)) / one.max, 1)
        pairs += [(f"x-codex-{name}-used-percent", f"{used:g}")]
        pairs += [(f"x-codex-{name}-window-minutes", str(-(-one.window // 60)))]
        if one.resets is not None:
            pairs.append((f"x-codex-{name}-reset-at", str(now // 1000 + one.resets)))
    if credits_left is not None:
        pairs += [("x-codex-credits-has-credits", "true" if credits_left else "false")]
        pairs += [("x-codex-credits-unlimited", "false")]
        pairs += [("x-codex-credits-balance", f"{credits_left // MICRO}.{credits_left % MICRO * 100 // MICRO:02d}")]
    return pairs
