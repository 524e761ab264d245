"""API keys: made, read from their text, checked, rotated and revoked, by functions without a clock or randomness.

A key is `sp_ID_SECRET`: 12 letters and digits by which it is found, and 256 random bits in 43 characters, of which
only the SHA-256 is kept. So many random bits need no slow hash: nobody guesses them, however fast the hash.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

import msgspec

from spillover.core.intake import TIME_MAX, check_name
from spillover.model.account import NEVER
from spillover.model.errors import BoundExceeded, InvalidInput, shown
from spillover.ports.office import ApiKey, Scope, Secret

Randomness = Callable[[int], bytes]
"""Gives that many random bytes, such as `secrets.token_bytes`."""

ID_LENGTH, SECRET_BYTES = 12, 32
SECRETS_MAX = 4
"""Secrets of one key that are good at the same time."""
BOUND_MAX = 1_000
"""Accounts, or features, that one key is bound to."""
NAME_EXPECTED = "the name of what will use it, such as 'checkout, production'"

_HOLDS: dict[str, tuple[Scope, ...]] = {
    "read": ("read",),
    "decide": ("decide", "read"),
    "admin": ("admin", "decide", "read"),
}
SCOPES = tuple(_HOLDS)
"""From the narrowest to the widest; each holds those before it."""
_shape = re.compile(r"sp_([a-z2-7]{12})_([A-Za-z0-9_-]{43})").fullmatch
_NOBODYS = sha256(b"the secret of no key").digest()


def new_key(
    name: object, scopes: Iterable[object], accounts: Sequence[object], features: Sequence[object], until: int,
    now: int, randomness: Randomness,
) -> tuple[ApiKey, str]:  # fmt: skip
    """A key, and its text, which is in no record and cannot be shown again.

    `accounts`, `features`: the only ones it is good for; none for all. `until`: when it ends (ms since 1970; NEVER for
    no end). Raises InvalidInput, BoundExceeded.
    """
    identity = b32encode(randomness(8)).decode().lower()[:ID_LENGTH]
    secret, kept = _new_secret(_instant("until", until, now), randomness)
    key = ApiKey(
        identity, _name_of(name), _scopes_of(scopes), (kept,), _bound_to("accounts", accounts),
        _bound_to("features", features), now,
    )  # fmt: skip
    return key, f"sp_{identity}_{secret}"


def parse(text: object) -> tuple[str, str] | None:
    """The id and the secret in a key's text; None for what is no key."""
    found = _shape(text) if isinstance(text, str) and len(text) < 64 else None
    return (found[1], found[2]) if found else None


def opens(key: ApiKey | None, secret: str, now: int) -> bool:
    """Whether this secret opens this key now; None, for an id that nobody has, is never opened.

    How long it takes tells nothing of the secret, nor whether there is such a key.
    """
    digest, good = _digest(secret), False
    for kept in key.secrets if key else (Secret(_NOBODYS, 0),):
        good |= hmac.compare_digest(digest, kept.digest) and now < kept.until
    return good and key is not None and not is_revoked(key, now)


def holds(key: ApiKey, scope: Scope) -> bool:
    """Whether the key has the scope, by itself or by a wider one."""
    return any(scope in _HOLDS[one] for one in key.scopes)


def is_revoked(key: ApiKey, now: int) -> bool:
    """Whether it was revoked by now."""
    return 0 < key.revoked <= now


def ends(key: ApiKey) -> int:
    """When its last secret ends, or when it was revoked (ms since 1970)."""
    return min(key.revoked or NEVER, max((secret.until for secret in key.secrets), default=0))


def rotated(key: ApiKey, until: int, old_until: int, now: int, randomness: Randomness) -> tuple[ApiKey, str]:
    """The key with a new secret, good until `until`, and its text. The old ones end at `old_until`, if not before.

    Raises InvalidInput for a revoked key or an instant that is none, BoundExceeded where too many old secrets are good
    still.
    """
    if key.revoked:
        raise InvalidInput("key", f"{key.id}, which is revoked", "one that is not; make another")
    _instant("until", until, now)
    if type(old_until) is not int or not 0 <= old_until <= NEVER:
        raise InvalidInput("old_until", shown(old_until), "milliseconds since 1970")
    old = (Secret(secret.digest, min(secret.until, old_until)) for secret in key.secrets)
    live = tuple(secret for secret in old if now < secret.until)
    if len(live) >= SECRETS_MAX:
        advice = "let an older one end first, or rotate with an earlier end for them"
        raise BoundExceeded("secrets of a key at the same time", len(live) + 1, SECRETS_MAX, advice)
    text, kept = _new_secret(until, randomness)
    return msgspec.structs.replace(key, secrets=(kept, *live)), f"sp_{key.id}_{text}"


def revoked(key: ApiKey, now: int) -> ApiKey:
    """The key as it opens nothing from now on; one that is revoked stays as it is."""
    return key if is_revoked(key, now) else msgspec.structs.replace(key, revoked=max(now, 1))


def _new_secret(until: int, randomness: Randomness) -> tuple[str, Secret]:
    text = urlsafe_b64encode(randomness(SECRET_BYTES)).decode().rstrip("=")
    return text, Secret(_digest(text), until)


def _digest(secret: str) -> bytes:
    """Of the 43 characters as they are written."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _name_of(name: object) -> str:
    try:
        return check_name("name", name)
    except InvalidInput as error:
        raise InvalidInput("name", error.found, f"{NAME_EXPECTED}: {error.expected}") from None


def _scopes_of(scopes: Iterable[object]) -> tuple[Scope, ...]:
    wanted = [scopes] if isinstance(scopes, str) else list(scopes)
    for scope in wanted:
        if scope not in SCOPES:
            raise InvalidInput("scopes", shown(scope), f"one of: {', '.join(SCOPES)}")
    if not wanted:
        raise InvalidInput("scopes", "none", f"at least one of: {', '.join(SCOPES)}")
    return tuple(scope for scope in ("read", "decide", "admin") if scope in wanted)


def _bound_to(field: str, wanted: Sequence[object]) -> tuple[str, ...]:
    if isinstance(wanted, str):
        raise InvalidInput(field, shown(wanted), "a sequence of names; () for all")
    if len(wanted) > BOUND_MAX:
        raise BoundExceeded(f"{field} of a key", len(wanted), BOUND_MAX, "leave them out for all, or make several keys")
    return tuple(dict.fromkeys(check_name(field, name) for name in wanted))


def _instant(field: str, value: object, now: int) -> int:
    if type(value) is int and (value == NEVER or now < value < TIME_MAX):
        return value
    raise InvalidInput(field, shown(value), "milliseconds since 1970, after now and before 2035; left out: no end")
