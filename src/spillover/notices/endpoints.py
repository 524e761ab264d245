"""Endpoints: made, given a new secret, ended, by functions without a clock or randomness."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from spillover.core.intake import exact
from spillover.model.account import NEVER
from spillover.model.errors import BoundExceeded, InvalidInput, UnknownName, shown
from spillover.notices.addresses import target_of
from spillover.notices.signing import new_secret
from spillover.ports.notices import TYPES, Endpoint, EndpointSecret

Randomness = Callable[[int], bytes]
PREFIX, ID_LENGTH = "ep_", 12
SECRETS_MAX = 4
"""Secrets that messages are signed with at the same time."""
ACCOUNTS_MAX = 1_000
"""Accounts that one endpoint is bound to."""
NOTE_MAX = 500
KEEPS_MAX = 31 * 86_400_000
"""How long an old secret goes on, at most (ms)."""


def new_endpoint(
    url: object, types: Sequence[object], accounts: Sequence[int], note: object, now: int, randomness: Randomness, *,
    allow_private: bool,
) -> Endpoint:  # fmt: skip
    """An endpoint with one secret. `accounts`: ids; none for all. Raises InvalidInput, BoundExceeded."""
    target_of(url, allow_private=allow_private)
    if len(accounts) > ACCOUNTS_MAX:
        advice = "leave them out for all, or make several endpoints"
        raise BoundExceeded("accounts of an endpoint", len(accounts), ACCOUNTS_MAX, advice)
    identity = PREFIX + b32encode(randomness(8)).decode().lower()[:ID_LENGTH]
    secret = EndpointSecret(new_secret(randomness), NEVER)
    bound = tuple(dict.fromkeys(accounts))
    return Endpoint(identity, str(url), (secret,), types_of(types), bound, _note_of(note), now)


def types_of(wanted: Sequence[object]) -> tuple[str, ...]:
    """The types of messages that were asked for, each once. Raises UnknownName."""
    for one in wanted:
        if one not in TYPES:
            raise UnknownName("types", shown(one), f"one of: {', '.join(TYPES)}")
    return tuple(type for type in TYPES if type in wanted)


def rotated(endpoint: Endpoint, keeps: object, now: int, randomness: Randomness) -> Endpoint:
    """The endpoint with a new secret, first of all; messages are signed with the old ones too for `keeps` ms.

    Raises InvalidInput for an ended endpoint, BoundExceeded where too many old ones are good still.
    """
    require_open(endpoint)
    if type(keeps) is not int or not 0 <= keeps <= KEEPS_MAX:
        raise InvalidInput("keeps", shown(keeps), "milliseconds, from 0 to 31 days")
    old = (EndpointSecret(secret.text, min(secret.until, now + keeps)) for secret in endpoint.secrets)
    live = tuple(secret for secret in old if now < secret.until)
    if len(live) >= SECRETS_MAX:
        advice = "let an older one end first, or rotate with a shorter time for them"
        raise BoundExceeded("secrets of an endpoint at the same time", len(live) + 1, SECRETS_MAX, advice)
    return msgspec.structs.replace(endpoint, secrets=(EndpointSecret(new_secret(randomness), NEVER), *live))


def ended(endpoint: Endpoint, now: int) -> Endpoint:
    """The endpoint as it wants nothing any more; one that has ended stays as it is."""
    return endpoint if endpoint.ended else msgspec.structs.replace(endpoint, ended=max(now, 1))


def state_of(endpoint: Endpoint) -> Literal["open", "failing", "paused", "ended"]:
    """How it stands, in a word."""
    if endpoint.ended:
        return "ended"
    return "paused" if endpoint.paused else "failing" if endpoint.failing_since else "open"


def good_secrets(endpoint: Endpoint, now: int) -> list[str]:
    """The secrets that a message is signed with now, the newest first: it is always among them."""
    return [secret.text for place, secret in enumerate(endpoint.secrets) if not place or now < secret.until]


def require_open(endpoint: Endpoint) -> None:
    """Raises InvalidInput for one that has ended."""
    if endpoint.ended:
        raise InvalidInput("id", f"{endpoint.id}, which was removed", "one that was not; add another")


def _note_of(note: object) -> str:
    if not isinstance(note, str) or len(note) > NOTE_MAX or any(not sign.isprintable() for sign in note):
        raise InvalidInput("note", shown(note), f"at most {NOTE_MAX} printable characters")
    return exact(note)
