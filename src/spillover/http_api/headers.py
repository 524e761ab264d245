"""What headers say: the idempotency key, the trace, and the limits of a decision in the names that were asked for.

RateLimit-Policy and RateLimit follow draft-ietf-httpapi-ratelimit-headers-10; older names come only to who asks for
them, with the header `RateLimit-Profile: x-ratelimit, codex`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from spillover.http_api.endpoint import Heads
from spillover.http_api.problems import Refused
from spillover.http_api.rate_limits import Told
from spillover.model.amounts import MICRO

Pair = tuple[str, str]
QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
PROFILES = ("x-ratelimit", "openai", "codex")
PROFILE = "ratelimit-profile"


def idempotency_key(heads: Heads) -> str | None:
    """The key of the header Idempotency-Key, quoted or plain; None where there is none."""
    given = heads.get("idempotency-key")
    if given is None:
        return None
    given = given.strip()
    if not given.startswith('"'):
        return given
    quoted = QUOTED.fullmatch(given)
    if quoted is None:
        raise Refused("malformed", f'Idempotency-Key: found {given[:80]}, expected a key such as "order-17"')
    return re.sub(r'\\(["\\])', r"\1", quoted[1])


def trace_of(heads: Heads) -> tuple[str, str]:
    """The header traceparent as it came, and the id of the trace in it; "" where there is none that can be read."""
    try:
        given = heads.get("traceparent") or ""
    except Refused:  # whatever it is, it is no reason to refuse a request
        return "", ""
    found = TRACE.fullmatch(given)
    usable = found is not None and not given.startswith("ff") and set(found[1]) != {"0"} and set(found[2]) != {"0"}
    return (given, found[1]) if found and usable else ("", "")


def profiles_of(heads: Heads) -> tuple[str, ...]:
    """The older names that were asked for. Raises Refused for one that is none."""
    given = heads.get(PROFILE)
    if not given:
        return ()
    asked = tuple(part.strip().lower() for part in given.split(",") if part.strip())
    for one in asked:
        if one not in PROFILES:
            raise Refused("invalid-input", f"RateLimit-Profile: found {one[:40]!r}, expected {', '.join(PROFILES)}")
    return asked


def limit_headers(told: Sequence[Told], profiles: Iterable[str], now: int, credits_left: int | None) -> list[Pair]:
    """The limits of a decision. `credits_left`: micro-credits, where they are known."""
    pairs: list[Pair] = []
    if told:
        pairs.append(("ratelimit-policy", ", ".join(_policy(one) for one in told)))
        open_ones = [one for one in told if not one.passed_on]
        if open_ones:
            pairs.append(("ratelimit", ", ".join(_standing(one) for one in open_ones)))
    for profile in profiles:
        match profile:
            case "x-ratelimit":
                pairs += _x_ratelimit(told)
            case "openai":
                pairs += _openai(told)
            case _:
                pairs += _codex(told, now, credits_left)
    return pairs


def _policy(one: Told) -> str:
    return f'"{one.name}";q={one.max}' + (f";w={one.window}" if one.window else "")


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
