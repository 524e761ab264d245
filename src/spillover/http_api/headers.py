"""What headers of a call say: the idempotency key, the trace, and in which older names limits are to be told.

Older names come only to who asks for them, with the header `RateLimit-Profile: x-ratelimit, codex`.
"""

from __future__ import annotations

import re

from spillover.conventions.headers import PROFILES, key_in
from spillover.http_api.endpoint import Heads
from spillover.http_api.problems import Refused

TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
PROFILE = "ratelimit-profile"


def idempotency_key(heads: Heads) -> str | None:
    """The key of the header Idempotency-Key, quoted or plain; None where there is none."""
    given = heads.get("idempotency-key")
    if given is None:
        return None
    key = key_in(given)
    if key is None:
        raise Refused("malformed", f'Idempotency-Key: found {given.strip()[:80]}, expected a key such as "order-17"')
    return key


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
